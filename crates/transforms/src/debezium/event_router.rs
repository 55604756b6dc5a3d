//! `EventRouter`: turns rows that are inserted into an outbox table into the events that they hold.
//!
//! Counterpart: `io.debezium.transforms.outbox.EventRouter`.

use std::collections::HashMap;
use std::sync::Arc;

use milena_api::config::{ConfigDef, ConfigMap};
use milena_api::data::{Schema, SchemaBuilder, Str, Struct, Type, Value};
use milena_api::error::{Error, Result};
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use super::envelope::{self, Column, connect, null_pointer};
use super::expand::{Expanded, Expander};
use super::options::java_trim;
use super::outbox_options::{self, Additional, InvalidOperation, OutboxOptions, Placement};
use super::topic_names::TopicNames;
use crate::regex_router::RegexRouter;
use crate::require;
use crate::schema_cache::SchemaCache;

/// Field of the payload where there are further fields.
const PAYLOAD: &str = "payload";

/// Schemas of values remembered at most, as in Java.
const CAPACITY: usize = 10_000;

/// Routes events.
#[derive(Default)]
pub struct EventRouter {
    options: OutboxOptions,
    expander: Option<Expander>,
    /// Whether the value is a struct of the payload and further fields.
    wraps: bool,
    router: RegexRouter,
    topics: TopicNames,
    plans: SchemaCache<Plan>,
    wrappers: Wrappers,
}

/// Where things are in an envelope and in the row in it.
struct Plan {
    operation: Column,
    captured_at: Column,
    after: Column,
    row: Option<Row>,
}

struct Row {
    id: Column,
    key: Column,
    payload: Column,
    route_by: Column,
    timestamp: Option<Column>,
    schema_version: Option<Column>,
    additional: Vec<Column>,
}

impl Plan {
    fn of(envelope: &Schema, options: &OutboxOptions) -> Result<Plan> {
        let mut after = Column::of(envelope, envelope::AFTER)?;
        Column::set_alone(&mut [&mut after]);
        let row = match after.schema(envelope) {
            Some(schema) if schema.ty() == Type::Struct => Some(Row::of(schema, options)?),
            _ => None,
        };
        Ok(Plan {
            operation: Column::of(envelope, envelope::OPERATION)?,
            captured_at: Column::of(envelope, envelope::TIMESTAMP)?,
            after,
            row,
        })
    }
}

impl Row {
    fn of(schema: &Schema, options: &OutboxOptions) -> Result<Row> {
        let column = |name: &Str| Column::of(schema, name);
        let mut row = Row {
            id: column(&options.id)?,
            key: column(&options.key)?,
            payload: column(&options.payload)?,
            route_by: column(&options.route_by)?,
            timestamp: options.timestamp.as_ref().map(column).transpose()?,
            schema_version: options.schema_version.as_ref().map(column).transpose()?,
            additional: options.additional.iter().map(|one| column(&one.field)).collect::<Result<_>>()?,
        };
        let mut columns = vec![&mut row.id, &mut row.key, &mut row.payload, &mut row.route_by];
        columns.extend(row.timestamp.iter_mut().chain(&mut row.schema_version).chain(&mut row.additional));
        Column::set_alone(&mut columns);
        Ok(row)
    }

    /// The timestamp of the record, in milliseconds.
    fn timestamp(&self, event: &Struct, plan: &Plan, row: &Struct, options: &OutboxOptions) -> Result<Option<i64>> {
        let (Some(column), Some(name)) = (&self.timestamp, &options.timestamp) else {
            return plan.captured_at.int64(event);
        };
        let Some(schema) = column.schema(row.schema()) else {
            return Err(connect(format!("Unable to find timestamp field {name} in event")));
        };
        let Some(time) = column.int64(row)? else { return plan.captured_at.int64(event) };
        match schema.name().map(Str::as_str) {
            Some("io.debezium.time.Timestamp") => Ok(Some(time)),
            Some("io.debezium.time.MicroTimestamp") => Ok(Some(time / 1_000)),
            Some("io.debezium.time.NanoTimestamp") => Ok(Some(time / 1_000_000)),
            Some(name) => Err(connect(format!("Unsupported field type {name} for event timestamp"))),
            None => {
                let ty = schema.ty();
                Err(connect(format!("Unsupported field type {ty} (without logical schema name) for event timestamp")))
            }
        }
    }
}

/// Schemas of values that hold a payload and further fields.
#[derive(Default)]
struct Wrappers {
    /// By the schema of the payload. As in Java, nothing else decides: the name of the first event's stays.
    by_payload: HashMap<Schema, Schema>,
    last: Option<(Schema, Schema)>,
    /// By version, where events have one.
    by_version: HashMap<Option<i32>, Schema>,
}

