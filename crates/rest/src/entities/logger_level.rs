//! Level of a logger. Counterpart: …rest.entities.LoggerLevel.

use milena_runtime::herder::LoggerLevel;
use serde::Serialize;

/// Level of a logger.
#[derive(Serialize)]
pub struct LoggerLevelBody<'a> {
    level: &'a str,
    last_modified: Option<i64>,
}

impl<'a> From<&'a LoggerLevel> for LoggerLevelBody<'a> {
    fn from(level: &'a LoggerLevel) -> Self {
        LoggerLevelBody { level: &level.level, last_modified: level.last_modified }
    }
}
