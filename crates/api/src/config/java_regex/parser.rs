//! `Parser`: alternatives, sequences, groups and quantifiers.

use super::mistake::{Mistake, Result};

/// Ends of lines that `.` leaves out and `$` looks past.
pub(super) const LINE_ENDS: &str = r"\n\r\x{85}\x{2028}\x{2029}";

/// Flags in force; they end with the group that sets them.
#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) ignore_case: bool,
    pub(super) unicode_case: bool,
    pub(super) unicode_classes: bool,
    pub(super) comments: bool,
    unix_lines: bool,
    multi_line: bool,
    dot_all: bool,
}

/// What a quantifier repeats.
#[derive(Clone, Copy)]
pub(super) struct Atom {
    /// Where its translation begins.
    pub(super) start: usize,
    /// It takes no character: an assertion, or nothing at all.
    pub(super) zero_width: bool,
    /// Repeated, it never gives back what it took.
    pub(super) atomic: bool,
}

/// The engine has a limit, too.
const MAX_DEPTH: usize = 200;

/// Reads a pattern once and writes its translation.
pub(super) struct Parser {
    pub(super) chars: Vec<char>,
    pub(super) at: usize,
    pub(super) out: String,
    pub(super) flags: Flags,
    pub(super) groups: usize,
    pub(super) names: Vec<String>,
    pub(super) depth: usize,
    /// The match has to reach the end of the text, so a `$` that ends the pattern is the end of the text.
    whole: bool,
}

impl Parser {
    pub(super) fn new(pattern: &str, whole: bool) -> Self {
        Parser {
            chars: pattern.chars().collect(),
            at: 0,
            out: String::with_capacity(pattern.len() + 8),
            flags: Flags::default(),
            groups: 0,
            names: Vec::new(),
            depth: 0,
            whole,
        }
    }

