//! What ships with the worker: every connector, converter, transformation and predicate.
//!
//! A connector is one folder beside this one and one word in the list below; whoever wants another set writes a list of their own.

use milena_api::plugin::Plugin;

/// The list of connector crates: each gives its plug-ins by its function `plugins`.
macro_rules! bundle {
    ($($connector:ident),* $(,)?) => {
        /// All plug-ins of this build. Those of the test kit are among them only where its channel is switched on.
        pub fn plugins() -> Vec<Plugin> {
            let mut plugins = Vec::new();
            $(plugins.extend($connector::plugins());)*
            plugins.extend(milena_converters::plugins());
            plugins.extend(milena_transforms::plugins());
            plugins
        }
    };
}

use milena_connector_file as file;
use milena_connector_generator as generator;
use milena_connector_tools as tools;

bundle! { file, generator, tools }
