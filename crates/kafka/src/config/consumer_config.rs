//! Configuration of [`Consumer`](crate::consumer::Consumer).
//!
//! Counterpart: org.apache.kafka.clients.consumer.ConsumerConfig.

use std::time::Duration;

use super::client_config::ClientConfig;
use super::consumer_keys::CONSUMER_KEYS;
use super::values::Values;
use super::{Properties, keys};
use crate::error::Result;
use crate::memory::MemoryGovernor;
use crate::metrics::ClientKind;

/// Where to start without a committed offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OffsetReset {
    Earliest,
    Latest,
    /// Surface an error.
    None,
    /// The first record that is not older than this.
    ByDuration(Duration),
}

/// What of transactions is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IsolationLevel {
    /// Records of open and aborted transactions too.
    ReadUncommitted,
    /// Only what is committed.
    ReadCommitted,
}

impl IsolationLevel {
    pub(crate) fn id(self) -> i8 {
        i8::from(self == Self::ReadCommitted)
    }
}

/// How partitions are shared out in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Assignor {
    Range,
    RoundRobin,
    Sticky,
    CooperativeSticky,
}

/// Checked configuration of a consumer.
#[derive(Debug, Clone)]
pub struct ConsumerConfig {
    pub(crate) client: ClientConfig,
    pub(crate) group_id: Option<String>,
    /// `group.instance.id`: a static member.
    pub(crate) group_instance_id: Option<String>,
    pub(crate) api_timeout: Duration,
    pub(crate) session_timeout: Duration,
    pub(crate) heartbeat_interval: Duration,
    pub(crate) max_poll_interval: Duration,
    pub(crate) max_poll_records: usize,
    pub(crate) assignors: Vec<Assignor>,
    pub(crate) reset: OffsetReset,
    pub(crate) isolation: IsolationLevel,
    pub(crate) check_crcs: bool,
    pub(crate) allow_auto_create: bool,
    pub(crate) exclude_internal: bool,
    pub(crate) fetch_min_bytes: i32,
    pub(crate) fetch_max_bytes: i32,
    pub(crate) fetch_max_wait: Duration,
    /// Nobody has said how long a fetch may wait.
    pub(crate) fetch_wait_may_grow: bool,
    pub(crate) max_partition_fetch_bytes: i32,
    pub(crate) rack: String,
    /// What fetched records may take of the process's memory.
    pub(crate) memory: MemoryGovernor,
    /// Between commits of what was handed out; `None` leaves commits to the owner.
    pub(crate) auto_commit: Option<Duration>,
}

impl ConsumerConfig {
    /// Checks properties by Java's names.
    ///
    /// # Errors
    /// The first property that cannot be used, by name.
    pub fn from_properties(properties: &Properties) -> Result<Self> {
        let values = Values::check("consumer", Self::keys(), properties)?;
        if values.text("group.protocol").is_some_and(|name| name.eq_ignore_ascii_case("consumer")) {
            return values.refuse("group.protocol", "the new group protocol is not supported yet; use classic");
        }
        let group_id = values.text("group.id").map(str::to_owned);
        if group_id.as_deref() == Some("") {
            let reason = "The configured group.id should not be an empty string or whitespace.";
            return values.refuse("group.id", reason);
        }
        if group_id.is_none() && values.is_given("enable.auto.commit") && values.flag("enable.auto.commit") {
            let reason = "enable.auto.commit cannot be set to true when default group id (null) is used.";
            return values.refuse("enable.auto.commit", reason);
        }
        let (session, heartbeat) = (values.millis("session.timeout.ms"), values.millis("heartbeat.interval.ms"));
        if group_id.is_some() && heartbeat >= session {
            return values.refuse("heartbeat.interval.ms", "Heartbeat must be set lower than the session timeout");
        }
        let isolation = match values.text("isolation.level") {
            Some("read_committed") => IsolationLevel::ReadCommitted,
            _ => IsolationLevel::ReadUncommitted,
        };
        Ok(Self {
            client: ClientConfig::from_values(ClientKind::Consumer, &values)?,
            auto_commit: (group_id.is_some() && values.flag("enable.auto.commit"))
                .then(|| values.millis("auto.commit.interval.ms")),
            group_id,
            group_instance_id: instance_id(&values)?,
            api_timeout: values.millis("default.api.timeout.ms"),
            session_timeout: session,
            heartbeat_interval: heartbeat,
            max_poll_interval: values.millis("max.poll.interval.ms"),
            max_poll_records: values.size("max.poll.records"),
            assignors: assignors(&values)?,
            reset: offset_reset(&values)?,
            isolation,
            check_crcs: values.flag("check.crcs"),
            allow_auto_create: values.flag("allow.auto.create.topics"),
            exclude_internal: values.flag("exclude.internal.topics"),
            fetch_min_bytes: values.int("fetch.min.bytes"),
            fetch_max_bytes: values.int("fetch.max.bytes"),
            fetch_max_wait: values.millis("fetch.max.wait.ms"),
            fetch_wait_may_grow: !values.is_given("fetch.max.wait.ms"),
            max_partition_fetch_bytes: values.int("max.partition.fetch.bytes"),
            rack: values.text("client.rack").unwrap_or("").to_owned(),
            memory: MemoryGovernor::unlimited(),
        })
    }

