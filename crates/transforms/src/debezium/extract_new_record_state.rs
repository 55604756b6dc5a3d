//! `ExtractNewRecordState`: puts the row itself in place of the event that tells of its change.
//!
//! Counterpart: `io.debezium.transforms.ExtractNewRecordState`.

use std::sync::Arc;

use milena_api::config::{self, ConfigDef, ConfigKey, ConfigMap, Width};
use milena_api::data::{Field, Schema, SchemaBuilder, Str, Struct, Type, Value};
use milena_api::error::{Error, Result};
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use super::drop_fields::Drops;
use super::envelope::{self, class_cast, null_pointer};
use super::field_reference::{FieldReference, Resolved};
use super::options::{Options, java_trim};
use super::pair_cache::PairCache;
use super::topic_names::TopicNames;
use crate::config::{REPLACE_NULL, definition, low, medium};
use crate::insert_field::InsertField;
use crate::require;
use crate::schema_cache::SchemaCache;
use crate::side::ValueSide;
use crate::structs;

const MODE: &str = "delete.tombstone.handling.mode";
const ROUTE_BY: &str = "route.by.field";
const FIELDS_PREFIX: &str = "add.fields.prefix";
const FIELDS: &str = "add.fields";
const HEADERS_PREFIX: &str = "add.headers.prefix";
const HEADERS: &str = "add.headers";
const DROP_HEADER: &str = "drop.fields.header.name";
const DROP_FROM_KEY: &str = "drop.fields.from.key";
const DROP_COMPATIBLE: &str = "drop.fields.keep.schema.compatible";

const PREFIX: &str = "__";
/// The field that says whether the row is gone.
const DELETED: &str = "__deleted";

const MODES: [(&str, Mode); 5] = [
    ("drop", Mode::Drop),
    ("tombstone", Mode::Tombstone),
    ("rewrite", Mode::Rewrite { tombstones: false }),
    ("rewrite-with-tombstone", Mode::Rewrite { tombstones: true }),
    ("delete-to-tombstone", Mode::DeleteToTombstone),
];

/// What becomes of deletions and of the tombstones behind them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    /// Neither stays.
    Drop,
    /// The deletion becomes a null that keeps its schema.
    #[default]
    Tombstone,
    /// The deletion becomes the row as it was, marked as deleted.
    Rewrite { tombstones: bool },
    /// The deletion becomes a tombstone.
    DeleteToTombstone,
}

/// Unwraps change events.
#[derive(Default)]
pub struct ExtractNewRecordState {
    mode: Mode,
    route_by: Option<Str>,
    drops: Drops,
    /// Mark rows as there or as gone.
    alive: InsertField<ValueSide>,
    deleted: InsertField<ValueSide>,
    topics: TopicNames,
    headers: References,
    fields: References,
    /// The schema of a row with the fields added, by those of the envelope and of the row.
    schemas: PairCache<Schema>,
}

/// Fields of the envelope, and where they are.
#[derive(Default)]
struct References {
    all: Vec<FieldReference>,
    resolved: SchemaCache<Arc<[Resolved]>>,
}

impl References {
    fn read(prefix: &str, text: &str) -> Result<References> {
        Ok(References { all: FieldReference::list(prefix, text)?, resolved: SchemaCache::default() })
    }

    /// The fields that envelopes of this schema have.
    fn resolve(&mut self, envelope: &Schema) -> Result<Arc<[Resolved]>> {
        let all = &self.all;
        let resolved = self.resolved.get(envelope, |envelope| {
            all.iter().filter_map(|reference| reference.resolve(envelope).transpose()).collect()
        })?;
        Ok(Arc::clone(resolved))
    }
}

/// The field of an envelope that has the row before or after the change.
fn row_field<'s>(envelope: &'s Struct, name: &str) -> Result<&'s Field> {
    envelope
        .schema()
        .field(name)?
        .ok_or_else(|| Error::data(format!("Unknown field: {name}")).with_class("java.lang.IllegalArgumentException"))
}

