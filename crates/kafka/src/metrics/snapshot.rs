//! Readings of all metrics of a client at one instant.
//!
//! Counterpart: org.apache.kafka.common.Metric and MetricName.

use std::fmt;

use super::sensor::{Sensor, Windows};

/// Topics that were not in use for so many milliseconds are forgotten when another one comes, so that a client of ever new topics does not grow.
/// Java's clients keep them all.
pub(super) const TOPIC_MEMORY: u64 = 60 * 60 * 1000;

/// A metric as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Java's group, for instance `consumer-fetch-manager-metrics`.
    pub group: String,
    /// Java's name, for instance `records-consumed-rate`.
    pub name: String,
    /// Java's tags, sorted by name: `client-id`, and where they apply `node-id`, `partition`, `topic`.
    pub tags: Vec<(&'static str, String)>,
    /// Now.
    pub value: MetricValue,
    /// One sentence.
    pub description: String,
}

/// Value of a metric.
#[derive(Clone, Debug, PartialEq)]
pub enum MetricValue {
    /// A number; not a number where there is nothing to measure, as Java has it.
    Number(f64),
    /// A text, as of `app-info`.
    Text(String),
}

impl MetricValue {
    /// The number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(_) => None,
        }
    }
}

impl fmt::Display for MetricValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// Collects the metrics of one group with the same tags.
pub(super) struct Page<'a> {
    pub all: &'a mut Vec<Metric>,
    pub group: String,
    pub tags: Vec<(&'static str, String)>,
    pub windows: Windows,
    /// Milliseconds since the client was made.
    pub now: u64,
}

impl Page<'_> {
    pub(super) fn number(&mut self, name: impl Into<String>, value: f64, description: impl Into<String>) {
        self.add(name.into(), MetricValue::Number(value), description.into());
    }

    pub(super) fn text(&mut self, name: &str, value: String, description: &str) {
        self.add(name.to_owned(), MetricValue::Text(value), description.to_owned());
    }

    fn add(&mut self, name: String, value: MetricValue, description: String) {
        let (group, tags) = (self.group.clone(), self.tags.clone());
        self.all.push(Metric { group, name, tags, value, description });
    }

    /// `-rate` and `-total` of events.
    pub(super) fn events(&mut self, name: &str, what: &str, sensor: &Sensor) {
        self.number(format!("{name}-rate"), sensor.event_rate(self.windows, self.now), format!("{what}, per second."));
        self.number(format!("{name}-total"), sensor.total_events(), format!("{what}, in all."));
    }

    /// `-rate` and `-total` of values.
    pub(super) fn sums(&mut self, name: &str, what: &str, sensor: &Sensor) {
        self.number(format!("{name}-rate"), sensor.sum_rate(self.windows, self.now), format!("{what}, per second."));
        self.number(format!("{name}-total"), sensor.total_sum(), format!("{what}, in all."));
    }

    /// `-avg` of values.
    pub(super) fn average(&mut self, name: &str, what: &str, sensor: &Sensor) {
        self.number(format!("{name}-avg"), sensor.average(self.windows, self.now), format!("{what}, on average."));
    }

    /// `-max` of values.
    pub(super) fn most(&mut self, name: &str, what: &str, sensor: &Sensor) {
        self.number(format!("{name}-max"), sensor.most(self.windows, self.now), format!("{what}, at most."));
    }

    /// `-avg` and `-max` of values.
    pub(super) fn spread(&mut self, name: &str, what: &str, sensor: &Sensor) {
        self.average(name, what, sensor);
        self.most(name, what, sensor);
    }

    /// Seconds since `then`, or -1 if that never was.
    pub(super) fn seconds_ago(&mut self, name: &str, then: Option<u64>, description: &str) {
        let ago = then.map_or(-1.0, |then| (self.now.saturating_sub(then) / 1000) as f64);
        self.number(name, ago, description);
    }
}
