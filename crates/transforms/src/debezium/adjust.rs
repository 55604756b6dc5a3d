//! `Adjust`: names as Avro allows them.
//!
//! Counterpart: `io.debezium.schema.SchemaNameAdjuster`.

use std::borrow::Cow;
use std::fmt::Write;

use super::options::java_trim;

/// What is done to characters that Avro does not allow in a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Adjust {
    /// They stay.
    #[default]
    None,
    /// Each becomes `_`.
    Underscore,
    /// Each, and `_` itself, becomes `_u` and its number.
    Unicode,
}

/// The names of the modes.
pub(super) const MODES: [&str; 3] = ["none", "avro", "avro_unicode"];

impl Adjust {
    /// The mode of that name.
    pub(super) fn parse(name: &str) -> Option<Adjust> {
        let name = java_trim(name).to_ascii_lowercase();
        [Adjust::None, Adjust::Underscore, Adjust::Unicode]
            .into_iter()
            .zip(MODES)
            .find(|(_, n)| *n == name)
            .map(|m| m.0)
    }

    /// Name of a schema, in which dots are separators.
    pub(super) fn schema_name(self, name: &str) -> Cow<'_, str> {
        self.apply(name, true)
    }

    /// Name of a field.
    pub(super) fn field_name(self, name: &str) -> Cow<'_, str> {
        self.apply(name, false)
    }

    fn allows(self, c: char, first: bool, dots: bool) -> bool {
        match c {
            'a'..='z' | 'A'..='Z' => true,
            '_' => self == Adjust::Underscore,
            '0'..='9' => !first,
            '.' => !first && dots,
            _ => false,
        }
    }

    fn apply(self, name: &str, dots: bool) -> Cow<'_, str> {
        if self == Adjust::None || name.chars().enumerate().all(|(at, c)| self.allows(c, at == 0, dots)) {
            return Cow::Borrowed(name);
        }
        let mut out = String::with_capacity(name.len() + 8);
        for (at, c) in name.chars().enumerate() {
            if self.allows(c, at == 0, dots) {
                out.push(c);
                continue;
            }
            // Java replaces the two halves of a surrogate pair one by one.
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push('_');
                if self == Adjust::Unicode {
                    let padding = if *unit <= 0xff { "00" } else { "" };
                    // Writing to a String cannot fail.
                    _ = write!(out, "u{padding}{unit:x}");
                }
            }
            // A digit at the start stays behind its underscore, so that 1a and 2a remain two names.
            if self == Adjust::Underscore && c.is_ascii_digit() {
                out.push(c);
            }
        }
        Cow::Owned(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_avro_does_not_allow_are_replaced() {
        let of = |mode: &str, name: &str| {
            let mode = Adjust::parse(mode).unwrap();
            (mode.schema_name(name).into_owned(), mode.field_name(name).into_owned())
        };
        let pair = |schema: &str, field: &str| (schema.to_owned(), field.to_owned());
        assert_eq!(of("none", "1-a.b"), pair("1-a.b", "1-a.b"));
        assert_eq!(of("Avro ", "1-a.b_"), pair("_1_a.b_", "_1_a_b_"));
        assert_eq!(
            of("avro_unicode", "1a.b_α\t😀"),
            pair("_u0031a.b_u005f_u3b1_u009_ud83d_ude00", "_u0031a_u002eb_u005f_u3b1_u009_ud83d_ude00")
        );
        assert_eq!(Adjust::parse("x"), None);
    }
}
