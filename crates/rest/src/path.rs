//! Request paths: what is refused before any endpoint, decoding of segments, and encoding of names in `Location`.
//!
//! Counterpart: org.eclipse.jetty.http.UriCompliance (DEFAULT) and the URI handling of JAX-RS.

use std::fmt::Write as _;

/// Splits a path into decoded segments, without matrix parameters; a trailing slash adds none.
///
/// # Errors
/// The path is ambiguous or no UTF-8; the text says which, and stands for a 400.
pub fn segments(path: &str) -> Result<Vec<String>, &'static str> {
    let mut raw: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    if raw.last() == Some(&"") {
        raw.pop();
    }
    raw.into_iter().map(segment).collect()
}

fn segment(raw: &str) -> Result<String, &'static str> {
    let raw = raw.split(';').next().unwrap_or_default();
    if raw.is_empty() {
        return Err("Ambiguous URI empty segment");
    }
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        match hex(rest.next(), rest.next()).ok_or("Bad Request")? {
            0 => return Err("Bad Request"),
            b'/' => return Err("Ambiguous URI path separator"),
            b'%' => return Err("Ambiguous URI path encoding"),
            b'\\' | 1..=0x1f | 0x7f => return Err("Suspicious Path Character"),
            byte => bytes.push(byte),
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| "Bad UTF-8 encoding")?;
    // Plain dots are names like others here; encoded ones hide.
    if raw.contains('%') && (text == "." || text == "..") {
        return Err("Ambiguous URI path segment");
    }
    Ok(text)
}

/// Decodes a name or value of a query. What is no escape stays as it is.
pub fn decode_query(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escape = if byte == b'%' { hex(bytes.get(at + 1).copied(), bytes.get(at + 2).copied()) } else { None };
        decoded.push(escape.unwrap_or(if byte == b'+' { b' ' } else { byte }));
        at += if escape.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

/// Encodes a name as the end of a path. As in Java, slashes and what looks like an escape stay.
pub fn encode(name: &str) -> String {
    let bytes = name.as_bytes();
    let mut encoded = String::with_capacity(bytes.len());
    for (at, &byte) in bytes.iter().enumerate() {
        let escape = byte == b'%' && hex(bytes.get(at + 1).copied(), bytes.get(at + 2).copied()).is_some();
        if escape || byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_decoded_once_and_lose_matrix_parameters() {
        assert_eq!(segments("/").unwrap(), [""; 0]);
        assert_eq!(segments("/connectors/").unwrap(), ["connectors"]);
        assert_eq!(segments("/connectors/a%20b+c;d=e/status").unwrap(), ["connectors", "a b+c", "status"]);
        assert_eq!(segments("/connectors/%C3%A4%3B/..").unwrap(), ["connectors", "ä;", ".."]);
    }

    #[test]
    fn ambiguous_paths_are_refused() {
        for (path, reason) in [
            ("//connectors", "Ambiguous URI empty segment"),
            ("/a//b", "Ambiguous URI empty segment"),
            ("/connectors//", "Ambiguous URI empty segment"),
            ("/a/;x/b", "Ambiguous URI empty segment"),
            ("/a%2Fb", "Ambiguous URI path separator"),
            ("/a%25b", "Ambiguous URI path encoding"),
            ("/a%5Cb", "Suspicious Path Character"),
            ("/a%0A", "Suspicious Path Character"),
            ("/%2e%2E", "Ambiguous URI path segment"),
            ("/%FF", "Bad UTF-8 encoding"),
            ("/%zz", "Bad Request"),
            ("/%4", "Bad Request"),
            ("/%00", "Bad Request"),
        ] {
            assert_eq!(segments(path), Err(reason), "{path}");
        }
    }

    #[test]
    fn queries_are_decoded_leniently() {
        assert_eq!(decode_query("a+b%20c%zz%"), "a b c%zz%");
    }

    #[test]
    fn names_in_locations_are_encoded() {
        assert_eq!(encode("x y"), "x%20y");
        assert_eq!(encode("ä+&=;,@:$!*()x"), "%C3%A4+&=;,@:$!*()x");
        assert_eq!(encode("p%q/p%20q"), "p%25q/p%20q");
        assert_eq!(encode("p\"[]|^<>`\\~#?"), "p%22%5B%5D%7C%5E%3C%3E%60%5C~%23%3F");
    }
}