/// The values that go into a record.
fn values(resolved: &[Resolved], envelope: &Struct) -> Result<Vec<Value>> {
    resolved.iter().map(|one| one.value(envelope)).collect()
}

impl ExtractNewRecordState {
    fn add_headers(&mut self, record: &mut dyn Record) -> Result<()> {
        let envelope = match &record.value {
            Value::Null => {
                for reference in self.headers.all.iter().filter(|reference| reference.is_operation()) {
                    record.headers.add(reference.name().clone(), Some(Schema::string()), "d")?;
                }
                return Ok(());
            }
            Value::Struct(envelope) => Arc::clone(envelope),
            other => return Err(class_cast(other, "org.apache.kafka.connect.data.Struct")),
        };
        let resolved = self.headers.resolve(envelope.schema())?;
        let values = values(&resolved, &envelope)?;
        for (one, value) in resolved.iter().zip(values) {
            record.headers.add(one.name.clone(), Some(one.schema.clone()), value)?;
        }
        Ok(())
    }

    fn set_topic(&mut self, record: &mut dyn Record, topic: &Value) -> Result<()> {
        if let Value::Str(topic) = topic
            && !java_trim(topic).is_empty()
        {
            record.topic = self.topics.get(topic, |topic| Ok::<_, Error>(Arc::from(topic)))?;
        }
        Ok(())
    }

    /// Puts a row in the place of its event, moving it out of there. Returns what is to be added to it.
    fn take_row(&mut self, record: &mut dyn Record, index: usize) -> Result<Option<Added>> {
        let Value::Struct(envelope) = std::mem::take(&mut record.value) else { return Ok(None) };
        let fields = self.fields.resolve(envelope.schema());
        let fields = fields.and_then(|resolved| values(&resolved, &envelope).map(|values| (resolved, values)));
        let (schema, mut parts) = Arc::unwrap_or_clone(envelope).into_parts();
        let row = parts.get_mut(index).map(std::mem::take).unwrap_or_default();
        let field = schema.field_at(index).map(|field| field.schema.clone());
        record.value = match &field {
            Some(field) if row.is_null() => field.default_value().cloned().unwrap_or_default(),
            _ => row,
        };
        record.value_schema = field;
        Ok(Some(Added { envelope: schema, fields }))
    }

    fn add_fields(&mut self, record: &mut dyn Record, added: Added) -> Result<()> {
        let row = require::take_structure(&mut record.value, "source field insertion")?;
        let Added { envelope, fields } = added;
        let (resolved, added) = match fields {
            Ok(fields) => fields,
            Err(error) => {
                check_operation(&envelope)?;
                return Err(error);
            }
        };
        let schema = self.schemas.get(&envelope, row.schema(), || extended(&envelope, row.schema(), &resolved))?;
        let mut values = structs::into_settled_values(row, false)?;
        let first = values.len();
        values.reserve_exact(added.len());
        values.extend(std::iter::repeat_n(Value::Null, added.len()));
        let mut out = Struct::from_values(schema.clone(), values);
        for (at, value) in added.into_iter().enumerate() {
            out.put_at(first + at, value)?;
        }
        record.value_schema = Some(schema.clone());
        record.value = Value::structure(out);
        Ok(())
    }

