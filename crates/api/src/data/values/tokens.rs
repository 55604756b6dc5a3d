//! `Tokens`: a text cut at delimiters, with one token of look-ahead and rewinding.
//!
//! Counterpart: `Values.Parser`.

const DELIMITERS: &[u8] = b":,{}[]\"";

/// Java's `trim`: everything up to the space goes.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

/// A position in a text. A token is one delimiter or a run of other characters; a backslash keeps the next character from being a delimiter.
pub(super) struct Tokens<'t> {
    original: &'t str,
    at: usize,
    next: Option<&'t str>,
}

impl<'t> Tokens<'t> {
    pub(super) fn new(original: &'t str) -> Self {
        Tokens { original, at: 0, next: None }
    }

    /// Where to rewind to.
    pub(super) fn mark(&self) -> usize {
        self.at - self.next.map_or(0, str::len)
    }

    pub(super) fn rewind(&mut self, mark: usize) {
        self.at = mark;
        self.next = None;
    }

    pub(super) fn has_next(&self) -> bool {
        self.next.is_some() || self.at < self.original.len()
    }

    /// Takes a token.
    pub(super) fn next(&mut self) -> &'t str {
        match self.next.take() {
            Some(token) => token,
            None => self.cut(),
        }
    }

    /// Takes `n` tokens and gives them as one text, or takes none if there are fewer.
    pub(super) fn next_n(&mut self, n: usize) -> Option<&'t str> {
        let start = self.mark();
        for _ in 0..n {
            if !self.has_next() {
                self.rewind(start);
                return None;
            }
            self.next();
        }
        Some(&self.original[start..self.at])
    }

    /// Takes the next token if it is `expected`, with white space around it or not.
    pub(super) fn take(&mut self, expected: &str) -> bool {
        let mut token = match self.next {
            Some(token) => token,
            None if self.at < self.original.len() => self.cut(),
            None => return false,
        };
        while trim(token).is_empty() && self.at < self.original.len() {
            token = self.cut();
        }
        let found = trim(token) == expected;
        self.next = (!found).then_some(token);
        found
    }

    fn cut(&mut self) -> &'t str {
        let bytes = self.original.as_bytes();
        let start = self.at;
        let mut escaped = false;
        while let Some(&byte) = bytes.get(self.at) {
            if byte == b'\\' {
                escaped = !escaped;
            } else {
                if !escaped && DELIMITERS.contains(&byte) {
                    if start == self.at {
                        self.at += 1;
                    }
                    break;
                }
                escaped = false;
            }
            self.at += 1;
        }
        &self.original[start..self.at]
    }
}
