//! What is known about a client property: name, type, default, importance, allowed values.
//!
//! Counterpart: org.apache.kafka.common.config.ConfigDef.ConfigKey.

use super::docs::Support;

/// Type of a property, by Kafka's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "Kafka's own names")]
pub enum Type {
    Boolean,
    Class,
    Double,
    Int,
    List,
    Long,
    Password,
    Short,
    String,
}

impl Type {
    /// Kafka's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::Class => "CLASS",
            Self::Double => "DOUBLE",
            Self::Int => "INT",
            Self::List => "LIST",
            Self::Long => "LONG",
            Self::Password => "PASSWORD",
            Self::Short => "SHORT",
            Self::String => "STRING",
        }
    }
}

/// How much a property matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "Kafka's own names")]
pub enum Importance {
    High,
    Medium,
    Low,
}

impl Importance {
    /// Kafka's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::High => "HIGH",
            Self::Medium => "MEDIUM",
            Self::Low => "LOW",
        }
    }
}

/// What holds if a property is not given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DefaultValue {
    /// It must be given.
    Required,
    /// Nothing.
    Null,
    /// This text.
    Value(&'static str),
}

/// Which values are allowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Check {
    /// All of the type.
    Any,
    /// Numbers from this one on.
    AtLeast(i64),
    /// Numbers between these two, both allowed.
    Range(i64, i64),
    /// Numbers between the first two, both allowed, or the third.
    RangeOr(i64, i64, i64),
    /// Fractions between these two, both allowed.
    Between(f64, f64),
    /// These texts.
    Choice(&'static [&'static str]),
    /// These texts in any case.
    ChoiceIgnoringCase(&'static [&'static str]),
    /// Any text but the empty one.
    NonEmpty,
    /// `earliest`, `latest`, `none` or `by_duration:` and an ISO 8601 duration.
    OffsetReset,
}

/// A property of a client. Properties of clients have no group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClientConfigKey {
    /// Java's name.
    pub name: &'static str,
    /// Type.
    pub kind: Type,
    /// What holds if it is not given.
    pub default: DefaultValue,
    /// How much it matters.
    pub importance: Importance,
    /// Allowed values.
    pub check: Check,
}

impl ClientConfigKey {
    /// One sentence on what the property does.
    pub fn doc(&self) -> &'static str {
        super::docs::of(self).map_or("", |doc| doc.text)
    }

    /// What this client makes of it.
    pub fn support(&self) -> Support {
        super::docs::of(self).map_or(Support::Honoured, |doc| doc.support)
    }
}

pub(super) const fn key(
    name: &'static str,
    kind: Type,
    default: DefaultValue,
    importance: Importance,
    check: Check,
) -> ClientConfigKey {
    ClientConfigKey { name, kind, default, importance, check }
}
