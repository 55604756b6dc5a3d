//! `Tape`: one JSON document as a flat list of nodes, checked once and read many times.
//!
//! Accepts what Jackson accepts as the worker configures it: leading zeros, duplicate names, and anything behind the first value.
//! The list is kept from record to record, so that parsing allocates nothing.

/// Deepest nesting that Jackson reads.
const MAX_DEPTH: u32 = 1000;
/// Longest number text that Jackson reads.
const MAX_NUMBER: usize = 1000;
/// Longest text that Jackson reads.
const MAX_TEXT: usize = 20_000_000;
/// Longest name that Jackson reads.
const MAX_NAME: usize = 50_000;

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// No value at all: blank input.
    Missing,
    Null,
    True,
    False,
    /// A number without fraction and exponent.
    Int,
    /// Any other number.
    Float,
    /// A text without escapes.
    Text,
    /// A text with escapes.
    Escaped,
    Array,
    Object,
    /// The text that the caller knew already, see [`Tape::parse`].
    Known,
}

impl Kind {
    /// Name of the node type in messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Missing => "MISSING",
            Kind::Null => "NULL",
            Kind::True | Kind::False => "BOOLEAN",
            Kind::Int | Kind::Float => "NUMBER",
            Kind::Text | Kind::Escaped => "STRING",
            Kind::Array => "ARRAY",
            Kind::Object | Kind::Known => "OBJECT",
        }
    }

    pub(super) fn is_text(self) -> bool {
        matches!(self, Kind::Text | Kind::Escaped)
    }
}

/// A value of the document. Children follow their parent: elements of an array, name and value in turn of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// First byte; of a text, behind the quote.
    pub(super) start: u32,
    /// Behind the last byte; of a text, before the quote.
    pub(super) end: u32,
    /// Position of the node behind this one and all it holds.
    pub(super) next: u32,
    /// Elements of an array, pairs of an object (duplicates counted).
    pub(super) len: u32,
}

impl SyntaxError {
    /// A byte that is no UTF-8.
    pub(super) fn malformed(at: usize) -> Self {
        SyntaxError { what: "malformed UTF-8", at }
    }
}

/// Why a text is no JSON.
#[derive(Debug, thiserror::Error)]
#[error("{what} at byte {at}")]
pub(super) struct SyntaxError {
    what: &'static str,
    at: usize,
}

/// The nodes of one document; the root is the first.
#[derive(Default)]
pub(super) struct Tape {
    pub(super) nodes: Vec<Node>,
}

impl Tape {
    /// Reads the first value of `text`. Where the member `schema` of the root object is exactly the bytes `known` (one whole object), it becomes
    /// a single [`Kind::Known`] node without being looked into.
    pub(super) fn parse(&mut self, text: &str, known: &[u8]) -> Result<(), SyntaxError> {
        self.nodes.clear();
        let mut reader = Reader { bytes: text.as_bytes(), at: 0, nodes: &mut self.nodes, depth: 0, known };
        reader.white_space();
        if reader.at == reader.bytes.len() {
            reader.push(Kind::Missing, 0, 0);
            return Ok(());
        }
        reader.value()?;
        reader.end_of_root()
    }

    /// True if what follows the document decides whether it is whole: nothing was found, or a number or word that could go on.
    pub(super) fn is_open(&self, text: &str) -> bool {
        let Some(root) = self.nodes.first() else { return true };
        match root.kind {
            Kind::Missing => true,
            Kind::Array | Kind::Object | Kind::Known | Kind::Text | Kind::Escaped => false,
            _ => root.end as usize == text.len(),
        }
    }

    /// The node at a position; positions come from the tape itself.
    pub(super) fn node(&self, at: usize) -> Node {
        self.nodes[at]
    }

    /// Value of the last member of that name.
    pub(super) fn member(&self, text: &str, object: usize, name: &str) -> Option<usize> {
        if self.nodes[object].kind != Kind::Object {
            return None;
        }
        self.members(object).filter(|&(key, _)| self.text(text, key) == name).map(|(_, value)| value).last()
    }

    /// Positions of names and values of an object.
    pub(super) fn members(&self, object: usize) -> impl Iterator<Item = (usize, usize)> {
        let mut at = object + 1;
        (0..self.nodes[object].len).map(move |_| {
            let pair = (at, at + 1);
            at = self.nodes[at + 1].next as usize;
            pair
        })
    }

