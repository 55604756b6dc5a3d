//! Cases with the answers of Kafka's own classes, put to Milena's.
//!
//! The cases and their form are those of `reference/oracle`. `tests/golden.rs` checks the ones that are kept in `golden/`; the program `diff`
//! checks fresh ones, as `cargo xtask diff` makes them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a case that cannot be read fails the test")]

mod compare;
mod config_parse;
mod converters;
mod data;
mod transforms;
mod validation;
mod values;

use milena_api::Error;
use milena_runtime::herder::RequestError;
use serde_json::Value as Json;

/// What our side answers: the JSON of `ok`, or what was thrown.
type Answer = Result<Json, Thrown>;

/// An exception by the name that it has in Java.
struct Thrown {
    class: String,
    message: Option<String>,
    /// The stage of a chain, and what it was doing.
    at: Option<String>,
}

impl Thrown {
    fn headline(&self) -> String {
        format!("{}: {:?} at {:?}", self.class, self.message, self.at)
    }

    fn at(error: &Error, place: String) -> Self {
        Self { at: Some(place), ..Self::from(error) }
    }
}

impl From<&Error> for Thrown {
    fn from(error: &Error) -> Self {
        Self { class: error.java_class().to_owned(), message: error.message().map(str::to_owned), at: None }
    }
}

impl From<RequestError> for Thrown {
    fn from(error: RequestError) -> Self {
        Self { class: error.class, message: error.message, at: None }
    }
}

/// Why a case cannot be put to our side at all.
struct Unsupported(String);

impl From<Unsupported> for Thrown {
    fn from(why: Unsupported) -> Self {
        Self { class: "cannot be run".to_owned(), message: Some(why.0), at: None }
    }
}

/// What came of a case.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As Kafka.
    Same,
    /// Not as Kafka, for a reason that docs/compatibility.md names.
    Excused(&'static str),
    /// Not as Kafka: the two answers.
    Different(String),
}

/// Milena's side.
pub struct Milena {
    worker: validation::Worker,
}

impl Default for Milena {
    fn default() -> Self {
        Self { worker: validation::Worker::new() }
    }
}

impl Milena {
    /// Runs a case and compares with the answer that comes with it: `{"case": …, "expect": …}`.
    ///
    /// # Panics
    /// When it is no case.
    pub fn check(&self, pair: &Json) -> Verdict {
        let (case, expected) = (&pair["case"], &pair["expect"]);
        let answer = self.answer(case).unwrap_or_else(|why| Err(why.into()));
        match compare::difference(case, &answer, expected) {
            None => Verdict::Same,
            Some(found) => compare::excuse(pair).map_or(Verdict::Different(found), Verdict::Excused),
        }
    }

    fn answer(&self, case: &Json) -> Result<Answer, Unsupported> {
        match values::text(case, "op") {
            "config_def" | "validate" => Ok(self.worker.answer(case)),
            "config_parse" => Ok(config_parse::answer(case)),
            "transform" => transforms::answer(case),
            "to_connect" | "from_connect" | "header_to_connect" | "header_from_connect" => converters::answer(case),
            _ => data::answer(case),
        }
    }
}
