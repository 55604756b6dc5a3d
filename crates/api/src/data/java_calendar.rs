//! Java's calendar: Gregorian from 1582-10-15 on, Julian before, every field free to overflow.
//!
//! Counterpart: `java.util.GregorianCalendar` in UTC, lenient.

use super::MILLIS_PER_DAY;

/// The first Gregorian day, 1582-10-15, as days since the epoch.
const CUTOVER: i64 = -141_427;

/// A day taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    /// Astronomical year: 0 is 1 BC.
    pub(crate) year: i64,
    /// From 1.
    pub(crate) month: i64,
    /// From 1.
    pub(crate) day: i64,
}

/// The date of a day since the epoch.
pub(crate) fn civil(days: i64) -> Civil {
    if days >= CUTOVER { from_days(days + 719_468, true) } else { from_days(days + 719_470, false) }
}

/// Days since the epoch of a date; month and day may lie outside their range.
pub(crate) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year.saturating_add((month - 1).div_euclid(12));
    let month = (month - 1).rem_euclid(12) + 1;
    let gregorian = to_days(year, month, true) - 719_468 + day - 1;
    if gregorian >= CUTOVER { gregorian } else { to_days(year, month, false) - 719_470 + day - 1 }
}

/// Day of the week, 0 for Sunday.
pub(crate) fn weekday(days: i64) -> i64 {
    (days + 4).rem_euclid(7)
}

/// Day and millisecond of the day of an instant.
pub(crate) fn split(millis: i64) -> (i64, i64) {
    (millis.div_euclid(MILLIS_PER_DAY), millis.rem_euclid(MILLIS_PER_DAY))
}

// Both calendars count years from the first of March, so that the leap day is the last one; periods are 400 and 4 years.

fn from_days(days: i64, gregorian: bool) -> Civil {
    let (year, day_of_year) = if gregorian {
        let era = days.div_euclid(146_097);
        let day = days.rem_euclid(146_097);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        (era * 400 + year, day - (365 * year + year / 4 - year / 100))
    } else {
        let era = days.div_euclid(1461);
        let day = days.rem_euclid(1461);
        let year = (day - day / 1460) / 365;
        (era * 4 + year, day - 365 * year)
    };
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    Civil { year: year + i64::from(month <= 2), month, day }
}

fn to_days(year: i64, month: i64, gregorian: bool) -> i64 {
    let year = year - i64::from(month <= 2);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5;
    let leap =
        if gregorian { year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) } else { year.div_euclid(4) };
    year.saturating_mul(365).saturating_add(leap).saturating_add(day_of_year)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_changes_in_1582() {
        assert_eq!(civil(0), Civil { year: 1970, month: 1, day: 1 });
        assert_eq!(civil(CUTOVER), Civil { year: 1582, month: 10, day: 15 });
        assert_eq!(civil(CUTOVER - 1), Civil { year: 1582, month: 10, day: 4 });
        // 0001-01-01 of the proleptic Gregorian calendar is two days later in the Julian one.
        assert_eq!(civil(-719_162), Civil { year: 1, month: 1, day: 3 });
    }

    #[test]
    fn dates_come_back() {
        for day in (-1_000_000..1_000_000).step_by(97) {
            let date = civil(day);
            assert_eq!(days(date.year, date.month, date.day), day, "{date:?}");
        }
        assert_eq!(days(2019, 13, 45), days(2020, 2, 14));
        assert_eq!(weekday(0), 4);
    }
}
