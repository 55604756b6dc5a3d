//! REST scenarios: YAML files that say what to ask a worker and what it has to answer, run unchanged against a Java worker and against Milena.
//!
//! A file is a mapping with `about` (one sentence), optional `worker` (a name in `workers.yaml`) and `steps`.
//! `tests/rest/README.md` describes the steps, the variables and how expected bodies are compared.

mod compare;
mod file;
mod run;
mod variables;

pub use file::{Scenario, Workers, find, workers};
pub use run::{Outcome, Target, run};
