//! JSON as Jackson reads it: numbers keep their Java class, what follows the document is not looked at.
//!
//! Counterpart: `com.fasterxml.jackson.databind.ObjectMapper.readTree`.

use std::borrow::Cow;

use indexmap::IndexMap;

/// Limit of nested arrays and objects. Jackson's is 1,000; what works on schemas calls itself at each level, on stacks of 2 MiB.
pub(super) const DEPTH: usize = 200;
/// Jackson's limit of digits.
const DIGITS: usize = 1000;

/// A JSON value. Texts without escapes are parts of the document.
#[derive(Debug, PartialEq)]
pub(super) enum Node<'t> {
    Null,
    Bool(bool),
    /// `IntNode`.
    Int(i32),
    /// `LongNode`.
    Long(i64),
    /// `BigIntegerNode`, whose number nothing here has a use for.
    Big,
    /// `DoubleNode`.
    Double(f64),
    Text(Cow<'t, str>),
    Array(Vec<Node<'t>>),
    /// Of a name given twice the first place and the last value count.
    Object(IndexMap<Cow<'t, str>, Node<'t>>),
}

/// Reads the object or array that a text starts with; `None` if it is none.
pub(super) fn parse(text: &str) -> Option<Node<'_>> {
    if !text.starts_with(['{', '[']) {
        return None;
    }
    Reader { text, at: 0, depth: 0 }.value()
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// The next byte that is no white space; it is not taken.
    fn token(&mut self) -> Option<u8> {
        while matches!(self.peek()?, b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        self.peek()
    }

    fn expect(&mut self, expected: u8) -> Option<()> {
        (self.token()? == expected).then(|| self.at += 1)
    }

    fn word(&mut self, word: &str, node: Node<'t>) -> Option<Node<'t>> {
        self.text.get(self.at..)?.starts_with(word).then(|| {
            self.at += word.len();
            node
        })
    }

    fn value(&mut self) -> Option<Node<'t>> {
        match self.token()? {
            b'{' => self.nested(Self::object),
            b'[' => self.nested(Self::array),
            b'"' => self.string().map(Node::Text),
            b't' => self.word("true", Node::Bool(true)),
            b'f' => self.word("false", Node::Bool(false)),
            b'n' => self.word("null", Node::Null),
            _ => self.number(),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Option<Node<'t>>) -> Option<Node<'t>> {
        self.at += 1;
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        let node = read(self)?;
        self.depth -= 1;
        Some(node)
    }

    fn object(&mut self) -> Option<Node<'t>> {
        let mut fields = IndexMap::new();
        if self.token()? == b'}' {
            self.at += 1;
            return Some(Node::Object(fields));
        }
        loop {
            if self.token()? != b'"' {
                return None;
            }
            let name = self.string()?;
            self.expect(b':')?;
            let value = self.value()?;
            fields.insert(name, value);
            self.token()?;
            match self.next()? {
                b',' => {}
                b'}' => return Some(Node::Object(fields)),
                _ => return None,
            }
        }
    }

    fn array(&mut self) -> Option<Node<'t>> {
        let mut items = Vec::new();
        if self.token()? == b']' {
            self.at += 1;
            return Some(Node::Array(items));
        }
        loop {
            items.push(self.value()?);
            self.token()?;
            match self.next()? {
                b',' => {}
                b']' => return Some(Node::Array(items)),
                _ => return None,
            }
        }
    }

    /// A text, from its first quotation mark on.
    fn string(&mut self) -> Option<Cow<'t, str>> {
        self.at += 1;
        let start = self.at;
        let mut own: Option<String> = None;
        let mut run = start;
        loop {
            match self.next()? {
                b'"' => {
                    let rest = self.text.get(run..self.at - 1)?;
                    return Some(match own {
                        Some(text) => Cow::Owned(text + rest),
                        None => Cow::Borrowed(rest),
                    });
                }
                b'\\' => {
                    let out = own.get_or_insert_default();
                    out.push_str(self.text.get(run..self.at - 1)?);
                    out.push(self.escape()?);
                    run = self.at;
                }
                0..0x20 => return None,
                _ => {}
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        Some(match self.next()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = self.unit()?;
                let low = self.text.get(self.at..)?.strip_prefix("\\u").and_then(hex);
                match low.filter(|low| (0xd800..0xdc00).contains(&high) && (0xdc00..0xe000).contains(low)) {
                    Some(low) => {
                        self.at += 6;
                        char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))?
                    }
                    // Half of a pair is nothing that a text can hold.
                    None => char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER),
                }
            }
            _ => return None,
        })
    }

    fn unit(&mut self) -> Option<u32> {
        let unit = hex(self.text.get(self.at..)?)?;
        self.at += 4;
        Some(unit)
    }

    fn digits(&mut self) -> Option<usize> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Some(self.at - start).filter(|&count| count > 0)
    }

    fn number(&mut self) -> Option<Node<'t>> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let leading_zero = self.peek() == Some(b'0');
        let digits = self.digits()?;
        if leading_zero && digits > 1 {
            return None;
        }
        let mut whole = true;
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
            whole = false;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
            whole = false;
        }
        let text = self.text.get(start..self.at)?;
        if text.len() > DIGITS {
            return None;
        }
        if !whole {
            return text.parse().ok().map(Node::Double);
        }
        Some(match text.parse::<i64>() {
            Ok(number) => i32::try_from(number).map_or(Node::Long(number), Node::Int),
            Err(_) => Node::Big,
        })
    }
}