impl Wrappers {
    fn of_payload(&mut self, payload: Option<&Schema>, make: impl FnOnce() -> Result<SchemaBuilder>) -> Result<Schema> {
        let Some(payload) = payload else { return Err(null_pointer("the payload has no schema")) };
        if let Some((last, schema)) = &self.last
            && last.same(payload)
        {
            return Ok(schema.clone());
        }
        let schema = match self.by_payload.get(payload) {
            Some(schema) => schema.clone(),
            None => {
                let schema = make()?.build()?;
                if self.by_payload.len() >= CAPACITY {
                    self.by_payload.clear();
                }
                self.by_payload.insert(payload.clone(), schema.clone());
                schema
            }
        };
        self.last = Some((payload.clone(), schema.clone()));
        Ok(schema)
    }

    fn of_version(&mut self, version: Option<i32>, make: impl FnOnce() -> Result<SchemaBuilder>) -> Result<Schema> {
        if let Some(schema) = self.by_version.get(&version) {
            return Ok(schema.clone());
        }
        let builder = make()?;
        let schema = match version {
            Some(version) => builder.version(version).build()?,
            None => builder.build()?,
        };
        if self.by_version.len() >= CAPACITY {
            self.by_version.clear();
        }
        self.by_version.insert(version, schema.clone());
        Ok(schema)
    }
}

/// The schema of a value that holds a payload and further fields.
fn wrapper(
    payload: Option<&Schema>,
    row: &Schema,
    route: Option<&Str>,
    additional: &[Additional],
) -> Result<SchemaBuilder> {
    let route_text = route.map_or("null", Str::as_str);
    let name = match row.name().map(|name| (name, name.rsplit_once('.'))) {
        Some((_, Some((space, name)))) => Some(format!("{space}.{route_text}.{name}")),
        Some((name, None)) => Some(format!("{route_text}.{name}")),
        None => route.map(ToString::to_string),
    };
    let mut builder = SchemaBuilder::structure();
    if let Some(name) = name {
        builder = builder.name(name);
    }
    let Some(payload) = payload else {
        let message = format!("fieldSchema for field {PAYLOAD} cannot be null.");
        return Err(Error::data(message).with_class("org.apache.kafka.connect.errors.SchemaBuilderException"));
    };
    builder = builder.field(PAYLOAD, payload.clone());
    for one in additional.iter().filter(|one| one.placement == Placement::Envelope) {
        let field = row.field(&one.field)?.ok_or_else(|| null_pointer(format!("there is no column {}", one.field)))?;
        builder = builder.field(one.alias.clone(), field.schema.clone());
    }
    Ok(builder)
}

impl EventRouter {
    /// True if an event of this operation is to be routed.
    fn accepts(&self, operation: &str, record: &dyn Record) -> Result<bool> {
        match (operation, self.options.invalid_operation) {
            ("d", _) => Ok(false),
            ("u", InvalidOperation::Warn) => {
                tracing::warn!(topic = %record.topic, "an update of the outbox table was ignored");
                Ok(false)
            }
            ("u", InvalidOperation::Error) => {
                tracing::error!(topic = %record.topic, "an update of the outbox table was ignored");
                Ok(false)
            }
            ("u", InvalidOperation::Fatal) => {
                let message = format!("Unexpected update message received {}, fail.", record.key);
                Err(Error::data(message).with_class("java.lang.IllegalStateException"))
            }
            _ => Ok(true),
        }
    }

    /// Expands a payload that is JSON.
    fn expand(&mut self, payload: Value, schema: Option<Schema>, topic: &str) -> (Value, Option<Schema>) {
        let Some(expander) = &mut self.expander else { return (payload, schema) };
        let Value::Str(text) = &payload else {
            tracing::warn!(topic, "a payload that is to be expanded is no text");
            return (payload, schema);
        };
        let expanded = expander.expand(&self.options.payload, text);
        if !matches!(expanded, Expanded::Both(..)) {
            tracing::warn!(topic, "a payload that is to be expanded is no JSON object");
        }
        match expanded {
            Expanded::Unchanged => (payload, schema),
            Expanded::SchemaOnly(schema) => (payload, schema),
            Expanded::Both(schema, value) => (value, Some(schema)),
        }
    }