    pub(super) fn translate(mut self) -> Result<String> {
        self.alternatives()?;
        if self.at < self.chars.len() {
            return Err(Mistake::new("Unmatched closing ')'", self.at.checked_sub(1)));
        }
        Ok(self.out)
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    /// Takes the next character if it is this one.
    pub(super) fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    /// Steps into a group or class. Java's limit is the size of its stack.
    pub(super) fn deeper(&mut self) -> Result<()> {
        if self.depth == MAX_DEPTH {
            return Err(Mistake::new(format!("Groups and classes are nested more than {MAX_DEPTH} deep"), self.at));
        }
        self.depth += 1;
        Ok(())
    }

    fn alternatives(&mut self) -> Result<()> {
        loop {
            self.sequence()?;
            if !self.take('|') {
                return Ok(());
            }
            self.out.push('|');
        }
    }

    fn sequence(&mut self) -> Result<()> {
        loop {
            self.skip_comments();
            let mut atom = Atom { start: self.out.len(), zero_width: false, atomic: false };
            match self.peek() {
                None | Some('|' | ')') => return Ok(()),
                Some(found @ ('*' | '+' | '?')) => {
                    return Err(Mistake::new(format!("Dangling meta character '{found}'"), self.at));
                }
                // Java repeats the nothing before it.
                Some('{') => {
                    self.quantifier(atom)?;
                    self.out.truncate(atom.start);
                    continue;
                }
                Some('[') => {
                    self.at += 1;
                    let class = self.class()?;
                    self.out.push_str(&class);
                }
                Some('(') => match self.group()? {
                    Some(zero_width) => atom.zero_width = zero_width,
                    None => continue,
                },
                Some('\\') => atom = self.escape()?,
                Some('^') => {
                    self.at += 1;
                    atom.zero_width = true;
                    self.out.push_str(if self.flags.multi_line { "(?m:^)" } else { r"\A" });
                }
                Some('$') => {
                    self.at += 1;
                    atom.zero_width = true;
                    self.end_of_line();
                }
                Some('.') => {
                    self.at += 1;
                    self.out.push_str(&match (self.flags.dot_all, self.flags.unix_lines) {
                        (true, _) => "(?s:.)".to_owned(),
                        (false, true) => r"[^\n]".to_owned(),
                        (false, false) => format!("[^{LINE_ENDS}]"),
                    });
                }
                Some(c) => {
                    self.at += 1;
                    self.literal(c);
                }
            }
            self.skip_comments();
            self.quantifier(atom)?;
        }
    }

    /// White space and `# …`, under the flag `x`.
    fn skip_comments(&mut self) {
        while self.flags.comments {
            match self.peek() {
                Some(c) if c.is_ascii_whitespace() || c == '\u{b}' => self.at += 1,
                Some('#') => {
                    while self.peek().is_some_and(|c| !matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')) {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    fn end_of_line(&mut self) {
        if self.flags.multi_line {
            self.out.push_str(r"(?:(?=\r\n|(?<!\r)\n|[\r\x{85}\x{2028}\x{2029}])|\z)");
        } else if self.whole && self.depth == 0 && matches!(self.peek(), None | Some('|')) {
            self.out.push_str(r"\z");
        } else {
            self.before_last_line_end();
        }
    }

    /// `$` and `\Z`: the end, or before the line end that ends the text.
    pub(super) fn before_last_line_end(&mut self) {
        self.out.push_str(if self.flags.unix_lines {
            r"(?=\n?\z)"
        } else {
            r"(?=(?:\r\n|(?<!\r)\n|[\r\x{85}\x{2028}\x{2029}])?\z)"
        });
    }

    /// One character that stands for itself.
    pub(super) fn literal(&mut self, c: char) {
        if self.flags.ignore_case && self.flags.unicode_case {
            self.out.push_str("(?i:");
            push_escaped(&mut self.out, c);
            self.out.push(')');
        } else if self.flags.ignore_case && c.is_ascii_alphabetic() {
            self.out.extend(['[', c.to_ascii_lowercase(), c.to_ascii_uppercase(), ']']);
        } else {
            push_escaped(&mut self.out, c);
        }
    }

    /// A group: whether it is known to take no character. `None` if it only sets flags, and cannot be repeated.
    fn group(&mut self) -> Result<Option<bool>> {
        self.at += 1;
        let outside = self.flags;
        let mut look_around = false;
        if self.take('?') {
            match self.peek() {
                Some(kind @ (':' | '=' | '!' | '>')) => {
                    self.at += 1;
                    look_around = matches!(kind, '=' | '!');
                    self.out.extend(['(', '?', kind]);
                }
                Some('<') => {
                    self.at += 1;
                    match self.peek() {
                        Some(kind @ ('=' | '!')) => {
                            self.at += 1;
                            look_around = true;
                            self.out.extend(['(', '?', '<', kind]);
                        }
                        _ => self.named_group()?,
                    }
                }
                Some('$' | '@') => return Err(Mistake::new("Unknown group type", self.at)),
                _ => {
                    self.read_flags()?;
                    if self.take(')') {
                        return Ok(None);
                    }
                    if !self.take(':') {
                        return Err(Mistake::new("Unknown inline modifier", self.at));
                    }
                    self.out.push_str("(?:");
                }
            }
        } else {
            self.groups += 1;
            self.out.push('(');
        }
        self.deeper()?;
        let inside = self.out.len();
        self.alternatives()?;
        let empty = self.out.len() == inside;
        self.depth -= 1;
        self.flags = outside;
        if !self.take(')') {
            return Err(Mistake::new("Unclosed group", self.chars.len()));
        }
        self.out.push(')');
        Ok(Some(look_around || empty))
    }

    fn named_group(&mut self) -> Result<()> {
        let name = self.group_name()?;
        if self.names.contains(&name) {
            return Err(Mistake::new(format!("Named capturing group <{name}> is already defined"), self.at - 1));
        }
        self.groups += 1;
        self.out.push_str(&format!("(?<{name}>"));
        self.names.push(name);
        Ok(())
    }

    /// The name of a group and the `>` behind it.
    pub(super) fn group_name(&mut self) -> Result<String> {
        if !self.peek().is_some_and(|c| c.is_ascii_alphabetic()) {
            return Err(Mistake::new("capturing group name does not start with a Latin letter", self.at));
        }
        let mut name = String::new();
        while let Some(c) = self.peek().filter(char::is_ascii_alphanumeric) {
            name.push(c);
            self.at += 1;
        }
        if !self.take('>') {
            return Err(Mistake::new("named capturing group is missing trailing '>'", self.at));
        }
        Ok(name)
    }

    fn read_flags(&mut self) -> Result<()> {
        let mut on = true;
        while let Some(c) = self.peek() {
            match c {
                'i' => self.flags.ignore_case = on,
                'u' => self.flags.unicode_case = on,
                'U' => {
                    self.flags.unicode_classes = on;
                    self.flags.unicode_case = on;
                }
                'm' => self.flags.multi_line = on,
                's' => self.flags.dot_all = on,
                'd' => self.flags.unix_lines = on,
                'x' => self.flags.comments = on,
                'c' if on => {
                    return Err(Mistake::new("Canonical equivalence is not supported by this worker", self.at));
                }
                'c' => {}
                '-' if on => on = false,
                _ => return Ok(()),
            }
            self.at += 1;
        }
        Ok(())
    }

    /// A quantifier, if there is one, for the atom that was written last.
    fn quantifier(&mut self, atom: Atom) -> Result<()> {
        let (text, optional) = match self.peek() {
            Some(c @ ('*' | '+' | '?')) => {
                self.at += 1;
                (c.to_string(), c != '+')
            }
            Some('{') => {
                self.at += 1;
                let counts = self.counts()?;
                let optional = counts.starts_with("{0,") || counts == "{0}";
                (counts, optional)
            }
            _ => return Ok(()),
        };
        let mode = self.peek().filter(|c| matches!(c, '?' | '+'));
        self.at += usize::from(mode.is_some());
        let mut repeated = self.out.split_off(atom.start);
        if atom.atomic {
            repeated = format!("(?>{repeated})");
        }
        let translated = match mode {
            // The engine does not repeat assertions; once is as good as often.
            _ if atom.zero_width && optional => format!("(?:{repeated}|)"),
            _ if atom.zero_width => repeated,
            // Possessive counts are known to Java only.
            Some('+') if text.starts_with('{') => format!("(?>(?:{repeated}){text})"),
            Some(mode) => format!("(?:{repeated}){text}{mode}"),
            None => format!("(?:{repeated}){text}"),
        };
        self.out.push_str(&translated);
        Ok(())
    }

    /// `n}`, `n,}` or `n,m}`.
    fn counts(&mut self) -> Result<String> {
        if !self.peek().is_some_and(|c| c.is_ascii_digit()) {
            return Err(Mistake::new("Illegal repetition", self.at));
        }
        let min = self.count()?;
        let mut text = format!("{{{min}");
        if self.take(',') {
            text.push(',');
            if self.peek().is_some_and(|c| c.is_ascii_digit()) {
                let max = self.count()?;
                if max < min {
                    return Err(Mistake::new("Illegal repetition range", self.at));
                }
                text.push_str(&max.to_string());
            }
        }
        if !self.take('}') {
            return Err(Mistake::new("Unclosed counted closure", self.at));
        }
        text.push('}');
        Ok(text)
    }

    fn count(&mut self) -> Result<i32> {
        let mut count: i32 = 0;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            count = i32::try_from(digit)
                .ok()
                .and_then(|digit| count.checked_mul(10)?.checked_add(digit))
                .ok_or_else(|| Mistake::new("Illegal repetition range", self.at))?;
            self.at += 1;
        }
        Ok(count)
    }
}

/// A character that stands for itself, outside classes.
fn push_escaped(out: &mut String, c: char) {
    if matches!(c, '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$') {
        out.push('\\');
    }
    out.push(c);
}
