//! `ExtractTopic`: the topic is taken from the key, the value or a header.
//!
//! Counterpart: `io.confluent.connect.transforms.ExtractTopic`.

use std::marker::PhantomData;
use std::sync::Arc;

use milena_api::config::{ConfigDef, ConfigKey, ConfigMap, Type, Validator};
use milena_api::data::Value;
use milena_api::error::{Error, Result};
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use crate::config::{definition, invalid, medium};
use crate::json_path::JsonPath;
use crate::side::Side;

const FIELD: &str = "field";
const FORMAT: &str = "field.format";
const SKIP: &str = "skip.missing.or.null";

/// Where in a key or value the topic is.
#[derive(Default)]
enum Place {
    /// All of it.
    #[default]
    Whole,
    Field(String),
    Path(JsonPath),
}

/// `ExtractTopic$Key` and `ExtractTopic$Value`.
#[derive(Default)]
pub struct ExtractTopic<S> {
    field: String,
    place: Place,
    topic: Topic,
    side: PhantomData<fn() -> S>,
}

/// `ExtractTopic$Header`.
#[derive(Default)]
pub struct ExtractTopicFromHeader {
    header: String,
    topic: Topic,
}

/// The topic of the last record, and what to do without one.
#[derive(Default)]
struct Topic {
    skip_missing: bool,
    last: Option<Arc<str>>,
}

impl Topic {
    fn set(&mut self, record: &mut dyn Record, found: Option<Value>, wanted: &str) -> Result<Outcome> {
        match found {
            None | Some(Value::Null) if self.skip_missing => Ok(Outcome::Keep),
            None | Some(Value::Null) => Err(Error::data(format!(
                "{wanted} is missing or null, so that there is no topic for {record}; with {SKIP}=true the topic would stay as it is"
            ))),
            Some(Value::Str(text)) => {
                record.topic = match &self.last {
                    Some(last) if **last == *text => Arc::clone(last),
                    _ => Arc::clone(self.last.insert(Arc::from(&*text))),
                };
                Ok(Outcome::Keep)
            }
            Some(other) => {
                Err(Error::data(format!("{wanted} has to be a text to be a topic, found: {}", other.java_class())))
            }
        }
    }
}

fn skip_key() -> ConfigKey {
    medium(SKIP, Type::Boolean, "Whether the topic stays as it is where what should be the new one is missing or null; without, that is an error.")
        .default(false)
}

impl<S: Side> Transformation for ExtractTopic<S> {
    fn config(&self) -> Result<ConfigDef> {
        definition([
            medium(
                FIELD,
                Type::String,
                "The field that holds the topic; nothing, if all of the key or value is the topic.",
            )
            .default(""),
            medium(
                FORMAT,
                Type::String,
                "How the field is named: PLAIN for a name, JSON_PATH for a path that leads to one place.",
            )
            .default("PLAIN")
            .validator(Validator::one_of_ignoring_case(["PLAIN", "JSON_PATH"])),
            skip_key(),
        ])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = self.config()?.parse(config)?;
        self.field = config.string(FIELD)?.to_owned();
        self.topic.skip_missing = config.boolean(SKIP)?;
        self.place = if self.field.is_empty() {
            Place::Whole
        } else if config.string(FORMAT)?.eq_ignore_ascii_case("JSON_PATH") {
            let path = JsonPath::parse(&self.field).map_err(|why| invalid(FIELD, self.field.clone(), why))?;
            if !path.is_definite() {
                return Err(invalid(FIELD, self.field.clone(), "the path may lead to several places").into());
            }
            Place::Path(path)
        } else {
            Place::Field(self.field.clone())
        };
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        let value = S::value(record);
        let is_object = matches!(value, Value::Struct(_) | Value::Map(_));
        let found = match &self.place {
            Place::Whole => Some(value.clone()),
            _ if value.is_null() => None,
            _ if !is_object => {
                let class = value.java_class();
                return Err(Error::data(format!("the field {} needs a struct or a map, found: {class}", self.field)));
            }
            Place::Field(name) => crate::json_path::member(value, name).cloned(),
            Place::Path(path) => path.find(value).ok().and_then(|mut found| found.pop()),
        };
        let wanted = if self.field.is_empty() {
            "what should be the topic".to_owned()
        } else {
            format!("the field {}", self.field)
        };
        self.topic.set(record, found, &wanted)
    }
}

impl Transformation for ExtractTopicFromHeader {
    fn config(&self) -> Result<ConfigDef> {
        definition([
            medium(FIELD, Type::String, "The header that holds the topic; the last one of that name counts.")
                .validator(Validator::non_empty_string()),
            skip_key(),
        ])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = self.config()?.parse(config)?;
        self.header = config.string(FIELD)?.to_owned();
        self.topic.skip_missing = config.boolean(SKIP)?;
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        let found = record.headers.last_with_name(&self.header).map(|header| header.value.clone());
        self.topic.set(record, found, &format!("the header {}", self.header))
    }
}