    /// Lets fetched records take memory only as `governor` grants it, beside whatever else it serves. Records that were handed out by
    /// a poll are their owner's and do not count any more.
    #[must_use]
    pub fn with_memory(mut self, governor: MemoryGovernor) -> Self {
        self.memory = governor;
        self
    }

    /// Every property of a consumer.
    pub fn keys() -> &'static [keys::ClientConfigKey] {
        CONSUMER_KEYS
    }
}

fn instance_id(values: &Values<'_>) -> Result<Option<String>> {
    let Some(id) = values.text("group.instance.id") else { return Ok(None) };
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    let reason = match id {
        "" => "it must not be empty; remove the property for a member that is not static".to_owned(),
        "." | ".." => "Group instance id cannot be \".\" or \"..\"".to_owned(),
        id if id.len() > 249 => "Group instance id cannot be longer than 249 characters".to_owned(),
        id if !id.chars().all(allowed) => {
            format!(
                "Group instance id is invalid: '{id}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
            )
        }
        id => return Ok(Some(id.to_owned())),
    };
    values.refuse("group.instance.id", reason)
}

fn assignors(values: &Values<'_>) -> Result<Vec<Assignor>> {
    let mut assignors = Vec::new();
    for class in values.list("partition.assignment.strategy") {
        let assignor = match class.rsplit('.').next() {
            Some("RangeAssignor") => Assignor::Range,
            Some("RoundRobinAssignor") => Assignor::RoundRobin,
            Some("StickyAssignor") => Assignor::Sticky,
            Some("CooperativeStickyAssignor") => Assignor::CooperativeSticky,
            _ => {
                return values.refuse(
                    "partition.assignment.strategy",
                    format!(
                        "{class} is not supported; use RangeAssignor, RoundRobinAssignor, StickyAssignor or \
                         CooperativeStickyAssignor of org.apache.kafka.clients.consumer"
                    ),
                );
            }
        };
        if assignors.contains(&assignor) {
            return values.refuse("partition.assignment.strategy", format!("{class} is named twice"));
        }
        assignors.push(assignor);
    }
    if assignors.is_empty() {
        return values.refuse("partition.assignment.strategy", "it must name at least one assignor");
    }
    Ok(assignors)
}

fn offset_reset(values: &Values<'_>) -> Result<OffsetReset> {
    match values.text("auto.offset.reset") {
        Some("earliest") => Ok(OffsetReset::Earliest),
        Some("latest") | None => Ok(OffsetReset::Latest),
        Some("none") => Ok(OffsetReset::None),
        Some(text) => match text.strip_prefix("by_duration:").and_then(iso_duration) {
            Some(duration) => Ok(OffsetReset::ByDuration(duration)),
            None => values.refuse(
                "auto.offset.reset",
                "The value must be either 'earliest', 'latest', 'none' or of the format 'by_duration:<PnDTnHnMn.nS.>'.",
            ),
        },
    }
}

/// A duration as java.time.Duration reads it: days, hours, minutes, and seconds with a fraction.
fn iso_duration(text: &str) -> Option<Duration> {
    let rest = text.strip_prefix(['P', 'p'])?;
    let (days, time) = match rest.split_once(['T', 't']) {
        Some((days, time)) if !time.is_empty() => (days, time),
        Some(_) => return None,
        None => (rest, ""),
    };
    if days.is_empty() && time.is_empty() {
        return None;
    }
    let mut total = Duration::ZERO;
    if !days.is_empty() {
        let count: u64 = days.strip_suffix(['D', 'd'])?.parse().ok()?;
        total += Duration::from_secs(count.checked_mul(86_400)?);
    }
    let mut number = String::new();
    let mut units = "HMS".chars();
    for letter in time.chars() {
        if letter.is_ascii_digit() || letter == '.' {
            number.push(letter);
            continue;
        }
        let unit = letter.to_ascii_uppercase();
        units.find(|candidate| *candidate == unit)?;
        let seconds = match unit {
            'H' => Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(3600)?),
            'M' => Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(60)?),
            _ => Duration::try_from_secs_f64(number.parse().ok()?).ok()?,
        };
        total = total.checked_add(seconds)?;
        number.clear();
    }
    number.is_empty().then_some(total)
}
