//! `ByLogicalTableRouter`: brings the events of several tables that are one logical table, such as shards, into one topic.
//!
//! Counterpart: `io.debezium.transforms.ByLogicalTableRouter`.

use std::sync::Arc;

use milena_api::config::{self, ConfigDef, ConfigKey, ConfigMap, Width};
use milena_api::data::{Schema, SchemaBuilder, Str, Struct, Value};
use milena_api::error::Result;
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use super::adjust::{Adjust, MODES};
use super::envelope::{self, AFTER, BEFORE, null_pointer};
use super::options::{Options, java_trim};
use crate::config::{definition, low};
use crate::regex_router::Rule;
use crate::require;
use crate::schema_cache::SchemaCache;
use crate::structs;
use crate::topic_cache::TopicCache;

const TOPIC_REGEX: &str = "topic.regex";
const TOPIC_REPLACEMENT: &str = "topic.replacement";
const UNIQUE: &str = "key.enforce.uniqueness";
const KEY_REGEX: &str = "key.field.regex";
const KEY_REPLACEMENT: &str = "key.field.replacement";
const CACHE_SIZE: &str = "logical.table.cache.size";
/// These two are not in the definition, but read.
const KEY_NAME: &str = "key.field.name";
const SCHEMA_NAMES: &str = "schema.name.adjustment.mode";

const DEFAULT_KEY_NAME: &str = "__dbz__physicalTableIdentifier";
const PURPOSE: &str = "Updating schema";

/// Routes by logical table.
#[derive(Default)]
pub struct ByLogicalTableRouter {
    topic: Option<Rule>,
    /// The field of the key that tells the tables apart, and what it is made of the topic by.
    key: Option<(Str, Option<Rule>)>,
    names: Adjust,
    topics: TopicCache<Option<Arc<str>>>,
    identifiers: TopicCache<Str>,
    /// New schemas by old ones. As in Java, the topic has no say in this.
    keys: SchemaCache<Schema>,
    envelopes: SchemaCache<Envelope>,
}

/// The schema of an envelope, and of the rows in it.
struct Envelope {
    schema: Schema,
    row: Schema,
    before: usize,
    after: Option<usize>,
}

/// A builder like `schema`, less name, default and, unless wanted, fields.
fn like(schema: &Schema, with_fields: bool) -> Result<SchemaBuilder> {
    let mut builder = structs::unnamed_basics(schema, SchemaBuilder::structure());
    if schema.is_optional() {
        builder = builder.optional();
    }
    if with_fields {
        for field in schema.fields()? {
            builder = builder.field(field.name.clone(), field.schema.clone());
        }
    }
    Ok(builder)
}

/// A struct with the values of another under a schema that has the same fields at least.
fn moved(from: Arc<Struct>, schema: &Schema) -> Result<Struct> {
    let same = from.schema().fields()?.zip(schema.fields()?).all(|(old, new)| old.name == new.name);
    if same && from.schema().field_count() <= schema.field_count() {
        return Ok(Struct::from_values(schema.clone(), structs::into_settled_values(from, true)?));
    }
    let mut to = Struct::new(schema.clone())?;
    for field in from.schema().fields()? {
        to.put(&field.name, from.get_field(field).clone())?;
    }
    Ok(to)
}

impl Envelope {
    fn of(old: &Schema, topic: &str, names: Adjust) -> Result<Envelope> {
        let before = old.field(BEFORE)?.ok_or_else(|| null_pointer("the event has no field before"))?;
        let row = like(&before.schema, true)?.name(&*names.schema_name(&format!("{topic}.Value"))).build()?;
        let mut builder = like(old, false)?;
        for field in old.fields()? {
            let is_row = field.name == *BEFORE || field.name == *AFTER;
            builder = builder.field(field.name.clone(), if is_row { row.clone() } else { field.schema.clone() });
        }
        let name = format!("{topic}{}", envelope::SUFFIX);
        let schema = builder.name(&*names.schema_name(&name)).build()?;
        Ok(Envelope { schema, row, before: before.index, after: old.field(AFTER)?.map(|field| field.index) })
    }
}

impl ByLogicalTableRouter {
    fn route_key(&mut self, record: &mut dyn Record, old_topic: &Arc<str>, new_topic: &str) -> Result<()> {
        if record.key.is_null() {
            record.key_schema = None;
            return Ok(());
        }
        let old = require::take_structure(&mut record.key, PURPOSE)?;
        let (names, key) = (self.names, &self.key);
        let schema = self.keys.get(old.schema(), |old| {
            let mut builder = like(old, true)?.name(&*names.schema_name(&format!("{new_topic}.Key")));
            if let Some((name, _)) = key {
                builder = builder.field(name.clone(), Schema::string());
            }
            builder.build()
        })?;
        let mut new = moved(old, schema)?;
        if let Some((name, rule)) = key {
            let identifier = self.identifiers.get(old_topic, |topic| {
                let routed = rule.as_ref().map(|rule| rule.apply(topic)).transpose()?.flatten();
                Ok::<_, milena_api::Error>(routed.map_or_else(|| Str::from(topic), |routed| Str::from(&*routed)))
            })?;
            new.put(name, identifier)?;
        }
        record.key_schema = Some(schema.clone());
        record.key = Value::structure(new);
        Ok(())
    }

