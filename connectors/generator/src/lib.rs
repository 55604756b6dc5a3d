//! A source that makes records up, and a sink that only counts them: for first steps, demonstrations and measurements.
//!
//! | module | holds |
//! |---|---|
//! | `config` | the generator's keys |
//! | `source`, `source_task` | `milena.GeneratorSourceConnector` |
//! | `data_set` | the ready-made data sets, with schemas |
//! | `random` | numbers that are the same in every run |
//! | `null_sink` | `milena.NullSinkConnector` |

mod config;
mod data_set;
mod null_sink;
mod random;
mod source;
mod source_task;

pub use null_sink::{NullSinkConnector, NullSinkTask};
pub use source::GeneratorSourceConnector;
pub use source_task::GeneratorSourceTask;

use milena_api::plugin::Plugin;

/// The connectors of this crate.
pub fn plugins() -> Vec<Plugin> {
    vec![Plugin::sink::<NullSinkConnector>(null_sink::CLASS), Plugin::source::<GeneratorSourceConnector>(source::CLASS)]
}