    fn deletion(&mut self, record: &mut dyn Record, envelope: &Arc<Struct>, before: usize) -> Result<Outcome> {
        if self.mode == Mode::Drop {
            return Ok(Outcome::Drop);
        }
        let mut added = None;
        match self.mode {
            Mode::Rewrite { .. } => {
                added = self.take_row(record, before)?;
                if matches!(record.value, Value::Struct(_)) {
                    _ = self.deleted.apply(record)?;
                }
            }
            Mode::Tombstone => {
                record.value_schema = envelope.schema().field(envelope::AFTER)?.map(|field| field.schema.clone());
                record.value = Value::Null;
            }
            Mode::Drop | Mode::DeleteToTombstone => {
                record.value_schema = None;
                record.value = Value::Null;
            }
        }
        let topic = match &self.route_by {
            Some(field) => match envelope.get_typed(envelope::BEFORE, Type::Struct)? {
                Value::Struct(row) => row.get_typed(field, Type::String)?.clone(),
                _ => return Err(null_pointer("there is no row before the deletion")),
            },
            None => Value::Null,
        };
        self.set_topic(record, &topic)?;
        self.drops.apply(record)?;
        if let Some(added) = added {
            self.add_fields(record, added)?;
        }
        Ok(Outcome::Keep)
    }

    fn change(&mut self, record: &mut dyn Record, after: usize) -> Result<Outcome> {
        let Some(added) = self.take_row(record, after)? else { return Ok(Outcome::Keep) };
        if matches!(self.mode, Mode::Rewrite { .. }) && matches!(record.value, Value::Struct(_)) {
            _ = self.alive.apply(record)?;
        }
        if let Some(field) = &self.route_by {
            let row = require::structure(&record.value, "Read record to set topic routing for CREATE / UPDATE")?;
            let topic = row.get_typed(field, Type::String)?.clone();
            self.set_topic(record, &topic)?;
        }
        self.add_fields(record, added)?;
        self.drops.apply(record)?;
        Ok(Outcome::Keep)
    }
}

/// What is added to a row.
struct Added {
    envelope: Schema,
    /// Fields and their values. Why there are none is an error only when they are added.
    fields: Result<(Arc<[Resolved]>, Vec<Value>)>,
}

/// Java looks the operation up before it adds fields.
fn check_operation(envelope: &Schema) -> Result<()> {
    match envelope.field(envelope::OPERATION)? {
        Some(field) if field.schema.ty() == Type::String => Ok(()),
        Some(_) => Err(Error::data("Field 'op' is not of type STRING")),
        None => Err(Error::data("op is not a valid field name")),
    }
}

/// The schema of a row with further fields.
fn extended(envelope: &Schema, row: &Schema, added: &[Resolved]) -> Result<Schema> {
    check_operation(envelope)?;
    let mut builder = structs::basics(row, SchemaBuilder::structure());
    for field in row.fields()? {
        builder = builder.field(field.name.clone(), field.schema.clone());
    }
    for one in added {
        builder = builder.field(one.name.clone(), one.schema.clone());
    }
    builder.build()
}

fn marking(value: &str, replace_null: bool) -> Result<InsertField<ValueSide>> {
    let mut marking = InsertField::default();
    let settings = [
        ("static.field", DELETED),
        ("static.value", value),
        (REPLACE_NULL, if replace_null { "true" } else { "false" }),
    ];
    marking.configure(&settings.into_iter().map(|(key, text)| (key.to_owned(), text.to_owned())).collect())?;
    Ok(marking)
}

