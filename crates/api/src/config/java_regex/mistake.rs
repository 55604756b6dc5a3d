//! `Mistake`: what is wrong with a pattern. Counterpart: `java.util.regex.PatternSyntaxException`.

/// What is wrong with a pattern, and where.
#[derive(Debug)]
pub(super) struct Mistake {
    what: String,
    /// In characters; `None` before the first.
    index: Option<usize>,
}

impl Mistake {
    pub(super) fn new(what: impl Into<String>, index: impl Into<Option<usize>>) -> Self {
        Mistake { what: what.into(), index: index.into() }
    }

    /// The mistake, its place, the pattern, and a mark under the place if that is inside it.
    pub(super) fn message(&self, pattern: &str) -> String {
        let Some(index) = self.index else { return format!("{}\n{pattern}", self.what) };
        let mut message = format!("{} near index {index}\n{pattern}", self.what);
        // Java counts the place in characters and the pattern in UTF-16 units.
        if index < pattern.encode_utf16().count() {
            message.push('\n');
            message.push_str(&" ".repeat(index));
            message.push('^');
        }
        message
    }
}

pub(super) type Result<T> = std::result::Result<T, Mistake>;
