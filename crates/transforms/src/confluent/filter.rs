//! `Filter`: keeps or drops records that a JSON path finds something in.
//!
//! Counterpart: `io.confluent.connect.transforms.Filter`.

use std::marker::PhantomData;

use milena_api::config::{ConfigDef, ConfigMap, Type, Validator};
use milena_api::data::Value;
use milena_api::error::{Error, Result};
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use crate::config::{definition, high, invalid, medium};
use crate::json_path::{JsonPath, NoResult};
use crate::side::Side;

const CONDITION: &str = "filter.condition";
const TYPE: &str = "filter.type";
const MISSING: &str = "missing.or.null.behavior";

/// What is done with records in which the path leads nowhere.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Missing {
    #[default]
    Fail,
    Include,
    Exclude,
}

/// Keeps what matches (include), or what does not (exclude).
#[derive(Default)]
pub struct Filter<S> {
    condition: String,
    path: Option<JsonPath>,
    excludes: bool,
    missing: Missing,
    side: PhantomData<fn() -> S>,
}

impl<S: Side> Transformation for Filter<S> {
    fn config(&self) -> Result<ConfigDef> {
        definition([
            high(CONDITION, Type::String, "The JSON path that a record matches if it finds anything in it."),
            high(TYPE, Type::String, "Whether matching records are kept (include) or dropped (exclude).")
                .validator(Validator::one_of_ignoring_case(["include", "exclude"])),
            medium(MISSING, Type::String, "What becomes of a record in which the path leads nowhere: fail, include (it is kept) or exclude (it is dropped).")
                .default("fail")
                .validator(Validator::one_of_ignoring_case(["fail", "include", "exclude"])),
        ])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = self.config()?.parse(config)?;
        self.condition = config.string(CONDITION)?.to_owned();
        let path = JsonPath::parse(&self.condition).map_err(|why| {
            let reason = format!(
                "Invalid json path defined. Please refer to https://github.com/json-path/JsonPath README for correct use of json path. ({why})"
            );
            Error::from(invalid(CONDITION, self.condition.clone(), reason))
        })?;
        self.path = Some(path);
        self.excludes = config.string(TYPE)?.eq_ignore_ascii_case("exclude");
        self.missing = match config.string(MISSING)?.to_ascii_lowercase().as_str() {
            "include" => Missing::Include,
            "exclude" => Missing::Exclude,
            _ => Missing::Fail,
        };
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        let value = S::value(record);
        let (Some(path), false) = (&self.path, value.is_null()) else { return Ok(Outcome::Keep) };
        if !matches!(value, Value::Struct(_) | Value::Map(_)) {
            return Err(Error::data(format!(
                "The filter condition {} needs a struct or a map, found: {}",
                self.condition,
                value.java_class()
            )));
        }
        let keeps = match (path.find(value), self.missing) {
            (Ok(found), _) => found.is_empty() == self.excludes,
            (Err(NoResult::Undecided(why)), _) => {
                return Err(Error::data(format!(
                    "Unable to apply the JSON Path filter condition `{}`: {why}",
                    self.condition
                )));
            }
            (Err(NoResult::Nothing), Missing::Include) => true,
            (Err(NoResult::Nothing), Missing::Exclude) => false,
            (Err(NoResult::Nothing), Missing::Fail) => {
                return Err(Error::data(format!(
                    "Unable to apply the JSON Path filter condition `{}` because the path could not be found in the record. Set \
                     ``missing.or.null.behavior`` to ``include`` or ``exclude`` to change how the transform handles this condition.",
                    self.condition
                )));
            }
        };
        Ok(if keeps { Outcome::Keep } else { Outcome::Drop })
    }
}
