//! Escapes: what a backslash and the characters behind it stand for.

use super::class::Item;
use super::mistake::{Mistake, Result};
use super::parser::{Atom, LINE_ENDS, Parser};
use super::property;

/// What `\h` stands for, inside a class.
const HORIZONTAL: &str = r" \t\x{a0}\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}";

impl Parser {
    /// An escape outside classes. Gives what a quantifier behind it repeats.
    pub(super) fn escape(&mut self) -> Result<Atom> {
        let start = self.at;
        let mut atom = Atom { start: self.out.len(), zero_width: false, atomic: false };
        self.at += 1;
        let Some(c) = self.peek() else {
            return Err(Mistake::new("Unexpected internal error", self.chars.len()));
        };
        match c {
            'Q' => atom.start = self.quotation(),
            'A' | 'z' | 'b' | 'B' | 'G' => {
                self.at += 1;
                atom.zero_width = true;
                self.out.extend(['\\', c]);
            }
            'Z' => {
                self.at += 1;
                atom.zero_width = true;
                self.before_last_line_end();
            }
            'R' => {
                atom.atomic = true;
                self.push_and_step(&format!(r"(?:\r\n|[{LINE_ENDS}\x0b\x0c])"));
            }
            'X' => self.push_and_step(r"(?:\r\n|\P{M}\p{M}*|\p{M}+)"),
            '1'..='9' => atom.zero_width = !self.back_reference(),
            'k' => self.named_reference()?,
            _ => {
                self.at = start;
                match self.class_escape()? {
                    Item::Char(c) => self.literal(c),
                    Item::Set(set) => self.out.push_str(&format!("[{set}]")),
                }
            }
        }
        Ok(atom)
    }

    fn push_and_step(&mut self, translated: &str) {
        self.at += 1;
        self.out.push_str(translated);
    }

    /// `\Q…\E`, or to the end of the pattern. Gives where its last character was written: a quantifier applies to that alone.
    fn quotation(&mut self) -> usize {
        let mut last = self.out.len();
        for c in self.quoted() {
            last = self.out.len();
            self.literal(c);
        }
        last
    }

    /// The characters of a quotation, which the parser stands at the `Q` of.
    pub(super) fn quoted(&mut self) -> Vec<char> {
        self.at += 1;
        let rest = &self.chars[self.at..];
        let end = rest.windows(2).position(|pair| pair == ['\\', 'E']);
        let quoted = rest[..end.unwrap_or(rest.len())].to_vec();
        self.at += end.map_or(rest.len(), |end| end + 2);
        quoted
    }

