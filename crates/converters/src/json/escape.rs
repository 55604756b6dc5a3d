//! Texts in JSON: what needs an escape, how it is written, how it is read.

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// High bit of each byte that is zero; bits above the lowest one may be wrong.
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(LOW) & !word & HIGH
}

/// Number of leading bytes that are neither a quote, nor a backslash, nor a control character.
pub(super) fn plain_prefix(bytes: &[u8]) -> usize {
    let mut chunks = bytes.chunks_exact(8);
    let mut at = 0;
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        let word = u64::from_le_bytes(word);
        let control = word.wrapping_sub(LOW * 0x20) & !word & HIGH;
        let found = control | zeros(word ^ (LOW * 0x22)) | zeros(word ^ (LOW * 0x5c));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = chunks.remainder();
    at + rest.iter().position(|&b| b < 0x20 || b == b'"' || b == b'\\').unwrap_or(rest.len())
}

/// The text behind its escapes. Half a surrogate pair, which no UTF-8 text can hold, becomes U+FFFD.
pub(super) fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let code = rest.as_bytes().get(at + 1).copied().unwrap_or(b'\\');
        rest = rest.get(at + 2..).unwrap_or_default();
        match code {
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'n' => out.push('\n'),
            b'r' => out.push('\r'),
            b't' => out.push('\t'),
            b'u' => {
                let (unit, behind) = unit(rest);
                rest = behind;
                let low =
                    if (0xd800..0xdc00).contains(&unit) { rest.strip_prefix("\\u").map(self::unit) } else { None };
                match low {
                    Some((low, behind)) if (0xdc00..0xe000).contains(&low) => {
                        rest = behind;
                        let code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                        out.push(char::from_u32(code).unwrap_or('\u{fffd}'));
                    }
                    _ => out.push(char::from_u32(unit).unwrap_or('\u{fffd}')),
                }
            }
            other => out.push(char::from(other)),
        }
    }
    out.push_str(rest);
    out
}

/// Four hexadecimal digits, and what follows them.
fn unit(text: &str) -> (u32, &str) {
    let digits = text.get(..4).unwrap_or_default();
    (u32::from_str_radix(digits, 16).unwrap_or(0xfffd), text.get(4..).unwrap_or_default())
}

/// As [`plain_prefix`], but also stops before characters of four bytes.
fn writable_prefix(bytes: &[u8]) -> usize {
    let mut chunks = bytes.chunks_exact(8);
    let mut at = 0;
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        let word = u64::from_le_bytes(word);
        let control = word.wrapping_sub(LOW * 0x20) & !word & HIGH;
        // The upper four bits all set.
        let wide = word & (word << 1) & (word << 2) & (word << 3) & HIGH;
        let found = control | zeros(word ^ (LOW * 0x22)) | zeros(word ^ (LOW * 0x5c)) | wide;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = chunks.remainder();
    at + rest.iter().position(|&b| b < 0x20 || b == b'"' || b == b'\\' || b >= 0xf0).unwrap_or(rest.len())
}

/// Writes `text` in quotes. As Jackson does it: control characters escaped with upper-case digits, characters beyond the Basic
/// Multilingual Plane as surrogate pairs, everything else as it is.
pub(super) fn write_text(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    let mut at = 0;
    loop {
        let plain = writable_prefix(&bytes[at..]);
        out.extend_from_slice(&bytes[at..at + plain]);
        at += plain;
        let Some(&byte) = bytes.get(at) else { break };
        at += 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0xf0.. => {
                let mut units = [0; 2];
                for unit in text[at - 1..].chars().next().unwrap_or('?').encode_utf16(&mut units) {
                    write_unit(out, *unit);
                }
                at += 3;
            }
            control => write_unit(out, u16::from(control)),
        }
    }
    out.push(b'"');
}

fn write_unit(out: &mut Vec<u8>, unit: u16) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(b"\\u");
    for shift in [12, 8, 4, 0] {
        out.push(DIGITS[usize::from(unit >> shift & 15)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write_text(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_are_jackson_s() {
        assert_eq!(written("a\"b\\c\n\u{1}/é\u{2028}"), "\"a\\\"b\\\\c\\n\\u0001/é\u{2028}\"");
        assert_eq!(written("0123456789é\u{ffff}😀"), "\"0123456789é\u{ffff}\\uD83D\\uDE00\"");
        assert_eq!(written("x😀y"), "\"x\\uD83D\\uDE00y\"");
        assert_eq!(written(""), "\"\"");
        assert_eq!(written("0123456789abcdef\u{1f}"), "\"0123456789abcdef\\u001F\"");
    }

    #[test]
    fn what_is_written_reads_back() {
        for text in [
            "",
            "plain",
            "tab\tquote\"back\\slash",
            "😀",
            "long text with 😀 inside and a \u{7} bell",
            "\u{7f}\u{80}\u{ff}",
        ] {
            let json = written(text);
            assert_eq!(unescape(&json[1..json.len() - 1]), text);
        }
        assert_eq!(unescape("\\ud800x"), "\u{fffd}x");
        assert_eq!(unescape("\\/\\u00e9"), "/é");
    }
}