    /// Puts the event in a row in the place of the row. Values are moved; after an error the record is not to be used.
    fn route(&mut self, record: &mut dyn Record, plan: &Plan) -> Result<()> {
        let mut event = Arc::unwrap_or_clone(require::take_structure(&mut record.value, "Read Outbox Event")?);
        if !plan.after.exists() {
            let message = format!("Unknown field: {}", envelope::AFTER);
            return Err(Error::data(message).with_class("java.lang.IllegalArgumentException"));
        }
        let row = require::take_structure(&mut plan.after.take(&mut event)?, "Read Outbox Event")?;
        let mut row = Arc::unwrap_or_clone(row);
        // A struct under a schema that is none has its own way of failing: there are no fields to look up.
        let columns = plan.row.as_ref().ok_or_else(|| Error::data("Cannot look up fields on non-struct type"))?;
        let Some(payload_schema) = columns.payload.schema(row.schema()).cloned() else {
            return Err(connect(format!("Unable to find payload field {} in event", self.options.payload)));
        };
        let timestamp = columns.timestamp(&event, plan, &row, &self.options)?;
        let id = columns.id.take(&mut row)?;
        let payload = columns.payload.take(&mut row)?;
        record.headers.add(Str::from_static("id"), columns.id.schema(row.schema()).cloned(), id)?;
        let (mut payload, payload_schema) = self.expand(payload, Some(payload_schema), &record.topic);
        let empty = match &payload {
            Value::Null => true,
            Value::Str(text) => java_trim(text).is_empty(),
            _ => false,
        };

        let additional = &self.options.additional;
        let mut wrapped = None;
        if self.wraps {
            let schema = match &columns.schema_version {
                None => {
                    let route = columns.route_by.text(&row)?;
                    let make = || wrapper(payload_schema.as_ref(), row.schema(), route, additional);
                    self.wrappers.of_payload(payload_schema.as_ref(), make)?
                }
                Some(version) => {
                    let version = version.int32(&row)?;
                    let route = columns.route_by.text(&row)?;
                    let make = || wrapper(payload_schema.as_ref(), row.schema(), route, additional);
                    self.wrappers.of_version(version, make)?
                }
            };
            let mut value = Struct::new(schema)?;
            value.put_at(0, std::mem::take(&mut payload))?;
            wrapped = Some(value);
        }
        let mut partition = None;
        for (one, column) in additional.iter().zip(&columns.additional) {
            if !self.options.error_on_missing && !column.exists() {
                continue;
            }
            match one.placement {
                Placement::Envelope => {
                    if let Some(value) = &mut wrapped {
                        value.put(&one.alias, column.take(&mut row)?)?;
                    }
                }
                Placement::Header => {
                    let value = column.take(&mut row)?;
                    record.headers.add(one.alias.clone(), column.schema(row.schema()).cloned(), value)?;
                }
                Placement::Partition => partition = column.int32(&row)?,
                Placement::Unknown => {
                    let reason =
                        format!("no place is known for the column {}: header, envelope or partition", one.field);
                    return Err(null_pointer(reason));
                }
            }
        }
        let key = columns.key.take(&mut row)?;
        let route = columns.route_by.text(&row)?;
        if partition.is_none() && record.kafka_offset().is_some() {
            return Err(null_pointer("a record of a sink needs a partition, and no column is placed there"));
        }
        let Some(route) = route else {
            return Err(null_pointer(format!("the column {} is null, which is no topic", self.options.route_by)));
        };
        let router = &mut self.router;
        record.topic = self.topics.get(route, |route| router.routed(&Arc::from(route)))?;
        record.kafka_partition = partition;
        record.key_schema = columns.key.schema(row.schema()).cloned();
        record.key = key;
        record.timestamp = timestamp;
        (record.value_schema, record.value) = match wrapped {
            _ if empty && self.options.tombstone_on_empty => (None, Value::Null),
            None => (payload_schema, payload),
            Some(value) => (Some(value.schema().clone()), Value::structure(value)),
        };
        Ok(())
    }
}

impl Transformation for EventRouter {
    fn config(&self) -> Result<ConfigDef> {
        outbox_options::config()
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        self.options = OutboxOptions::read(config)?;
        self.expander = self.options.expand.map(|(null_as_bytes, names)| Expander::new(null_as_bytes, names));
        self.wraps = self.options.additional.iter().any(|one| one.placement == Placement::Envelope);
        let routing = [("regex", &self.options.route_regex), ("replacement", &self.options.route_replacement)];
        self.router.configure(&routing.into_iter().map(|(key, text)| (key.to_owned(), text.clone())).collect())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        if record.value.is_null() {
            return Ok(Outcome::Drop);
        }
        if !envelope::is_envelope(record) {
            return Ok(Outcome::Keep);
        }
        let event = Arc::clone(require::structure(&record.value, "Detect Debezium Operation")?);
        let mut plans = std::mem::take(&mut self.plans);
        let routed = plans.get(event.schema(), |schema| Plan::of(schema, &self.options)).and_then(|plan| {
            let operation = plan.operation.text(&event)?;
            let operation = operation.ok_or_else(|| null_pointer("the event does not say its operation"))?;
            if !self.accepts(operation, record)? {
                return Ok(Outcome::Drop);
            }
            // The record's own handle is to be the only one.
            drop(event);
            self.route(record, plan)?;
            Ok(Outcome::Keep)
        });
        self.plans = plans;
        routed
    }
}
