//! Character classes.

use super::mistake::{Mistake, Result};
use super::parser::Parser;

/// One member of a class.
pub(super) enum Item {
    /// A character.
    Char(char),
    /// The inside of a class, which may begin with `^`.
    Set(String),
}

impl Item {
    /// The character of a code point; halves of pairs are in no text, so they are a class that nothing matches.
    pub(super) fn of_code(code: u32) -> Item {
        char::from_u32(code).map_or_else(|| Item::Set(r"^\x{0}-\x{10ffff}".to_owned()), Item::Char)
    }
}

impl Parser {
    /// A class; the parser stands behind its `[`.
    pub(super) fn class(&mut self) -> Result<String> {
        self.deeper()?;
        let mut out = String::from("[");
        if self.take('^') {
            out.push('^');
        }
        // Without members, `]` stands for itself and `&&` has nothing to its left.
        let mut members = 0_usize;
        loop {
            let Some(c) = self.peek() else {
                return Err(Mistake::new("Unclosed character class", self.chars.len() - 1));
            };
            match c {
                ']' if members > 0 => {
                    self.at += 1;
                    self.depth -= 1;
                    out.push(']');
                    return Ok(self.cased(out));
                }
                '[' => {
                    self.at += 1;
                    let inner = self.class()?;
                    out.push_str(&inner);
                }
                '&' if self.chars.get(self.at + 1) == Some(&'&') => {
                    self.at += 2;
                    while self.take('&') {}
                    let ends = self.peek() == Some(']');
                    if ends && members == 0 {
                        return Err(Mistake::new("Bad class syntax", self.at - 1));
                    }
                    if !ends && members > 0 {
                        out.push_str("&&");
                    }
                    continue;
                }
                _ if self.flags.comments && c.is_ascii_whitespace() => {
                    self.at += 1;
                    continue;
                }
                _ => self.member(&mut out)?,
            }
            members += 1;
        }
    }

    /// A character, an escape, a quotation, or a range.
    fn member(&mut self, out: &mut String) -> Result<()> {
        if self.chars[self.at..].starts_with(&['\\', 'Q']) {
            self.at += 1;
            for c in self.quoted() {
                self.push_range(out, c, c);
            }
            return Ok(());
        }
        let first = match self.class_char()? {
            Item::Set(set) => {
                out.push_str(&format!("[{set}]"));
                return Ok(());
            }
            Item::Char(c) => c,
        };
        // A `-` before the end or before another class stands for itself.
        let is_range = self.peek() == Some('-') && !matches!(self.chars.get(self.at + 1), Some(']' | '['));
        if !is_range {
            self.push_range(out, first, first);
            return Ok(());
        }
        self.at += 1;
        let wrong = |at: usize| Mistake::new("Illegal character range", at);
        let end_at = self.at + usize::from(self.peek() == Some('\\'));
        let last = match self.peek() {
            None => return Err(wrong(self.at)),
            Some('\\') if end_at == self.chars.len() => return Err(wrong(end_at)),
            Some(_) => match self.class_char()? {
                Item::Char(last) if last >= first => last,
                // The place is that of the last character read.
                Item::Char(_) => return Err(wrong(self.at - 1)),
                Item::Set(_) => return Err(wrong(end_at)),
            },
        };
        self.push_range(out, first, last);
        Ok(())
    }

    fn class_char(&mut self) -> Result<Item> {
        match self.peek() {
            Some('\\') => self.class_escape(),
            Some(c) => {
                self.at += 1;
                Ok(Item::Char(c))
            }
            None => Err(Mistake::new("Unclosed character class", self.chars.len() - 1)),
        }
    }

    /// Writes a range, and the same letters in the other case where case is ignored in ASCII only.
    fn push_range(&self, out: &mut String, first: char, last: char) {
        push_escaped_range(out, first, last);
        if self.flags.ignore_case && !self.flags.unicode_case {
            let part = |low: char, high: char| {
                let (from, to) = (first.max(low), last.min(high));
                (from <= to).then_some((from, to))
            };
            if let Some((from, to)) = part('a', 'z') {
                push_escaped_range(out, from.to_ascii_uppercase(), to.to_ascii_uppercase());
            }
            if let Some((from, to)) = part('A', 'Z') {
                push_escaped_range(out, from.to_ascii_lowercase(), to.to_ascii_lowercase());
            }
        }
    }

    fn cased(&self, class: String) -> String {
        if self.flags.ignore_case && self.flags.unicode_case { format!("(?i:{class})") } else { class }
    }
}

fn push_escaped_range(out: &mut String, first: char, last: char) {
    // The engine would read `[:a:]` as a POSIX name, which Java does not write so; no name has a `-`.
    let like_posix = first == ':' && out.ends_with('[');
    push_escaped(out, first);
    if last > first || like_posix {
        out.push('-');
        push_escaped(out, last);
    }
}

/// A character that stands for itself, inside a class.
fn push_escaped(out: &mut String, c: char) {
    if matches!(c, '\\' | '[' | ']' | '^' | '-' | '&' | '~') {
        out.push('\\');
    }
    out.push(c);
}
