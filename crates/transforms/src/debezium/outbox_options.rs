//! The settings of `EventRouter`.
//!
//! Counterpart: `io.debezium.transforms.outbox.EventRouterConfigDefinition`.

use milena_api::config::{ConfigDef, ConfigKey, ConfigMap, Importance, Type, Width};
use milena_api::data::Str;
use milena_api::error::{Error, Result};

use super::adjust::{Adjust, MODES};
use super::options::{Options, java_split, java_trim};
use crate::config::{definition, high, low, medium};

const EVENT_ID: &str = "table.field.event.id";
const EVENT_KEY: &str = "table.field.event.key";
const EVENT_TYPE: &str = "table.field.event.type";
const PAYLOAD: &str = "table.field.event.payload";
const TIMESTAMP: &str = "table.field.event.timestamp";
const PLACEMENT: &str = "table.fields.additional.placement";
const ERROR_ON_MISSING: &str = "table.fields.additional.error.on.missing";
const SCHEMA_VERSION: &str = "table.field.event.schema.version";
const INVALID_OPERATION: &str = "table.op.invalid.behavior";
const EXPAND: &str = "table.expand.json.payload";
const NULL_BEHAVIOR: &str = "table.json.payload.null.behavior";
const ROUTE_BY: &str = "route.by.field";
const ROUTE_REGEX: &str = "route.topic.regex";
const ROUTE_REPLACEMENT: &str = "route.topic.replacement";
const TOMBSTONE: &str = "route.tombstone.on.empty.payload";
/// Not in the definition, but read.
const FIELD_NAMES: &str = "field.name.adjustment.mode";

const INVALID_OPERATIONS: [&str; 3] = ["warn", "error", "fatal"];
const NULL_BEHAVIORS: [&str; 2] = ["ignore", "optional_bytes"];
const DEFAULT_REGEX: &str = "(?<routedByValue>.*)";
const DEFAULT_REPLACEMENT: &str = "outbox.event.${routedByValue}";

/// Buckets of the Java map that the keys are checked in.
const BUCKETS: u32 = 32;

/// What happens to an update of the outbox table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum InvalidOperation {
    /// Dropped, with a warning.
    #[default]
    Warn,
    /// Dropped, with an error in the log.
    Error,
    /// Refused.
    Fatal,
}

/// Where a further column goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placement {
    Header,
    Envelope,
    Partition,
    /// Something else was asked for; Java accepts it and fails at the first record.
    Unknown,
}

/// A further column.
#[derive(Debug)]
pub(super) struct Additional {
    pub(super) field: Str,
    pub(super) placement: Placement,
    pub(super) alias: Str,
}

/// All settings.
#[derive(Debug, Default)]
pub(super) struct OutboxOptions {
    pub(super) id: Str,
    pub(super) key: Str,
    pub(super) payload: Str,
    pub(super) timestamp: Option<Str>,
    pub(super) schema_version: Option<Str>,
    pub(super) route_by: Str,
    pub(super) route_regex: String,
    pub(super) route_replacement: String,
    pub(super) additional: Vec<Additional>,
    pub(super) error_on_missing: bool,
    pub(super) invalid_operation: InvalidOperation,
    pub(super) tombstone_on_empty: bool,
    /// How JSON is expanded, if it is: whether nulls become bytes, and how fields are named.
    pub(super) expand: Option<(bool, Adjust)>,
}

pub(super) fn config() -> Result<ConfigDef> {
    let text = |key: ConfigKey, group: (&str, i32), name: &str| {
        key.group(group.0, group.1).width(Width::Medium).display_name(name)
    };
    let table = |order: i32| ("Table", order);
    let router = |order: i32| ("Router", order);
    let tracing = |order: i32| ("Tracing", order);
    let string = |name: &str, doc: &str| ConfigKey::new(name, Type::String).importance(Importance::Low).doc(doc);
    let unused = "Accepted, and without effect: this worker has no tracer.";
    definition([
        text(string(EVENT_ID, "Column with the id of the event; it goes into the header id.").default("id"), table(1), "Event ID Field"),
        text(string(EVENT_KEY, "Column that becomes the key of the record.").default("aggregateid"), table(2), "Event Key Field"),
        text(string(EVENT_TYPE, "Column with the type of the event. It is not read: place it with table.fields.additional.placement.").default("type"), table(3), "Event Type Field"),
        text(string(PAYLOAD, "Column that becomes the value of the record.").default("payload"), table(4), "Event Payload Field"),
        text(
            medium(TIMESTAMP, Type::String, "Column that becomes the timestamp of the record, if not the time at which the event was captured.").default_null(),
            table(5),
            "Event Timestamp Field",
        ),
        text(
            high(PLACEMENT, Type::List, "Further columns, as column:place or column:place:name. The place is header, envelope (a field beside the payload) or partition.").default_null(),
            table(6),
            "Settings for each additional column in the outbox table",
        ),
        text(
            medium(ERROR_ON_MISSING, Type::Boolean, "Whether a further column that an event does not have is an error; else it is left out.").default(true),
            table(7),
            "Should the transform error if an additional field is missing in the change data",
        ),
        text(low(SCHEMA_VERSION, Type::String, "Column with the version of the schema of the value.").default_null(), table(8), "Event Schema Version Field"),
        text(
            medium(INVALID_OPERATION, Type::String, "What happens to an update of the table, which is not meant to have any: dropped with a warning (warn) or an error in the log (error), or an error (fatal).").default("warn"),
            table(9),
            "Behavior when capturing an unexpected outbox event",
        ),
        text(
            medium(EXPAND, Type::Boolean, "Whether a payload that is the text of a JSON object becomes a struct. A text that is none stays as it is.").default(false),
            table(10),
            "Expand Payload escaped string as real JSON",
        ),
        text(
            medium(NULL_BEHAVIOR, Type::String, "What becomes of a null in such a JSON object: it is left out (ignore), or a field of optional bytes (optional_bytes).").default("ignore"),
            table(11),
            "Behavior when json payload including null value",
        ),
        text(high(ROUTE_BY, Type::String, "Column whose value decides the topic.").default("aggregatetype"), router(1), "Field to route events by"),
        text(low(ROUTE_REGEX, Type::String, "Regular expression that the value of that column is matched with, from end to end.").default(DEFAULT_REGEX), router(2), "The name of the routed topic"),
        text(high(ROUTE_REPLACEMENT, Type::String, "The topic, with groups of that regular expression.").default(DEFAULT_REPLACEMENT), router(3), "The name of the routed topic"),
        text(high(TOMBSTONE, Type::Boolean, "Whether an event without payload becomes a tombstone.").default(false), router(4), "Empty payloads cause a tombstone message"),
        text(high("tracing.span.context.field", Type::String, unused).default("tracingspancontext"), tracing(1), "Serialized tracing span context field"),
        text(high("tracing.operation.name", Type::String, unused).default("debezium-read"), tracing(2), "Tracing operation name"),
        text(high("tracing.with.context.field.only", Type::Boolean, unused).default(false), tracing(3), "Trace only events with context field present"),
    ])
}

