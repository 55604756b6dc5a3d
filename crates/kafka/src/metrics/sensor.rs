//! One measured thing: what happened in all, and in the last few windows.
//!
//! Counterpart: org.apache.kafka.common.metrics.stats.SampledStat, Rate, Avg, Max and CumulativeSum in one.

/// `metrics.sample.window.ms` and `metrics.num.samples`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    /// Milliseconds of one window.
    pub length_ms: u64,
    /// How many count.
    pub count: u32,
}

impl Windows {
    fn lasting(self) -> u64 {
        self.length_ms.saturating_mul(u64::from(self.count))
    }
}

/// What happened from `start` on, for one window's length at most.
#[derive(Clone, Copy, Debug)]
struct Window {
    start: u64,
    last: u64,
    events: u64,
    sum: f64,
    most: f64,
}

/// Times are milliseconds since the client was made.
#[derive(Clone, Debug, Default)]
pub(super) struct Sensor {
    events: u64,
    sum: f64,
    /// Oldest first; empty until something happens.
    windows: Vec<Window>,
}

impl Sensor {
    /// One event with a value.
    pub(super) fn record(&mut self, windows: Windows, now: u64, value: f64) {
        self.record_many(windows, now, 1, value, value);
    }

    /// Many events at once, whose values are `sum` together and `most` at most.
    pub(super) fn record_many(&mut self, windows: Windows, now: u64, events: u64, sum: f64, most: f64) {
        self.events += events;
        self.sum += sum;
        let full = self.windows.last().is_none_or(|last| now.saturating_sub(last.start) >= windows.length_ms);
        if full {
            // One more than count is kept, since the oldest may reach into the time that counts.
            self.windows.retain(|window| now.saturating_sub(window.last) < windows.lasting());
            let surplus = self.windows.len().saturating_sub(windows.count as usize);
            self.windows.drain(..surplus);
            if self.windows.len() == self.windows.capacity() {
                self.windows.reserve_exact(1);
            }
            self.windows.push(Window { start: now, last: now, events: 0, sum: 0.0, most: f64::NEG_INFINITY });
        }
        if let Some(window) = self.windows.last_mut() {
            window.events += events;
            window.sum += sum;
            window.most = window.most.max(most);
            window.last = now;
        }
    }

    /// Events since the client was made.
    pub(super) fn total_events(&self) -> f64 {
        self.events as f64
    }

    /// Values of all events since the client was made.
    pub(super) fn total_sum(&self) -> f64 {
        self.sum
    }

    fn live(&self, windows: Windows, now: u64) -> impl Iterator<Item = &Window> {
        self.windows.iter().filter(move |window| now.saturating_sub(window.last) < windows.lasting())
    }

    /// Seconds that a rate is over: since the oldest window began, but never fewer than all windows but one.
    fn seconds(&self, windows: Windows, now: u64) -> f64 {
        let oldest = self.live(windows, now).map(|window| window.start).min().unwrap_or(now);
        let elapsed = now.saturating_sub(oldest);
        let whole = elapsed.checked_div(windows.length_ms).unwrap_or(u64::MAX);
        let missing = u64::from(windows.count).saturating_sub(1).saturating_sub(whole);
        (elapsed + missing * windows.length_ms).max(1) as f64 / 1000.0
    }

    /// Events per second.
    pub(super) fn event_rate(&self, windows: Windows, now: u64) -> f64 {
        let events: u64 = self.live(windows, now).map(|window| window.events).sum();
        events as f64 / self.seconds(windows, now)
    }

    /// Values per second.
    pub(super) fn sum_rate(&self, windows: Windows, now: u64) -> f64 {
        // An empty sum of floats is -0.0.
        self.live(windows, now).fold(0.0, |sum, window| sum + window.sum) / self.seconds(windows, now)
    }

    /// Mean value of an event; not a number if there was none lately.
    pub(super) fn average(&self, windows: Windows, now: u64) -> f64 {
        let (events, sum) =
            self.live(windows, now).fold((0, 0.0), |(events, sum), window| (events + window.events, sum + window.sum));
        if events == 0 { f64::NAN } else { sum / events as f64 }
    }

    /// Largest value of an event; not a number if there was none lately.
    pub(super) fn most(&self, windows: Windows, now: u64) -> f64 {
        let live = self.live(windows, now).filter(|window| window.events > 0);
        live.map(|window| window.most).fold(f64::NAN, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: Windows = Windows { length_ms: 30_000, count: 2 };

    #[test]
    fn a_sensor_that_saw_nothing_has_rate_zero_and_no_average() {
        let sensor = Sensor::default();
        assert_eq!((sensor.event_rate(TWO, 5), sensor.sum_rate(TWO, 5), sensor.total_sum()), (0.0, 0.0, 0.0));
        assert!(sensor.average(TWO, 5).is_nan() && sensor.most(TWO, 5).is_nan());
    }

    #[test]
    fn a_young_rate_counts_as_if_all_windows_but_one_had_passed() {
        let mut sensor = Sensor::default();
        sensor.record(TWO, 1_000, 10.0);
        assert_eq!(sensor.event_rate(TWO, 1_000), 1.0 / 30.0);
        assert_eq!(sensor.sum_rate(TWO, 11_000), 10.0 / 40.0);
        // Beyond the first window the time is as it is.
        assert_eq!(sensor.sum_rate(TWO, 41_000), 10.0 / 40.0);
    }

    #[test]
    fn what_is_older_than_all_windows_no_longer_counts_but_stays_in_the_totals() {
        let mut sensor = Sensor::default();
        sensor.record(TWO, 0, 7.0);
        sensor.record(TWO, 40_000, 3.0);
        assert_eq!((sensor.average(TWO, 50_000), sensor.most(TWO, 50_000)), (5.0, 7.0));
        assert_eq!((sensor.average(TWO, 60_000), sensor.most(TWO, 60_000)), (3.0, 3.0));
        assert!(sensor.average(TWO, 100_000).is_nan());
        assert_eq!((sensor.total_events(), sensor.total_sum()), (2.0, 10.0));
    }

    #[test]
    fn memory_is_bounded_by_the_number_of_windows() {
        let mut sensor = Sensor::default();
        for at in 0..1_000 {
            sensor.record_many(TWO, at * 10_000, 5, 50.0, 20.0);
        }
        assert!(sensor.windows.len() <= 3, "{}", sensor.windows.len());
        assert_eq!(sensor.total_events(), 5_000.0);
        assert_eq!((sensor.average(TWO, 9_990_000), sensor.most(TWO, 9_990_000)), (10.0, 20.0));
    }

    #[test]
    fn windows_without_length_do_not_divide_by_zero() {
        let none = Windows { length_ms: 0, count: 1 };
        let mut sensor = Sensor::default();
        sensor.record(none, 5, 1.0);
        assert!(sensor.event_rate(none, 5).is_finite());
    }
}
