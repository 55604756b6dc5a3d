//! Attributes of a key that are a choice among few: type, importance, width.

use std::fmt;

/// What the value of a key is. Counterpart: `ConfigDef.Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// `true` or `false`, any case.
    Boolean,
    /// Text, without blanks around it.
    String,
    /// 32-bit integer.
    Int,
    /// 16-bit integer.
    Short,
    /// 64-bit integer.
    Long,
    /// 64-bit floating point, in any form that Java reads.
    Double,
    /// Texts separated by commas.
    List,
    /// Name of a class.
    Class,
    /// Text that is never shown.
    Password,
}

impl Type {
    /// All of them.
    pub const ALL: [Type; 9] = [
        Type::Boolean,
        Type::String,
        Type::Int,
        Type::Short,
        Type::Long,
        Type::Double,
        Type::List,
        Type::Class,
        Type::Password,
    ];

    /// The text of REST and of messages.
    pub const fn name(self) -> &'static str {
        match self {
            Type::Boolean => "BOOLEAN",
            Type::String => "STRING",
            Type::Int => "INT",
            Type::Short => "SHORT",
            Type::Long => "LONG",
            Type::Double => "DOUBLE",
            Type::List => "LIST",
            Type::Class => "CLASS",
            Type::Password => "PASSWORD",
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How much a key matters to its reader; the order is that of listings. Counterpart: `ConfigDef.Importance`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Importance {
    /// Nearly everyone sets it.
    High,
    /// Many set it.
    #[default]
    Medium,
    /// Few set it.
    Low,
}

impl Importance {
    /// The text of REST.
    pub const fn name(self) -> &'static str {
        match self {
            Importance::High => "HIGH",
            Importance::Medium => "MEDIUM",
            Importance::Low => "LOW",
        }
    }
}

impl fmt::Display for Importance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How wide a form should make the field. Counterpart: `ConfigDef.Width`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Width {
    /// No wish.
    #[default]
    None,
    /// A few characters.
    Short,
    /// A name.
    Medium,
    /// A sentence or a path.
    Long,
}

impl Width {
    /// The text of REST.
    pub const fn name(self) -> &'static str {
        match self {
            Width::None => "NONE",
            Width::Short => "SHORT",
            Width::Medium => "MEDIUM",
            Width::Long => "LONG",
        }
    }
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
