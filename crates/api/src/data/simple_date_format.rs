//! `SimpleDateFormat`: dates as texts by pattern letters, lenient when reading.
//!
//! Counterpart: `java.text.SimpleDateFormat` in UTC with English names.

use super::java_calendar::{civil, days, split, weekday};
use super::{MILLIS_PER_DAY, values::java_digit};
use crate::error::{Error, Result};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const LETTERS: &str = "GyMdkHmsSEDFwWahKzZYuXL";

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct SimpleDateFormat {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Literal(String),
    Field { letter: char, count: usize },
}

/// Fields of an instant.
struct Moment {
    days: i64,
    millis: i64,
}

impl SimpleDateFormat {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// `Illegal pattern character 'x'`, `Unterminated quote`.
    pub fn new(pattern: &str) -> Result<Self> {
        let illegal = |message: String| Error::config(message).with_class("java.lang.IllegalArgumentException");
        let mut parts: Vec<Part> = Vec::new();
        let mut chars = pattern.chars().peekable();
        let mut quoted = false;
        while let Some(c) = chars.next() {
            if c == '\'' {
                if chars.peek() == Some(&'\'') {
                    chars.next();
                    push_literal(&mut parts, '\'');
                } else {
                    quoted = !quoted;
                }
            } else if quoted || !c.is_ascii_alphabetic() {
                push_literal(&mut parts, c);
            } else {
                if !LETTERS.contains(c) {
                    return Err(illegal(format!("Illegal pattern character '{c}'")));
                }
                let mut count = 1;
                while chars.next_if_eq(&c).is_some() {
                    count += 1;
                }
                if c == 'X' && count > 3 {
                    return Err(illegal(format!("invalid ISO 8601 format: length={count}")));
                }
                parts.push(Part::Field { letter: c, count });
            }
        }
        if quoted {
            return Err(illegal("Unterminated quote".to_owned()));
        }
        Ok(SimpleDateFormat { parts })
    }

    /// The text of an instant, given in milliseconds since the epoch.
    pub fn format(&self, millis: i64) -> String {
        let (days, millis) = split(millis);
        let moment = Moment { days, millis };
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Field { letter, count } => moment.write(&mut out, *letter, *count),
            }
        }
        out
    }

    /// The instant that the start of `text` stands for, in milliseconds since the epoch; what follows is ignored, and fields may overflow.
    /// `None` if the text does not match.
    pub fn parse(&self, text: &str) -> Option<i64> {
        let mut fields = Fields::default();
        let mut rest = text;
        for (i, part) in self.parts.iter().enumerate() {
            match part {
                Part::Literal(literal) => rest = rest.strip_prefix(literal.as_str())?,
                Part::Field { letter, count } => {
                    // A number right before another number takes exactly as many digits as the pattern has letters.
                    let abuts = match self.parts.get(i + 1) {
                        Some(Part::Field { letter, count }) => is_numeric(*letter, *count),
                        _ => false,
                    };
                    let width = (abuts && is_numeric(*letter, *count)).then_some(*count);
                    rest = fields.read(rest, *letter, *count, width)?;
                }
            }
        }
        fields.millis()
    }
}

fn push_literal(parts: &mut Vec<Part>, c: char) {
    match parts.last_mut() {
        Some(Part::Literal(text)) => text.push(c),
        _ => parts.push(Part::Literal(c.to_string())),
    }
}

fn is_numeric(letter: char, count: usize) -> bool {
    match letter {
        'G' | 'E' | 'a' | 'z' | 'Z' | 'X' => false,
        'M' | 'L' => count <= 2,
        _ => true,
    }
}

impl Moment {
    fn write(&self, out: &mut String, letter: char, count: usize) {
        use std::fmt::Write as _;
        let date = civil(self.days);
        let year_of_era = if date.year > 0 { date.year } else { 1 - date.year };
        let hour = self.millis / 3_600_000;
        let day_of_year = self.days - days(date.year, 1, 1) + 1;
        let number = match letter {
            'G' => return out.push_str(if date.year > 0 { "AD" } else { "BC" }),
            'y' if count == 2 => year_of_era % 100,
            'y' => year_of_era,
            'Y' => {
                let year = self.week_year(date.year);
                if count == 2 { year % 100 } else { year }
            }
            'M' | 'L' if count >= 3 => {
                let name = MONTHS[(date.month - 1) as usize];
                return out.push_str(if count >= 4 { name } else { &name[..3] });
            }
            'M' | 'L' => date.month,
            'd' => date.day,
            'E' => {
                let name = WEEKDAYS[weekday(self.days) as usize];
                return out.push_str(if count >= 4 { name } else { &name[..3] });
            }
            'u' => (weekday(self.days) + 6) % 7 + 1,
            'D' => day_of_year,
            'F' => (date.day - 1) / 7 + 1,
            'w' => self.week_of_year(date.year),
            'W' => (date.day - 1 + weekday(self.days - date.day + 1)) / 7 + 1,
            'a' => return out.push_str(if hour < 12 { "AM" } else { "PM" }),
            'H' => hour,
            'k' if hour == 0 => 24,
            'k' => hour,
            'K' => hour % 12,
            'h' => (hour + 11) % 12 + 1,
            'm' => self.millis / 60_000 % 60,
            's' => self.millis / 1000 % 60,
            'S' => self.millis % 1000,
            'z' => return out.push_str(if count >= 4 { "Coordinated Universal Time" } else { "UTC" }),
            'Z' => return out.push_str("+0000"),
            _ => return out.push('Z'),
        };
        // Writing to a text does not fail.
        _ = write!(out, "{number:0count$}");
    }