    fn route_value(&mut self, record: &mut dyn Record, topic: &str) -> Result<()> {
        let old = require::take_structure(&mut record.value, PURPOSE)?;
        let names = self.names;
        let envelope = self.envelopes.get(old.schema(), |old| Envelope::of(old, topic, names))?;
        let mut values = structs::into_settled_values(old, true)?;
        for index in [Some(envelope.before), envelope.after].into_iter().flatten() {
            if let Some(value) = values.get_mut(index)
                && !value.is_null()
            {
                let row = require::take_structure(value, PURPOSE)?;
                *value = Value::structure(moved(row, &envelope.row)?);
            }
        }
        record.value_schema = Some(envelope.schema.clone());
        record.value = Value::structure(Struct::from_values(envelope.schema.clone(), values));
        Ok(())
    }
}

impl Transformation for ByLogicalTableRouter {
    fn config(&self) -> Result<ConfigDef> {
        use config::Type;
        let key = |key: ConfigKey, width: Width, name: &str| key.order(1).width(width).display_name(name);
        definition([
            key(
                low(TOPIC_REGEX, Type::String, "Regular expression that a topic has to match as a whole to be changed.").default_null(),
                Width::Long,
                "Topic regex",
            ),
            key(
                low(TOPIC_REPLACEMENT, Type::String, "The new topic, with groups of that regular expression.").default_null(),
                Width::Long,
                "Topic replacement",
            ),
            key(
                low(
                    UNIQUE,
                    Type::Boolean,
                    "Whether the key gets a field that says which table the row is from. Without it, the keys of all tables together have to be unique.",
                )
                .default(true),
                Width::Short,
                "Add source topic name into key",
            ),
            key(
                low(
                    KEY_REGEX,
                    Type::String,
                    "Regular expression that makes the value of this field of the topic; without it, or where it does not match, the field is the topic itself. Its name is __dbz__physicalTableIdentifier, or what key.field.name says.",
                )
                .default_null(),
                Width::Long,
                "Key field regex",
            ),
            key(
                low(KEY_REPLACEMENT, Type::String, "The value of this field, with groups of that regular expression.").default_null(),
                Width::Long,
                "Key field replacement",
            ),
            key(
                low(CACHE_SIZE, Type::Int, "Accepted, and without effect: the schemas of 16 tables are kept.").default(16),
                Width::Long,
                "Logical table cache size",
            ),
        ])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let mut options = Options::new(config);
        for key in [TOPIC_REGEX, TOPIC_REPLACEMENT] {
            options.check_required(key);
        }
        for key in [TOPIC_REGEX, KEY_REGEX] {
            options.check_regex(key);
        }
        options.check_flag(UNIQUE);
        let key_regex = options.text(KEY_REGEX).filter(|regex| !java_trim(regex).is_empty());
        if key_regex.is_some() && java_trim(options.text_or(KEY_REPLACEMENT, "")).is_empty() {
            options.problem(KEY_REPLACEMENT, format!("{KEY_REPLACEMENT} must be non-empty if {KEY_REGEX} is set."));
        }
        options.check_one_of(SCHEMA_NAMES, &MODES);
        options.check_int(CACHE_SIZE);
        let topic = (options.text_or(TOPIC_REGEX, ""), options.text_or(TOPIC_REPLACEMENT, ""));
        let key_replacement = options.text_or(KEY_REPLACEMENT, "");
        let key_name = options.text_or(KEY_NAME, DEFAULT_KEY_NAME);
        let unique = options.flag(UNIQUE, true);
        let names = options.text_or(SCHEMA_NAMES, MODES[0]);
        options.finish()?;
        self.topic = Some(Rule::new(TOPIC_REGEX, topic.0, topic.1)?);
        let key_rule = key_regex.map(|regex| Rule::new(KEY_REGEX, regex, key_replacement)).transpose()?;
        self.key = unique.then(|| (Str::from(key_name), key_rule));
        self.names = Adjust::parse(names).unwrap_or_default();
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        let old = Arc::clone(&record.topic);
        let Some(rule) = &self.topic else { return Ok(Outcome::Keep) };
        let Some(new) = self.topics.get(&old, |topic| rule.apply(topic))? else { return Ok(Outcome::Keep) };
        if new.is_empty() {
            tracing::warn!(topic = %old, "the new topic would be empty: the record stays in its topic");
            return Ok(Outcome::Keep);
        }
        self.route_key(record, &old, &new)?;
        if !record.value.is_null() && envelope::is_envelope(record) {
            self.route_value(record, &new)?;
        }
        record.topic = new;
        Ok(Outcome::Keep)
    }
}
