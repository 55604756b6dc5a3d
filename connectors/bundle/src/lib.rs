//! What ships with the worker: every connector, converter, transformation and predicate.
//!
//! A connector is one folder beside this one and one word in the list below; whoever wants another set writes a list of their own.

use milena_api::plugin::Plugin;
use milena_connector_file as file;
use milena_connector_generator as generator;
use milena_connector_tools as tools;

/// The test kit. Its plug-ins are not among those below: whoever starts a worker asks [`Probe::from_env`] for them.
pub use milena_connector_probe::{Probe, RestTimeouts};

/// The list of connector crates: each gives its plug-ins by its function `plugins`.
macro_rules! bundle {
    ($($connector:ident),* $(,)?) => {
        /// All plug-ins of this build.
        pub fn plugins() -> Vec<Plugin> {
            let mut plugins = Vec::new();
            $(plugins.extend($connector::plugins());)*
            plugins.extend(milena_converters::plugins());
            plugins.extend(milena_transforms::plugins());
            plugins
        }
    };
}

bundle! { file, generator, tools }

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_class_is_announced_twice_for_one_kind() {
        let mut seen = HashSet::new();
        for plugin in plugins() {
            assert!(seen.insert((plugin.class.clone(), plugin.kind())), "{}", plugin.class);
        }
        assert!(seen.iter().any(|(class, _)| class == "org.apache.kafka.connect.file.FileStreamSourceConnector"));
    }
}
