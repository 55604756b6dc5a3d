//! `InsertField`: adds fields with what is known of the record, or with a fixed text.
//!
//! Counterpart: `org.apache.kafka.connect.transforms.InsertField`.

use std::marker::PhantomData;
use std::sync::Arc;

use milena_api::config::{ConfigDef, ConfigMap, ParsedConfig, Type};
use milena_api::data::{Schema, SchemaBuilder, Str, Struct, Value, timestamp};
use milena_api::error::{Error, Result};
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use crate::config::{REPLACE_NULL, definition, invalid, medium, replace_null};
use crate::require;
use crate::schema_cache::SchemaCache;
use crate::side::Side;
use crate::structs;

const PURPOSE: &str = "field insertion";

/// Adds fields.
#[derive(Default)]
pub struct InsertField<S> {
    topic: Option<Insertion>,
    partition: Option<Insertion>,
    offset: Option<Insertion>,
    timestamp: Option<Insertion>,
    fixed: Option<(Insertion, Str)>,
    replace_null: bool,
    /// The topic of the last record, as a text to be inserted.
    last_topic: Option<(Arc<str>, Str)>,
    schemas: SchemaCache<Schema>,
    side: PhantomData<fn() -> S>,
}

/// A field to be added.
struct Insertion {
    name: Str,
    optional: bool,
}

impl Insertion {
    /// From `name`, `name!` (required) or `name?` (optional).
    fn read(config: &ParsedConfig, key: &str) -> Result<Option<Insertion>> {
        let Some(text) = config.opt_string(key)? else { return Ok(None) };
        let (name, optional) = match (text.strip_suffix('!'), text.strip_suffix('?')) {
            (Some(name), _) => (name, false),
            (_, Some(name)) => (name, true),
            _ => (text, true),
        };
        Ok(Some(Insertion { name: Str::from(name), optional }))
    }
}

impl<S: Side> InsertField<S> {
    fn topic_text(&mut self, topic: &Arc<str>) -> Str {
        match &self.last_topic {
            Some((last, text)) if last == topic => text.clone(),
            _ => {
                let text = Str::from(topic.as_ref());
                self.last_topic = Some((Arc::clone(topic), text.clone()));
                text
            }
        }
    }

    /// What is inserted into this record, in order; `None` where the record has no such thing.
    fn values(&mut self, record: &dyn Record, schemaless: bool) -> Result<[Option<Value>; 5]> {
        let topic = self.topic.is_some().then(|| Value::Str(self.topic_text(&record.topic)));
        let partition = self.partition.as_ref().and(record.kafka_partition).map(Value::I32);
        let offset = match &self.offset {
            Some(_) => Some(Value::I64(require::sink_offset(record, PURPOSE)?)),
            None => None,
        };
        let timestamp = self.timestamp.as_ref().and(record.timestamp);
        let timestamp = timestamp.map(|at| if schemaless { Value::I64(at) } else { Value::Date(at) });
        let fixed = self.fixed.as_ref().map(|(_, text)| Value::Str(text.clone()));
        Ok([topic, partition, offset, timestamp, fixed])
    }

    fn insertions(&self) -> [Option<&Insertion>; 5] {
        let fixed = self.fixed.as_ref().map(|(insertion, _)| insertion);
        [self.topic.as_ref(), self.partition.as_ref(), self.offset.as_ref(), self.timestamp.as_ref(), fixed]
    }

    fn extended(&self, schema: &Schema) -> Result<Schema> {
        let mut builder = structs::basics(schema, SchemaBuilder::structure());
        for field in schema.fields()? {
            builder = builder.field(field.name.clone(), field.schema.clone());
        }
        let stamp = if self.timestamp.as_ref().is_some_and(|i| !i.optional) {
            timestamp::builder().build()?
        } else {
            timestamp::builder().optional().build()?
        };
        let choose = |optional: bool, required: Schema, nullable: Schema| if optional { nullable } else { required };
        for (i, insertion) in self.insertions().into_iter().enumerate() {
            let Some(insertion) = insertion else { continue };
            let optional = insertion.optional;
            let schema = match i {
                1 => choose(optional, Schema::int32(), Schema::optional_int32()),
                2 => choose(optional, Schema::int64(), Schema::optional_int64()),
                3 => stamp.clone(),
                _ => choose(optional, Schema::string(), Schema::optional_string()),
            };
            builder = builder.field(insertion.name.clone(), schema);
        }
        builder.build()
    }
}

impl<S: Side> Transformation for InsertField<S> {
    fn config(&self) -> Result<ConfigDef> {
        let field = |name: &str, what: &str| {
            let doc = format!(
                "Name of the field for {what}. An ! behind it makes the field required, a ? optional (the default)."
            );
            medium(name, Type::String, &doc).default_null()
        };
        definition([
            field("topic.field", "the Kafka topic"),
            field("partition.field", "the Kafka partition"),
            field("offset.field", "the Kafka offset, of sink connectors' records only"),
            field("timestamp.field", "the record's timestamp"),
            field("static.field", "a fixed text"),
            medium("static.value", Type::String, "The fixed text, if static.field is set.").default_null(),
            replace_null(),
        ])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = self.config()?.parse(config)?;
        self.topic = Insertion::read(&config, "topic.field")?;
        self.partition = Insertion::read(&config, "partition.field")?;
        self.offset = Insertion::read(&config, "offset.field")?;
        self.timestamp = Insertion::read(&config, "timestamp.field")?;
        self.replace_null = config.boolean(REPLACE_NULL)?;
        let fixed = Insertion::read(&config, "static.field")?;
        let text = config.opt_string("static.value")?;
        self.fixed = match (fixed, text) {
            (Some(insertion), Some(text)) => Some((insertion, Str::from(text))),
            (Some(insertion), None) => {
                let reason = format!("No value specified for static field: {}", insertion.name);
                return Err(invalid("static.value", "null", reason).into());
            }
            (None, _) => None,
        };
        if self.insertions().iter().all(Option::is_none) {
            return Err(Error::config("No field insertion configured"));
        }
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        if S::value(record).is_null() {
            return Ok(Outcome::Keep);
        }
        if S::schema(record).is_none() {
            require::map(S::value(record), PURPOSE)?;
            let values = self.values(record, true)?;
            let map = require::map_mut(S::parts(record).1, PURPOSE)?;
            for (insertion, value) in self.insertions().into_iter().zip(values) {
                if let (Some(insertion), Some(value)) = (insertion, value) {
                    map.insert(insertion.name.clone(), value);
                }
            }
            return Ok(Outcome::Keep);
        }
        let from = require::take_structure(S::parts(record).1, PURPOSE)?;
        let mut schemas = std::mem::take(&mut self.schemas);
        let extended = schemas.get(from.schema(), |schema| self.extended(schema)).cloned();
        self.schemas = schemas;
        let extended = extended?;
        let mut values = structs::into_settled_values(from, self.replace_null)?;
        values.reserve_exact(extended.field_count().saturating_sub(values.len()));
        let inserted = self.values(record, false)?;
        for (insertion, value) in self.insertions().into_iter().zip(inserted) {
            if insertion.is_some() {
                values.push(value.unwrap_or_default());
            }
        }
        S::set(record, Some(extended.clone()), Value::structure(Struct::from_values(extended, values)));
        Ok(Outcome::Keep)
    }
}