    /// False if there is no such group yet, so that it never matches.
    fn back_reference(&mut self) -> bool {
        let mut number = 0;
        // More digits belong to it as long as there is such a group; the first one always does.
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            let longer = number * 10 + digit as usize;
            if number > 0 && longer > self.groups {
                break;
            }
            number = longer;
            self.at += 1;
        }
        let reference = if number > self.groups {
            "(?!)".to_owned()
        } else if self.flags.ignore_case {
            format!(r"(?i:\{number})")
        } else {
            format!(r"(?:\{number})")
        };
        self.out.push_str(&reference);
        number <= self.groups
    }

    fn named_reference(&mut self) -> Result<()> {
        self.at += 1;
        if !self.take('<') {
            return Err(Mistake::new("\\k is not followed by '<' for named capturing group", self.at));
        }
        let name = self.group_name()?;
        if !self.names.contains(&name) {
            return Err(Mistake::new(format!("named capturing group <{name}> does not exist"), self.at - 1));
        }
        let reference = format!(r"\k<{name}>");
        self.out.push_str(&if self.flags.ignore_case { format!("(?i:{reference})") } else { reference });
        Ok(())
    }

    /// An escape that may stand in a class: one character, or the inside of a class. The parser stands at the backslash.
    pub(super) fn class_escape(&mut self) -> Result<Item> {
        self.at += 1;
        let at = self.at;
        let Some(c) = self.peek() else { return Err(Mistake::new("Unclosed character class", self.chars.len())) };
        self.at += 1;
        let unicode = self.flags.unicode_classes;
        let set = |ascii: &str, wide: &str| Ok(Item::Set(if unicode { wide } else { ascii }.to_owned()));
        match c {
            't' => Ok(Item::Char('\t')),
            'n' => Ok(Item::Char('\n')),
            'r' => Ok(Item::Char('\r')),
            'f' => Ok(Item::Char('\u{c}')),
            'a' => Ok(Item::Char('\u{7}')),
            'e' => Ok(Item::Char('\u{1b}')),
            'd' => set("0-9", r"\d"),
            'D' => set("^0-9", r"\D"),
            'w' => set("0-9A-Za-z_", r"\w"),
            'W' => set("^0-9A-Za-z_", r"\W"),
            's' => set(r" \t\n\x0b\x0c\r", r"\s"),
            'S' => set(r"^ \t\n\x0b\x0c\r", r"\S"),
            'h' => Ok(Item::Set(HORIZONTAL.to_owned())),
            'H' => Ok(Item::Set(format!("^{HORIZONTAL}"))),
            'v' => Ok(Item::Set(format!(r"{LINE_ENDS}\x0b\x0c"))),
            'V' => Ok(Item::Set(format!(r"^{LINE_ENDS}\x0b\x0c"))),
            'c' => match self.peek() {
                Some(c) => {
                    self.at += 1;
                    Ok(Item::of_code(u32::from(c) ^ 64))
                }
                None => Err(Mistake::new("Illegal control escape sequence", at)),
            },
            '0' => self.octal(),
            'x' => self.hexadecimal(),
            'u' => self.unicode(),
            'p' | 'P' => self.property(c == 'P'),
            'N' if self.peek() == Some('{') => {
                Err(Mistake::new("Names of characters are not supported by this worker", at))
            }
            'N' => Err(Mistake::new("Illegal character name escape sequence", self.at)),
            c if c.is_ascii_alphanumeric() => Err(Mistake::new("Illegal/unsupported escape sequence", at)),
            c => Ok(Item::Char(c)),
        }
    }

    /// Up to three octal digits, of at most 377.
    fn octal(&mut self) -> Result<Item> {
        let mut code = 0;
        let mut digits = 0;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) {
            if digits == 3 || code * 8 + digit > 0o377 {
                break;
            }
            code = code * 8 + digit;
            digits += 1;
            self.at += 1;
        }
        if digits == 0 { Err(Mistake::new("Illegal octal escape sequence", self.at)) } else { Ok(Item::of_code(code)) }
    }

    /// `hh` or `{h…}`.
    fn hexadecimal(&mut self) -> Result<Item> {
        if !self.take('{') {
            return Ok(Item::of_code(self.hex_digits(2, "Illegal hexadecimal escape sequence")?));
        }
        let mut code: u32 = 0;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(16)) {
            code = code << 4 | digit;
            if code > 0x10_ffff {
                return Err(Mistake::new("Hexadecimal codepoint is too big", self.at));
            }
            self.at += 1;
        }
        if !self.take('}') {
            return Err(Mistake::new("Unclosed hexadecimal escape sequence", self.at));
        }
        Ok(Item::of_code(code))
    }

    /// `hhhh`, or two of them that are one character.
    fn unicode(&mut self) -> Result<Item> {
        let wrong = "Illegal Unicode escape sequence";
        let high = self.hex_digits(4, wrong)?;
        if (0xd800..0xdc00).contains(&high) && self.chars[self.at..].starts_with(&['\\', 'u']) {
            let back = self.at;
            self.at += 2;
            let low = self.hex_digits(4, wrong)?;
            if (0xdc00..0xe000).contains(&low) {
                return Ok(Item::of_code(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)));
            }
            self.at = back;
        }
        Ok(Item::of_code(high))
    }

    fn hex_digits(&mut self, count: usize, wrong: &str) -> Result<u32> {
        let mut code = 0;
        for _ in 0..count {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(16)) else {
                return Err(Mistake::new(wrong, self.at));
            };
            code = code << 4 | digit;
            self.at += 1;
        }
        Ok(code)
    }

    /// `\pL`, `\p{Lu}`, `\p{IsLatin}`, `\p{script=Latin}`.
    fn property(&mut self, negated: bool) -> Result<Item> {
        let (name, end) = if self.take('{') {
            let start = self.at;
            let Some(length) = self.chars[start..].iter().position(|&c| c == '}') else {
                return Err(Mistake::new("Unclosed character family", self.chars.len()));
            };
            self.at += length + 1;
            let name: String = self.chars[start..start + length].iter().collect();
            if name.is_empty() {
                return Err(Mistake::new("Empty character family", self.at - 1));
            }
            (name, self.at - 1)
        } else {
            // Java takes a NUL for the character that is missing.
            let name = self.peek().unwrap_or('\0').to_string();
            self.at += 1;
            (name, self.at - 1)
        };
        match property::translate(&name, self.flags.unicode_classes) {
            property::Found::Set(set) if negated => Ok(Item::Set(format!("^[{set}]"))),
            property::Found::Set(set) => Ok(Item::Set(set)),
            property::Found::Block => {
                Err(Mistake::new(format!("Blocks such as {{{name}}} are not supported by this worker"), end))
            }
            property::Found::Nothing => Err(Mistake::new(format!("Unknown character property name {{{name}}}"), end)),
        }
    }
}