    /// Positions of the elements of an array, or of the values of an object.
    pub(super) fn elements(&self, parent: usize) -> impl Iterator<Item = usize> {
        let node = self.nodes[parent];
        let step = usize::from(node.kind == Kind::Object);
        let count = if matches!(node.kind, Kind::Array | Kind::Object) { node.len } else { 0 };
        let mut at = parent + 1;
        (0..count).map(move |_| {
            let value = at + step;
            at = self.nodes[value].next as usize;
            value
        })
    }

    /// The raw bytes of a node in the document.
    pub(super) fn raw<'t>(&self, text: &'t str, at: usize) -> &'t str {
        let node = self.nodes[at];
        &text[node.start as usize..node.end as usize]
    }

    /// A text with its escapes resolved.
    pub(super) fn text<'t>(&self, text: &'t str, at: usize) -> std::borrow::Cow<'t, str> {
        let raw = self.raw(text, at);
        match self.nodes[at].kind {
            Kind::Escaped => std::borrow::Cow::Owned(super::escape::unescape(raw)),
            _ => std::borrow::Cow::Borrowed(raw),
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: &'a mut Vec<Node>,
    depth: u32,
    known: &'a [u8],
}

impl Reader<'_> {
    fn push(&mut self, kind: Kind, start: usize, end: usize) {
        let next = self.nodes.len() as u32 + 1;
        self.nodes.push(Node { kind, start: start as u32, end: end as u32, next, len: 0 });
    }

    fn error<T>(&self, what: &'static str) -> Result<T, SyntaxError> {
        Err(SyntaxError { what, at: self.at })
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn white_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Result<(), SyntaxError> {
        match self.peek() {
            Some(b'"') => self.string(MAX_TEXT),
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal("true", Kind::True),
            Some(b'f') => self.literal("false", Kind::False),
            Some(b'n') => self.literal("null", Kind::Null),
            Some(_) => self.error("unexpected character"),
            None => self.error("unexpected end of input"),
        }
    }

    fn literal(&mut self, word: &'static str, kind: Kind) -> Result<(), SyntaxError> {
        let start = self.at;
        if !self.bytes[start..].starts_with(word.as_bytes()) {
            return self.error("unrecognized token");
        }
        self.at += word.len();
        if self.peek().is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$') || b >= 0x80) {
            return self.error("unrecognized token");
        }
        self.push(kind, start, self.at);
        Ok(())
    }

    fn enter(&mut self) -> Result<(), SyntaxError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.error("document nesting depth exceeds the maximum allowed (1000)");
        }
        self.at += 1;
        self.white_space();
        Ok(())
    }

    fn leave(&mut self, parent: usize, len: u32) {
        self.at += 1;
        self.depth -= 1;
        let next = self.nodes.len() as u32;
        let node = &mut self.nodes[parent];
        node.end = self.at as u32;
        node.next = next;
        node.len = len;
    }

    fn object(&mut self) -> Result<(), SyntaxError> {
        let parent = self.nodes.len();
        self.push(Kind::Object, self.at, self.at);
        self.enter()?;
        let mut len = 0;
        if self.peek() == Some(b'}') {
            self.leave(parent, len);
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return self.error("expected a double-quoted name");
            }
            self.string(MAX_NAME)?;
            self.white_space();
            if self.peek() != Some(b':') {
                return self.error("expected a colon behind a name");
            }
            self.at += 1;
            self.white_space();
            if self.depth == 1 && self.is_known() {
                self.push(Kind::Known, self.at, self.at + self.known.len());
                self.at += self.known.len();
            } else {
                self.value()?;
            }
            len += 1;
            self.white_space();
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    self.white_space();
                }
                Some(b'}') => {
                    self.leave(parent, len);
                    return Ok(());
                }
                _ => return self.error("expected a comma or the end of the object"),
            }
        }
    }

    /// True before the value of a member `schema` that is the text the caller knows.
    fn is_known(&self) -> bool {
        let name = self.nodes.last().map(|node| &self.bytes[node.start as usize..node.end as usize]);
        !self.known.is_empty() && name == Some(b"schema".as_slice()) && self.bytes[self.at..].starts_with(self.known)
    }

    fn array(&mut self) -> Result<(), SyntaxError> {
        let parent = self.nodes.len();
        self.push(Kind::Array, self.at, self.at);
        self.enter()?;
        let mut len = 0;
        if self.peek() == Some(b']') {
            self.leave(parent, len);
            return Ok(());
        }
        loop {
            self.value()?;
            len += 1;
            self.white_space();
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    self.white_space();
                }
                Some(b']') => {
                    self.leave(parent, len);
                    return Ok(());
                }
                _ => return self.error("expected a comma or the end of the array"),
            }
        }
    }

    fn string(&mut self, limit: usize) -> Result<(), SyntaxError> {
        self.at += 1;
        let start = self.at;
        let mut kind = Kind::Text;
        loop {
            self.at += super::escape::plain_prefix(&self.bytes[self.at..]);
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    kind = Kind::Escaped;
                    self.escape()?;
                }
                Some(_) => return self.error("unescaped control character in a text"),
                None => return self.error("unexpected end of input in a text"),
            }
        }
        if self.at - start > limit {
            return self.error("text exceeds the maximum length allowed");
        }
        self.push(kind, start, self.at);
        self.at += 1;
        Ok(())
    }

    fn escape(&mut self) -> Result<(), SyntaxError> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let digits = self.bytes.get(self.at + 2..self.at + 6);
                if !digits.is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit)) {
                    return self.error("expected four hexadecimal digits");
                }
                self.at += 6;
            }
            _ => return self.error("unrecognized escape"),
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), SyntaxError> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { self.error("expected a digit") } else { Ok(()) }
    }

    fn number(&mut self) -> Result<(), SyntaxError> {
        let start = self.at;
        let mut kind = Kind::Int;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        self.digits()?;
        if self.peek() == Some(b'.') {
            kind = Kind::Float;
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            kind = Kind::Float;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            let exponent = self.at;
            self.digits()?;
            let digits = self.bytes[exponent..self.at].iter().skip_while(|b| **b == b'0').count();
            if digits > 9 && !self.fits_exponent(exponent) {
                return self.error("exponent overflow");
            }
        }
        if self.at - start > MAX_NUMBER {
            return self.error("number length exceeds the maximum allowed (1000)");
        }
        self.push(kind, start, self.at);
        Ok(())
    }

    fn fits_exponent(&self, from: usize) -> bool {
        std::str::from_utf8(&self.bytes[from..self.at]).is_ok_and(|digits| digits.parse::<i32>().is_ok())
    }

    /// A number at the root must be followed by white space or nothing; all else may follow anything.
    fn end_of_root(&self) -> Result<(), SyntaxError> {
        let number = self.nodes.first().is_some_and(|node| matches!(node.kind, Kind::Int | Kind::Float));
        match self.peek() {
            None | Some(b' ' | b'\t' | b'\n' | b'\r') => Ok(()),
            Some(_) if number => self.error("expected white space between root-level values"),
            Some(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(text: &str) -> bool {
        Tape::default().parse(text, b"").is_ok()
    }

    #[test]
    fn jackson_s_idea_of_json_is_followed() {
        for text in ["007", "-0", "[1,2]x", "{\"a\":1}{", " \n", "{\"a\":1,\"a\":2}", "1e400", "\"\\ud800\"", "1 x"] {
            assert!(accepts(text), "{text}");
        }
        for text in [
            "[1,]",
            "{a:1}",
            "'a'",
            "NaN",
            "1.",
            ".5",
            "+1",
            "01x",
            "tru",
            "truex",
            "\"a",
            "\"\n\"",
            "[",
            "1e5000000000",
            "\"\\x\"",
        ] {
            assert!(!accepts(text), "{text}");
        }
        assert!(accepts(&format!("{}{}", "[".repeat(1000), "]".repeat(1000))));
        assert!(!accepts(&format!("{}{}", "[".repeat(1001), "]".repeat(1001))));
        assert!(!accepts(&"1".repeat(1001)));
    }

    #[test]
    fn the_known_member_is_not_looked_into() {
        let text = r#"{"schema":{"type":"int8"},"payload":5}"#;
        let mut tape = Tape::default();
        tape.parse(text, br#"{"type":"int8"}"#).unwrap();
        let schema = tape.member(text, 0, "schema").unwrap();
        assert_eq!(tape.node(schema).kind, Kind::Known);
        assert_eq!(tape.raw(text, tape.member(text, 0, "payload").unwrap()), "5");
    }
}