impl OutboxOptions {
    pub(super) fn read(config: &ConfigMap) -> Result<OutboxOptions> {
        let mut options = Options::new(config);
        check_placement(&mut options);
        for key in [ERROR_ON_MISSING, TOMBSTONE, EXPAND] {
            options.check_flag(key);
        }
        options.check_regex(ROUTE_REGEX);
        options.check_one_of(INVALID_OPERATION, &INVALID_OPERATIONS);
        options.check_one_of(NULL_BEHAVIOR, &NULL_BEHAVIORS);
        let is =
            |key: &str, name: &str| options.text(key).is_some_and(|text| java_trim(text).eq_ignore_ascii_case(name));
        let string = |key: &str, default: &'static str| Str::from(options.text_or(key, default));
        let read = OutboxOptions {
            id: string(EVENT_ID, "id"),
            key: string(EVENT_KEY, "aggregateid"),
            payload: string(PAYLOAD, "payload"),
            timestamp: options.text(TIMESTAMP).map(Str::from),
            schema_version: options.text(SCHEMA_VERSION).map(Str::from),
            route_by: string(ROUTE_BY, "aggregatetype"),
            route_regex: options.text_or(ROUTE_REGEX, DEFAULT_REGEX).to_owned(),
            route_replacement: options.text_or(ROUTE_REPLACEMENT, DEFAULT_REPLACEMENT).to_owned(),
            additional: options.text(PLACEMENT).map(additional).unwrap_or_default(),
            error_on_missing: options.flag(ERROR_ON_MISSING, true),
            invalid_operation: match () {
                () if is(INVALID_OPERATION, "error") => InvalidOperation::Error,
                () if is(INVALID_OPERATION, "fatal") => InvalidOperation::Fatal,
                () => InvalidOperation::Warn,
            },
            tombstone_on_empty: options.flag(TOMBSTONE, false),
            expand: options.flag(EXPAND, false).then(|| (is(NULL_BEHAVIOR, "optional_bytes"), Adjust::None)),
        };
        let names = options.text_or(FIELD_NAMES, MODES[0]);
        options.finish_with_details(BUCKETS)?;
        let Some((null_as_bytes, _)) = read.expand else { return Ok(read) };
        // Java does not check this key, and fails where it is used.
        let names = Adjust::parse(names).ok_or_else(|| {
            let message = format!("{FIELD_NAMES} is {names}, and has to be one of {}", MODES.join(", "));
            Error::config(message).with_class("java.lang.NullPointerException")
        })?;
        Ok(OutboxOptions { expand: Some((null_as_bytes, names)), ..read })
    }
}

fn check_placement(options: &mut Options<'_>) {
    let Some(text) = options.text(PLACEMENT) else { return };
    let items = java_split(text, ',');
    if items.iter().any(|item| !matches!(java_split(item, ':').len(), 2 | 3)) {
        let shown = items.join(", ");
        let reason = format!("A comma-separated list of valid String pairs or trios is expected but got: [{shown}]");
        options.problem(PLACEMENT, reason);
    }
}

fn additional(text: &str) -> Vec<Additional> {
    let one = |item: &str| {
        let parts: Vec<&str> = java_split(item, ':').into_iter().map(java_trim).collect();
        let (field, placement) = (*parts.first()?, *parts.get(1)?);
        let placement = match placement.to_ascii_lowercase().as_str() {
            "header" => Placement::Header,
            "envelope" => Placement::Envelope,
            "partition" => Placement::Partition,
            _ => Placement::Unknown,
        };
        Some(Additional {
            field: Str::from(field),
            placement,
            alias: Str::from(parts.get(2).copied().unwrap_or(field)),
        })
    };
    java_split(text, ',').into_iter().filter_map(one).collect()
}
