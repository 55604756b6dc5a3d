//! `#[derive(ConfigDef)]`: a struct as the one definition of a configuration.

use proc_macro::TokenStream;

/// Makes a struct the definition of its configuration.
#[proc_macro_derive(ConfigDef, attributes(config))]
pub fn config_def(_input: TokenStream) -> TokenStream {
    TokenStream::new()
}
