//! `#[derive(ConfigDef)]`: a struct as the one definition of a configuration.

mod expand;
mod field;
mod literal;

use proc_macro::TokenStream;

/// Makes a struct the definition of its configuration: implements `milena_api::config::FromConfig`.
///
/// Every field is a key, and its doc comment is the key's documentation. The field's type gives the key's:
///
/// | field | key |
/// |---|---|
/// | `bool` | BOOLEAN |
/// | `i16`, `u8` | SHORT |
/// | `i32`, `u16` | INT |
/// | `i64`, `u32`, `u64`, `usize` | LONG |
/// | `f64` | DOUBLE |
/// | `String` | STRING, or CLASS with `class` |
/// | `Vec<String>` | LIST |
/// | `Duration` | LONG, in milliseconds |
/// | `Secret` | PASSWORD |
/// | `Option<T>` | that of `T`, null unless set |
///
/// and any other type that implements `FromParsed`. Unsigned numbers and durations refuse negative values by themselves.
///
/// Without `default` a field is required, unless it is an `Option`. Attributes, all of them optional:
///
/// | `#[config(…)]` | means |
/// |---|---|
/// | `name = "a.b"` | name of the key; otherwise the field's, with dots for underscores |
/// | `importance = high` | `high`, `medium` (otherwise) or `low` |
/// | `default = 30_000` | value when the key is not set: a literal, a list of them, or an expression with `to_string` |
/// | `range = 1..` | bounds of a number: `1..`, `..=10`, `1..=10` |
/// | `validate = check` | a `Validator`, or a function `(&str, &Parsed) -> Result<(), ConfigError>`; may be repeated. Not asked about null in an `Option` |
/// | `group = "Connection"` | group that the key is listed in |
/// | `order = 3` | place in the group; otherwise fields count from 1 |
/// | `width = long` | `none` (otherwise), `short`, `medium`, `long` |
/// | `display = "Address"` | name in a form |
/// | `dependents = ["a", "b"]` | keys that are checked after this one |
/// | `recommend = values` | a `Recommender`, e.g. a function `(&str, &ParsedConfig) -> Result<Vec<Parsed>, ConfigError>` |
/// | `class` | the text is the name of a class |
/// | `type = int` | `short`, `int` or `long` instead of the field's own number type |
/// | `flatten` | the field is itself such a struct, and its keys are added to these |
#[proc_macro_derive(ConfigDef, attributes(config))]
pub fn config_def(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    expand::expand(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}