    /// Weeks start on Sunday, and the one with January 1st is the first.
    fn week_year(&self, year: i64) -> i64 {
        if self.days >= week_start(year + 1) { year + 1 } else { year }
    }

    fn week_of_year(&self, year: i64) -> i64 {
        (self.days - week_start(self.week_year(year))) / 7 + 1
    }
}

/// The Sunday on or before January 1st.
fn week_start(year: i64) -> i64 {
    let first = days(year, 1, 1);
    first - weekday(first)
}

/// What was read so far; absent fields are those of 1970-01-01T00:00.
#[derive(Default)]
struct Fields {
    year: Option<i64>,
    bc: bool,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: i64,
    half_day_hour: Option<i64>,
    afternoon: bool,
    minute: i64,
    second: i64,
    milli: i64,
    zone_millis: i64,
}

impl Fields {
    /// Reads one field and gives what follows it.
    fn read<'t>(&mut self, text: &'t str, letter: char, count: usize, width: Option<usize>) -> Option<&'t str> {
        let text = text.trim_start_matches([' ', '\t']);
        if text.is_empty() {
            return None;
        }
        if !is_numeric(letter, count) {
            return self.read_name(text, letter);
        }
        let (number, digits, rest) = integer(text, width)?;
        match letter {
            'y' | 'Y' => {
                self.year = Some(if count <= 2 && digits == 2 && number >= 0 { windowed(number) } else { number })
            }
            'M' | 'L' => self.month = Some(number),
            'd' => self.day = Some(number),
            'D' => self.day_of_year = Some(number),
            'H' => self.hour = number,
            'k' => self.hour = if number == 24 { 0 } else { number },
            'K' => self.half_day_hour = Some(number),
            'h' => self.half_day_hour = Some(if number == 12 { 0 } else { number }),
            'm' => self.minute = number,
            's' => self.second = number,
            'S' => self.milli = number,
            // Weeks and weekdays say nothing that the date does not.
            _ => {}
        }
        Some(rest)
    }

    fn read_name<'t>(&mut self, text: &'t str, letter: char) -> Option<&'t str> {
        match letter {
            'M' | 'L' => {
                let (index, rest) = name(text, &MONTHS)?;
                self.month = Some(index as i64 + 1);
                Some(rest)
            }
            'E' => name(text, &WEEKDAYS).map(|(_, rest)| rest),
            'a' => {
                let (index, rest) = name(text, &["AM", "PM"])?;
                self.afternoon = index == 1;
                Some(rest)
            }
            'G' => {
                let (index, rest) = name(text, &["AD", "BC"])?;
                self.bc = index == 1;
                Some(rest)
            }
            _ => self.read_zone(text, letter),
        }
    }

    fn read_zone<'t>(&mut self, text: &'t str, letter: char) -> Option<&'t str> {
        if letter == 'X'
            && let Some(rest) = text.strip_prefix('Z')
        {
            return Some(rest);
        }
        let named =
            ["UTC", "GMT", "Z"].iter().find_map(|zone| if letter == 'X' { None } else { text.strip_prefix(zone) });
        let offset = named.unwrap_or(text);
        let sign = match offset.as_bytes().first() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return named,
        };
        let digits: String = offset[1..].chars().take(5).filter(|c| *c != ':').collect();
        let colon = offset.get(3..4) == Some(":");
        let hours: i64 = digits.get(..2)?.parse().ok()?;
        let minutes: Option<i64> = digits.get(2..4).and_then(|m| m.parse().ok());
        self.zone_millis = sign * (hours * 60 + minutes.unwrap_or(0)) * 60_000;
        let used = 3 + if minutes.is_some() { 2 + usize::from(colon) } else { 0 };
        offset.get(used..)
    }

    fn millis(&self) -> Option<i64> {
        let year = self.year.unwrap_or(1970);
        let year = if self.bc { 1 - year } else { year };
        let day = match self.day_of_year {
            Some(day) if self.day.is_none() && self.month.is_none() => days(year, 1, 1) + day - 1,
            _ => days(year, self.month.unwrap_or(1), 1).checked_add(self.day.unwrap_or(1) - 1)?,
        };
        // Leniently, days count on through the change of calendar.
        let day = match (self.day_of_year, self.day) {
            (None, Some(of_month)) if (1..=31).contains(&of_month) => days(year, self.month.unwrap_or(1), of_month),
            _ => day,
        };
        let hour = match self.half_day_hour {
            Some(hour) => hour + if self.afternoon { 12 } else { 0 },
            None => self.hour,
        };
        let time = hour.checked_mul(3_600_000)?.checked_add(self.minute.checked_mul(60_000)?)?;
        let time = time.checked_add(self.second.checked_mul(1000)?)?.checked_add(self.milli)?;
        day.checked_mul(MILLIS_PER_DAY)?.checked_add(time)?.checked_sub(self.zone_millis)
    }
}

