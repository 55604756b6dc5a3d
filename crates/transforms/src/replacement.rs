//! `Replacement`: the replacement texts of Java's regular expressions: `$1`, `${name}`, `\$`.
//!
//! Counterpart: `java.util.regex.Matcher.appendReplacement`.

use fancy_regex::{Captures, Regex};
use milena_api::error::{Error, Result};

/// Appends to `out` what the replacement text makes of a match.
pub(crate) fn append(out: &mut String, replacement: &str, regex: &Regex, captures: &Captures<'_, str>) -> Result<()> {
    let mut chars = replacement.chars().peekable();
    let group = |index: usize| captures.get(index).map_or("", |m| m.as_str());
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push(chars.next().ok_or_else(|| illegal("character to be escaped is missing"))?),
            '$' => match chars.peek().copied() {
                None => return Err(illegal("Illegal group reference: group index is missing")),
                Some('{') => {
                    chars.next();
                    let mut name = String::new();
                    while let Some(c) = chars.next_if(char::is_ascii_alphanumeric) {
                        name.push(c);
                    }
                    if name.is_empty() {
                        return Err(illegal("named capturing group is missing trailing '}'"));
                    }
                    if chars.next() != Some('}') {
                        return Err(illegal("named capturing group is missing trailing '}'"));
                    }
                    if name.starts_with(|c: char| c.is_ascii_digit()) {
                        return Err(illegal(format!("capturing group name {{{name}}} starts with digit character")));
                    }
                    if !regex.capture_names().any(|known| known == Some(name.as_str())) {
                        return Err(illegal(format!("No group with name {{{name}}}")));
                    }
                    out.push_str(captures.name(&name).map_or("", |m| m.as_str()));
                }
                Some(first) => {
                    let Some(digit) = first.to_digit(10) else { return Err(illegal("Illegal group reference")) };
                    chars.next();
                    let mut index = digit as usize;
                    if index >= captures.len() {
                        return Err(
                            Error::data(format!("No group {index}")).with_class("java.lang.IndexOutOfBoundsException")
                        );
                    }
                    // More digits belong to the number as long as there is such a group.
                    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                        let longer = index * 10 + digit as usize;
                        if longer >= captures.len() {
                            break;
                        }
                        chars.next();
                        index = longer;
                    }
                    out.push_str(group(index));
                }
            },
            other => out.push(other),
        }
    }
    Ok(())
}

fn illegal(message: impl Into<String>) -> Error {
    Error::data(message).with_class("java.lang.IllegalArgumentException")
}
