//! `Node`: one value of a body, with its place, so that errors can say where and through which fields.

use serde_json::value::RawValue;

use super::error;

/// One value of a body.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    body: &'a str,
    raw: &'a RawValue,
    parent: Option<Link<'a>>,
}

#[derive(Clone, Copy)]
struct Link<'a> {
    node: &'a Node<'a>,
    class: &'a str,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Field(&'a str),
    Item(usize),
}

/// What JSON calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool,
    /// A number without point and exponent.
    Integer,
    /// Another number.
    Float,
    /// A text.
    String,
    /// A list.
    Array,
    /// An object.
    Object,
}

impl<'a> Node<'a> {
    /// The value that a body consists of.
    pub fn root(body: &'a str, raw: &'a RawValue) -> Self {
        Node { body, raw, parent: None }
    }

    /// The value of a field of this object, which Java reads as an instance of `class`.
    pub fn field(&'a self, class: &'a str, name: &'a str, raw: &'a RawValue) -> Node<'a> {
        Node { body: self.body, raw, parent: Some(Link { node: self, class, step: Step::Field(name) }) }
    }

    /// An item of this list.
    pub fn item(&'a self, index: usize, raw: &'a RawValue) -> Node<'a> {
        Node {
            body: self.body,
            raw,
            parent: Some(Link { node: self, class: "java.util.ArrayList", step: Step::Item(index) }),
        }
    }

    /// Its text in the body.
    pub fn text(&self) -> &'a str {
        self.raw.get().trim()
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        match self.text().as_bytes().first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b'n') => Kind::Null,
            Some(b't' | b'f') => Kind::Bool,
            _ if self.text().contains(['.', 'e', 'E']) => Kind::Float,
            _ => Kind::Integer,
        }
    }

    /// True for `null`.
    pub fn is_null(&self) -> bool {
        self.kind() == Kind::Null
    }

    /// An error text about this value, with its place.
    pub fn error(&self, text: &str) -> String {
        self.error_behind(text, 0)
    }

    /// The error that it is of a kind which Java's class cannot be read from.
    pub fn wrong_kind(&self, class: &str) -> String {
        let creator = class.split('<').next().unwrap_or(class);
        let construct = |what: &str, value: String| {
            let none = format!("(although at least one Creator exists): no {what} constructor/factory method");
            self.error(&format!("Cannot construct instance of `{creator}` {none} to deserialize from {value}"))
        };
        let deserialize = |value: &str, token: &str| {
            self.error(&format!(
                "Cannot deserialize value of type `{class}` from {value} value (token `JsonToken.{token}`)"
            ))
        };
        match self.kind() {
            Kind::Object => deserialize("Object", "START_OBJECT"),
            Kind::Array => deserialize("Array", "START_ARRAY"),
            Kind::Integer if class.contains('<') => deserialize("Integer", "VALUE_NUMBER_INT"),
            Kind::Float if class.contains('<') => deserialize("Floating-point", "VALUE_NUMBER_FLOAT"),
            Kind::Bool if class.contains('<') => {
                deserialize("Boolean", if self.text() == "true" { "VALUE_TRUE" } else { "VALUE_FALSE" })
            }
            Kind::Integer => construct("int/Int-argument", format!("Number value ({})", self.text())),
            Kind::Float => construct("double/Double-argument", format!("Number value ({})", self.text())),
            Kind::Bool => construct("boolean/Boolean-argument", format!("boolean value ({})", self.text())),
            Kind::String | Kind::Null => {
                construct("String-argument", format!("String value ('{}')", self.text().trim_matches('"')))
            }
        }
    }

    /// The error that an object of a class has a field which the class does not know.
    pub fn unknown_field(&'a self, class: &'a str, name: &'a str, raw: &'a RawValue, known: &[&str]) -> String {
        let names: Vec<String> = known.iter().map(|name| format!("\"{name}\"")).collect();
        let count = if known.len() == 1 {
            "one known property".to_owned()
        } else {
            format!("{} known properties", known.len())
        };
        let (count, names) = (count, names.join(", "));
        let text = format!("Unrecognized field \"{name}\" (class {class}), not marked as ignorable ({count}: {names})");
        self.field(class, name, raw).error_behind(&text, 1)
    }

    fn error_behind(&self, text: &str, behind: usize) -> String {
        // A slice of the body, so its distance is its place.
        let at = (self.text().as_ptr() as usize).saturating_sub(self.body.as_ptr() as usize);
        let before = self.body.get(..at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = at - before.rfind('\n').map_or(0, |newline| newline + 1) + 1;
        error::at(text, line, column + behind) + &self.chain()
    }

    fn chain(&self) -> String {
        let mut steps = Vec::new();
        let mut next = self.parent;
        while let Some(Link { node, class, step }) = next {
            steps.push(match step {
                Step::Field(name) => format!("{class}[\"{name}\"]"),
                Step::Item(index) => format!("{class}[{index}]"),
            });
            next = node.parent;
        }
        if steps.is_empty() {
            return String::new();
        }
        steps.reverse();
        format!(" (through reference chain: {})", steps.join("->"))
    }
}