/// A year of two digits lies within 80 years before and 20 years after today.
fn windowed(two_digits: i64) -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64);
    let start = civil(split(now).0).year - 80;
    start + (two_digits - start).rem_euclid(100)
}

/// The index of the name that `text` starts with, whole or by its first three letters, in any case.
fn name<'t>(text: &'t str, names: &[&str]) -> Option<(usize, &'t str)> {
    let starts =
        |name: &str| text.get(..name.len()).filter(|head| head.eq_ignore_ascii_case(name)).map(|_| &text[name.len()..]);
    let whole = names.iter().enumerate().find_map(|(i, name)| starts(name).map(|rest| (i, rest)));
    whole.or_else(|| names.iter().enumerate().find_map(|(i, name)| starts(name.get(..3)?).map(|rest| (i, rest))))
}

/// An integer with its number of digits and what follows it.
fn integer(text: &str, width: Option<usize>) -> Option<(i64, usize, &str)> {
    let (negative, digits_text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let limit = match width {
        Some(width) if text.chars().count() < width => return None,
        Some(width) => width - usize::from(negative),
        None => usize::MAX,
    };
    let mut number: i64 = 0;
    let mut digits = 0;
    let mut end = 0;
    for c in digits_text.chars().take(limit) {
        let Some(digit) = java_digit(c) else { break };
        number = number.saturating_mul(10).saturating_add(i64::from(digit));
        digits += 1;
        end += c.len_utf8();
    }
    if digits == 0 {
        return None;
    }
    // Calendar fields are 32-bit integers; larger numbers lose their high bits.
    let number = i64::from((if negative { -number } else { number }) as i32);
    Some((number, digits, &digits_text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(pattern: &str, millis: i64) -> String {
        SimpleDateFormat::new(pattern).unwrap().format(millis)
    }

    fn parse(pattern: &str, text: &str) -> Option<i64> {
        SimpleDateFormat::new(pattern).unwrap().parse(text)
    }

    #[test]
    fn instants_print_by_pattern() {
        let at = 1_700_000_000_123; // a Tuesday
        assert_eq!(format("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", at), "2023-11-14T22:13:20.123Z");
        assert_eq!(format("yyyyMMdd", at), "20231114");
        assert_eq!(format("YYYY.MM.dd EEE EEEE MMM MMMM yy", at), "2023.11.14 Tue Tuesday Nov November 23");
        assert_eq!(format("hh:mm a k K h D w W F u G z Z X ''", at), "10:13 PM 22 10 10 318 46 3 2 2 AD UTC +0000 Z '");
        assert_eq!(format("YYYY-ww", 1_704_000_000_000), "2024-01");
        assert_eq!(format("yyyy-MM-dd G", -62_135_596_800_000), "0001-01-03 AD");
        assert!(SimpleDateFormat::new("bad").is_err());
        assert!(SimpleDateFormat::new("'x").is_err());
    }

    #[test]
    fn reading_is_lenient_and_stops_where_the_pattern_ends() {
        assert_eq!(parse("yyyy-MM-dd", "2024-02-30"), Some(1_709_251_200_000));
        assert_eq!(parse("yyyy-MM-dd", "2019-13-45"), Some(1_581_638_400_000));
        assert_eq!(parse("yyyy-MM-dd", "2019-1-1xx"), Some(1_546_300_800_000));
        assert_eq!(parse("HH:mm:ss.SSS'Z'", "99:99:99.999Z"), Some(362_439_999));
        assert_eq!(parse("yyyyMMddHHmm", "202311142213"), Some(1_699_999_980_000));
        assert_eq!(parse("MMM d, yyyy h:mm a Z", "Nov 14, 2023 10:13 PM +0100"), Some(1_699_996_380_000));
        assert_eq!(parse("MM/dd", "2024-02-30"), None);
        assert_eq!(parse("yyyy", ""), None);
    }
}