impl Transformation for ExtractNewRecordState {
    fn config(&self) -> Result<ConfigDef> {
        use config::Type;
        let key = |key: ConfigKey, width: Width, name: &str| key.order(1).width(width).display_name(name);
        definition([
            key(
                medium(
                    MODE,
                    Type::String,
                    "What becomes of a deletion and of the tombstone behind it. drop: both are dropped. tombstone: the deletion becomes a null, its tombstone is dropped. rewrite: the deletion becomes the row as it was, with the field __deleted, its tombstone is dropped. rewrite-with-tombstone: likewise, and the tombstone stays. delete-to-tombstone: the deletion becomes a tombstone, without a schema, and its own tombstone is dropped.",
                )
                .default("tombstone"),
                Width::Medium,
                "Handle delete and tombstone records",
            ),
            key(
                low(ROUTE_BY, Type::String, "Field of the row whose value becomes the topic.").default(""),
                Width::Long,
                "Route by field name",
            ),
            key(
                low(FIELDS_PREFIX, Type::String, "What the names of added fields start with.").default(PREFIX),
                Width::Short,
                "Field prefix to be added to each field.",
            ),
            key(
                low(
                    FIELDS,
                    Type::List,
                    "Fields of the event to add to the row: op, ts_ms, ts_us and ts_ns of the event itself, fields of its source, or a path such as transaction.id. With a colon behind it comes another name: source.lsn:position.",
                )
                .default(""),
                Width::Long,
                "Adds the specified field(s) to the message if they exist.",
            ),
            key(
                low(HEADERS_PREFIX, Type::String, "What the names of added headers start with.").default(PREFIX),
                Width::Short,
                "Header prefix to be added to each header.",
            ),
            key(
                low(HEADERS, Type::List, "Fields of the event to add as headers, written as those of add.fields.")
                    .default(""),
                Width::Long,
                "Adds the specified fields to the header if they exist.",
            ),
            key(
                low(DROP_HEADER, Type::String, "Header with a list of fields that are to be left out.").default_null(),
                Width::Short,
                "Specifies a header that contains a list of field names to be removed",
            ),
            key(
                low(DROP_FROM_KEY, Type::Boolean, "Whether these fields are left out of the key as well.")
                    .default(false),
                Width::Short,
                "Specifies whether the fields to be dropped should also be omitted from the key",
            ),
            key(
                low(DROP_COMPATIBLE, Type::Boolean, "Whether only those of these fields are left out that are optional.")
                    .default(true),
                Width::Short,
                "Specifies if fields are dropped, will the event's schemas be compatible",
            ),
        ])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let mut options = Options::new(config);
        options.check_one_of(MODE, &MODES.map(|(name, _)| name));
        options.check_flag(DROP_FROM_KEY);
        options.check_flag(DROP_COMPATIBLE);
        let mode = java_trim(options.text_or(MODE, "tombstone")).to_ascii_lowercase();
        self.mode = MODES.iter().find(|(name, _)| *name == mode).map(|(_, mode)| *mode).unwrap_or_default();
        let replace_null = options.flag(REPLACE_NULL, true);
        self.alive = marking("false", replace_null)?;
        self.deleted = marking("true", replace_null)?;
        self.route_by = options.text(ROUTE_BY).filter(|field| !field.is_empty()).map(Str::from);
        let header = options.text(DROP_HEADER).filter(|name| !java_trim(name).is_empty()).map(str::to_owned);
        self.drops = Drops::new(header, options.flag(DROP_FROM_KEY, false), options.flag(DROP_COMPATIBLE, true));
        let (fields, headers) = (options.text_or(FIELDS, ""), options.text_or(HEADERS, ""));
        let (fields_prefix, headers_prefix) =
            (options.text_or(FIELDS_PREFIX, PREFIX), options.text_or(HEADERS_PREFIX, PREFIX));
        options.finish()?;
        self.fields = References::read(fields_prefix, fields)?;
        self.headers = References::read(headers_prefix, headers)?;
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        let tombstone = record.value.is_null();
        let is_envelope = envelope::is_envelope(record);
        if (is_envelope || tombstone) && !self.headers.all.is_empty() {
            self.add_headers(record)?;
        }
        if tombstone {
            let keeps = self.mode == Mode::Rewrite { tombstones: true };
            return Ok(if keeps { Outcome::Keep } else { Outcome::Drop });
        }
        if !is_envelope {
            return Ok(Outcome::Keep);
        }
        let envelope = require::structure(&record.value, "field extraction")?;
        let after = row_field(envelope, envelope::AFTER)?;
        if !envelope.get_field(after).is_null() {
            let after = after.index;
            return self.change(record, after);
        }
        let before = row_field(envelope, envelope::BEFORE)?;
        if envelope.get_field(before).is_null() {
            // The table was emptied.
            return Ok(Outcome::Drop);
        }
        let (before, envelope) = (before.index, Arc::clone(envelope));
        self.deletion(record, &envelope, before)
    }
}
