//! JSON paths over records, as the Jayway library that Java's transformations use understands them.
//!
//! A path is read once and then walks structs, maps and lists where they are. What differs from RFC 9535 is meant: a filter looks at an object
//! itself and not at its children, `$.a.b` without `a` is an error but `$..b` is not, texts and numbers compare as numbers where one side is one.
//!
//! Counterpart: `com.jayway.jsonpath.JsonPath` with its default configuration.

mod evaluate;
mod filter;
mod function;
mod parse;
#[cfg(test)]
mod tests;

use milena_api::data::{Type, Value};

use filter::Filter;
use function::Function;

/// A path that has been read.
#[derive(Debug)]
pub(crate) struct JsonPath {
    tokens: Vec<Token>,
    /// Whether everything before a token leads to one place at most.
    definite_before: Vec<bool>,
    function: Option<Function>,
}

/// Why a path gives nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoResult {
    /// A definite path leads nowhere.
    Nothing,
    /// A condition could not be decided, and why.
    Undecided(String),
}

/// One step of a path.
#[derive(Debug)]
enum Token {
    /// `.name`, `['name']`, `['one','two']`.
    Properties(Vec<String>),
    /// `*`.
    Wildcard,
    /// `[0]`, `[0,-1]`.
    Indexes(Vec<i64>),
    /// `[1:3]`; a bound that is left out is none.
    Slice(Option<i64>, Option<i64>),
    /// `..`: the next token at every depth.
    Scan,
    /// `[?(…)]`.
    Filter(Filter),
}

impl JsonPath {
    /// Reads a path.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        parse::path(text)
    }

    fn new(tokens: Vec<Token>, function: Option<Function>) -> Self {
        let mut definite_before = Vec::with_capacity(tokens.len() + 1);
        let mut definite = true;
        for (at, token) in tokens.iter().enumerate() {
            definite_before.push(definite);
            let is_last = at + 1 == tokens.len();
            definite &= match token {
                Token::Properties(names) => names.len() == 1 || is_last,
                Token::Indexes(indexes) => indexes.len() == 1,
                Token::Wildcard | Token::Slice(..) | Token::Scan | Token::Filter(_) => false,
            };
        }
        definite_before.push(definite);
        Self { tokens, definite_before, function }
    }

    /// Whether it leads to one place at most.
    pub(crate) fn is_definite(&self) -> bool {
        self.definite_before.last().copied().unwrap_or(true)
    }
}

/// The named members of an object, be it a map or a struct; `None` for anything else.
pub(crate) fn member<'v>(of: &'v Value, name: &str) -> Option<&'v Value> {
    match of {
        Value::Map(map) => map.get_str(name),
        Value::Struct(value) => {
            let field = value.schema().field(name).ok().flatten()?;
            Some(value.get_field(field))
        }
        _ => None,
    }
}

fn is_object(value: &Value) -> bool {
    matches!(value, Value::Map(_) | Value::Struct(_))
}

/// Members of an object or items of a list; `None` for anything else.
fn len(of: &Value) -> Option<usize> {
    match of {
        Value::Map(map) => Some(map.len()),
        Value::Struct(value) => Some(value.schema().field_count()),
        Value::Array(items) => Some(items.len()),
        _ => None,
    }
}

/// Calls `each` with the members of an object or a list, one after the other; ends early with its first error.
fn each_child<'v, E>(of: &'v Value, mut each: impl FnMut(&'v Value) -> Result<(), E>) -> Result<(), E> {
    match of {
        Value::Map(map) => map.iter().try_for_each(|(_, value)| each(value)),
        Value::Struct(value) if value.schema().ty() == Type::Struct => match value.schema().fields() {
            Ok(mut fields) => fields.try_for_each(|field| each(value.get_field(field))),
            Err(_) => Ok(()),
        },
        Value::Array(items) => items.iter().try_for_each(each),
        _ => Ok(()),
    }
}
