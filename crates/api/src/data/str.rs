//! `Str`: a UTF-8 text that is a slice of a shared buffer.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::str::Utf8Error;

use bytes::Bytes;

/// Immutable UTF-8 text. Cloning and slicing share the buffer, so that a field of a fetched record costs no copy.
#[derive(Clone, Default)]
pub struct Str(Bytes);

impl Str {
    /// A text that lives as long as the program; costs nothing to clone.
    pub const fn from_static(text: &'static str) -> Self {
        Str(Bytes::from_static(text.as_bytes()))
    }

    /// Checks `bytes` and keeps them without a copy.
    ///
    /// # Errors
    /// The position of the first byte that is not UTF-8.
    pub fn from_utf8(bytes: Bytes) -> Result<Self, Utf8Error> {
        std::str::from_utf8(&bytes)?;
        Ok(Str(bytes))
    }

    /// Keeps valid bytes without a copy; replaces each malformed sequence by U+FFFD, as Java's decoder does.
    pub fn from_utf8_lossy(bytes: Bytes) -> Self {
        match std::str::from_utf8(&bytes) {
            Ok(_) => Str(bytes),
            Err(_) => Str::from(replaced(&bytes)),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self
    }

    /// The text's bytes, sharing the buffer.
    pub fn to_bytes(&self) -> Bytes {
        self.0.clone()
    }

    /// The text's bytes.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// `part` of this text as a `Str` of its own, sharing the buffer. A `part` from elsewhere is copied.
    pub fn slice_ref(&self, part: &str) -> Str {
        let (whole, start) = (self.0.as_ptr() as usize, part.as_ptr() as usize);
        if start >= whole && start + part.len() <= whole + self.0.len() {
            Str(self.0.slice(start - whole..start - whole + part.len()))
        } else {
            Str::from(part)
        }
    }

    /// A copy that no longer keeps the buffer alive which this text is a slice of.
    #[must_use]
    pub fn detach(&self) -> Str {
        Str(Bytes::copy_from_slice(&self.0))
    }
}

/// Bytes as text, with U+FFFD for each malformed sequence. Unlike Rust's own, Java's decoder takes an encoded surrogate for one sequence.
fn replaced(mut bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    while let Err(error) = std::str::from_utf8(bytes) {
        let (good, bad) = bytes.split_at(error.valid_up_to());
        text.push_str(&String::from_utf8_lossy(good));
        text.push(char::REPLACEMENT_CHARACTER);
        let len = match bad {
            [0xed, 0xa0..=0xbf, 0x80..=0xbf, ..] => 3,
            [0xed, 0xa0..=0xbf, ..] => 2,
            _ => error.error_len().unwrap_or(bad.len()),
        };
        bytes = bad.get(len..).unwrap_or_default();
    }
    text.push_str(&String::from_utf8_lossy(bytes));
    text
}

impl Deref for Str {
    type Target = str;

    #[expect(unsafe_code, reason = "validation was done once, when the text was made")]
    fn deref(&self) -> &str {
        // SAFETY: every constructor either checked the bytes or took them from a `str`, and `Bytes` is immutable.
        unsafe { std::str::from_utf8_unchecked(&self.0) }
    }
}

impl From<&str> for Str {
    fn from(text: &str) -> Self {
        Str(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Str {
    fn from(text: String) -> Self {
        Str(Bytes::from(text.into_bytes()))
    }
}

impl From<Str> for String {
    fn from(text: Str) -> Self {
        text.as_str().to_owned()
    }
}

impl AsRef<str> for Str {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for Str {
    fn borrow(&self) -> &str {
        self
    }
}

impl PartialEq for Str {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Str {}

impl PartialEq<str> for Str {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Str {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialOrd for Str {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Str {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl Hash for Str {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_shares_the_buffer_and_a_foreign_text_is_copied() {
        let whole = Str::from("hello world");
        let part = whole.slice_ref(&whole[6..]);
        assert_eq!(part.as_ptr(), whole[6..].as_ptr());
        assert_eq!(whole.slice_ref("world"), "world");
    }

    #[test]
    fn malformed_text_is_replaced_not_refused_by_the_lossy_constructor() {
        assert!(Str::from_utf8(Bytes::from_static(b"a\xffb")).is_err());
        assert_eq!(Str::from_utf8_lossy(Bytes::from_static(b"a\xffb")), "a\u{fffd}b");
        // As `new String(bytes, UTF_8)` does it; `_` stands for U+FFFD.
        let java: [(&[u8], &str); 7] = [
            (b"\xffa\xc3(\xe2\x82", "_a_(_"),
            (b"\xf0\x9f\x98x\xed\xa0", "_x_"),
            (b"\xed\xa0\x80\xc0\x80z", "___z"),
            (b"\xf4\x90\x80\x80\xe0\x80", "______"),
            (b"\xed\xa0\xbd\xed\xb8\x80", "__"),
            (b"\xed\xa0x\xed\xedx", "_x__x"),
            (b"\xed\x9f\xbf\xed", "\u{d7ff}_"),
        ];
        for (bytes, text) in java {
            let text = text.replace('_', "\u{fffd}");
            assert_eq!(Str::from_utf8_lossy(Bytes::from_static(bytes)), *text, "{bytes:x?}");
        }
    }
}