/// The number that four hexadecimal digits at the start of a text stand for.
fn hex(text: &str) -> Option<u32> {
    let digits = text.get(..4)?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_classes_that_jackson_gives_them() {
        let text = "[1, -0, 2147483648, 12345678901234567890, 1.0, 1e400, -2E-1]";
        let nodes = vec![
            Node::Int(1),
            Node::Int(0),
            Node::Long(2_147_483_648),
            Node::Big,
            Node::Double(1.0),
            Node::Double(f64::INFINITY),
            Node::Double(-0.2),
        ];
        assert_eq!(parse(text), Some(Node::Array(nodes)));
    }

    #[test]
    fn what_is_no_json_is_refused_and_never_panics() {
        let bad = [
            "",
            "x",
            "{",
            "[",
            "[1",
            "[1,]",
            "[01]",
            "[1.]",
            "[.5]",
            "[+1]",
            "[-]",
            "[1e]",
            "{\"a\":1,}",
            "{a:1}",
            "[\"\t\"]",
            "[\"\\x\"]",
            "[\"\\u12g4\"]",
            "[\"\\u12",
            "[tru]",
            "[NaN]",
            "['a']",
            "[\u{a0}1]",
            "[1 2]",
            "[\"\\uü\"]",
        ];
        for text in bad {
            assert_eq!(parse(text), None, "{text}");
        }
        let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(parse(&deep(DEPTH)).is_some());
        assert!(parse(&deep(DEPTH + 1)).is_none());
        assert!(parse(&deep(1_000_000)).is_none());
    }

    #[test]
    fn texts_are_unescaped_and_what_follows_is_not_looked_at() {
        let text = r#"{"a" : "x\n\u00e4\ud83d\ude00\ud83d-", "b":{}, "a":null} ]]"#;
        let Some(Node::Object(fields)) = parse(r#"{"t":"x\n\u00e4\ud83d\ude00\ud83d-"}"#) else { panic!("no object") };
        assert_eq!(fields.get("t"), Some(&Node::Text("x\nä😀\u{fffd}-".into())));
        let Some(Node::Object(fields)) = parse(text) else { panic!("no object") };
        assert_eq!(fields.into_iter().next(), Some(("a".into(), Node::Null)));
    }
}
