//! `Parsed`: the value of a key after parsing.

use std::borrow::Cow;

use super::secret::{HIDDEN, Secret};
use super::types::Type;
use crate::data::double_text;

/// A parsed value. Classes stay names.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Parsed {
    /// No value: the key has null as its value or default.
    #[default]
    Null,
    /// BOOLEAN.
    Boolean(bool),
    /// STRING.
    String(String),
    /// INT.
    Int(i32),
    /// SHORT.
    Short(i16),
    /// LONG.
    Long(i64),
    /// DOUBLE.
    Double(f64),
    /// LIST.
    List(Vec<String>),
    /// CLASS: full name.
    Class(String),
    /// PASSWORD.
    Password(Secret),
}

impl Parsed {
    /// True for [`Parsed::Null`].
    pub fn is_null(&self) -> bool {
        matches!(self, Parsed::Null)
    }

    /// The type of the value; `None` for null.
    pub fn ty(&self) -> Option<Type> {
        Some(match self {
            Parsed::Null => return None,
            Parsed::Boolean(_) => Type::Boolean,
            Parsed::String(_) => Type::String,
            Parsed::Int(_) => Type::Int,
            Parsed::Short(_) => Type::Short,
            Parsed::Long(_) => Type::Long,
            Parsed::Double(_) => Type::Double,
            Parsed::List(_) => Type::List,
            Parsed::Class(_) => Type::Class,
            Parsed::Password(_) => Type::Password,
        })
    }

    /// The text of a STRING or the name of a CLASS.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Parsed::String(text) | Parsed::Class(text) => Some(text),
            _ => None,
        }
    }

    /// The value of an INT, SHORT or LONG.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Parsed::Int(n) => Some(i64::from(*n)),
            Parsed::Short(n) => Some(i64::from(*n)),
            Parsed::Long(n) => Some(*n),
            _ => None,
        }
    }

    /// The value of any number.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Parsed::Double(n) => Some(*n),
            #[expect(clippy::cast_precision_loss, reason = "as Number.doubleValue")]
            other => other.as_i64().map(|n| n as f64),
        }
    }

    /// The items of a LIST.
    pub fn as_list(&self) -> Option<&[String]> {
        match self {
            Parsed::List(items) => Some(items),
            _ => None,
        }
    }

    /// The text of REST and of files; `None` for null. Lists are joined with commas, secrets hidden. Counterpart: `ConfigDef.convertToString`.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Parsed::Null => return None,
            Parsed::Boolean(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
            Parsed::String(text) | Parsed::Class(text) => Cow::Borrowed(text),
            Parsed::Int(n) => Cow::Owned(n.to_string()),
            Parsed::Short(n) => Cow::Owned(n.to_string()),
            Parsed::Long(n) => Cow::Owned(n.to_string()),
            Parsed::Double(n) => Cow::Owned(double_text(*n)),
            Parsed::List(items) => Cow::Owned(items.join(",")),
            Parsed::Password(_) => Cow::Borrowed(HIDDEN),
        })
    }

    /// The text of messages, as Java prints the object: `null`, `[a, b]`, `class x.Y`.
    pub fn shown(&self) -> Cow<'_, str> {
        match self {
            Parsed::Null => Cow::Borrowed("null"),
            Parsed::List(items) => Cow::Owned(format!("[{}]", items.join(", "))),
            Parsed::Class(name) => Cow::Owned(format!("class {name}")),
            other => other.text().unwrap_or_default(),
        }
    }
}

impl From<bool> for Parsed {
    fn from(value: bool) -> Self {
        Parsed::Boolean(value)
    }
}

impl From<&str> for Parsed {
    fn from(value: &str) -> Self {
        Parsed::String(value.to_owned())
    }
}

impl From<String> for Parsed {
    fn from(value: String) -> Self {
        Parsed::String(value)
    }
}

impl From<i32> for Parsed {
    fn from(value: i32) -> Self {
        Parsed::Int(value)
    }
}

impl From<i16> for Parsed {
    fn from(value: i16) -> Self {
        Parsed::Short(value)
    }
}

impl From<i64> for Parsed {
    fn from(value: i64) -> Self {
        Parsed::Long(value)
    }
}

impl From<f64> for Parsed {
    fn from(value: f64) -> Self {
        Parsed::Double(value)
    }
}

impl From<Vec<String>> for Parsed {
    fn from(value: Vec<String>) -> Self {
        Parsed::List(value)
    }
}

impl From<Secret> for Parsed {
    fn from(value: Secret) -> Self {
        Parsed::Password(value)
    }
}
