//! Which Unicode encoding a JSON document is in: Jackson guesses it from the first bytes.

use std::borrow::Cow;

use bytes::Bytes;
use milena_api::data::Str;

/// The document as UTF-8 without a byte order mark, and whether it ends before a malformed byte. UTF-8 input is shared, not copied.
pub(super) fn decode(bytes: Bytes) -> (Str, bool) {
    let head: [u8; 4] = std::array::from_fn(|i| bytes.get(i).copied().unwrap_or(1));
    let decoded = match head {
        [0xef, 0xbb, 0xbf, _] => return utf8(bytes.slice(3..)),
        [0, 0, 0xfe, 0xff] => utf32(&bytes[4..], u32::from_be_bytes),
        [0xff, 0xfe, 0, 0] => utf32(&bytes[4..], u32::from_le_bytes),
        [0xfe, 0xff, ..] => utf16(&bytes[2..], u16::from_be_bytes),
        [0xff, 0xfe, ..] => utf16(&bytes[2..], u16::from_le_bytes),
        [0, 0, 0, _] => utf32(&bytes, u32::from_be_bytes),
        [_, 0, 0, 0] => utf32(&bytes, u32::from_le_bytes),
        [0, _, ..] => utf16(&bytes, u16::from_be_bytes),
        [_, 0, ..] => utf16(&bytes, u16::from_le_bytes),
        _ => return utf8(bytes),
    };
    (Str::from(decoded), false)
}

fn utf8(bytes: Bytes) -> (Str, bool) {
    match Str::from_utf8(bytes.clone()) {
        Ok(text) => (text, false),
        Err(error) => (Str::from_utf8(bytes.slice(..error.valid_up_to())).unwrap_or_default(), true),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|c| unit([c[0], c[1]]));
    char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).collect()
}

fn utf32(bytes: &[u8], unit: fn([u8; 4]) -> u32) -> String {
    let units = bytes.chunks_exact(4).map(|c| unit([c[0], c[1], c[2], c[3]]));
    units.map(|u| char::from_u32(u).unwrap_or('\u{fffd}')).collect()
}

/// Base64 as Jackson reads it: the standard alphabet with padding, white space allowed before each group of four.
pub(super) fn base64_decode(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
    const ENGINE: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
    );
    if let Ok(bytes) = ENGINE.decode(text) {
        return Some(bytes);
    }
    // Groups one by one: white space in between, or padding before the end.
    let mut out = Vec::new();
    let mut rest = Cow::Borrowed(text.trim_start_matches(|c| c <= ' '));
    while !rest.is_empty() {
        out.extend(ENGINE.decode(rest.get(..4)?).ok()?);
        rest = Cow::Owned(rest[4..].trim_start_matches(|c| c <= ' ').to_owned());
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_that_jackson_guesses_reads_the_same() {
        let text = "{\"a\":\"é\"}";
        let le16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let be16: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let le32: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        let be32: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
        let marked = [b"\xef\xbb\xbf".as_slice(), text.as_bytes()].concat();
        let marked16 = [b"\xff\xfe".as_slice(), &le16].concat();
        for bytes in [text.as_bytes().to_vec(), le16, be16, le32, be32, marked, marked16] {
            assert_eq!(decode(Bytes::from(bytes)).0, text);
        }
    }

    #[test]
    fn malformed_text_ends_before_the_bad_byte() {
        assert_eq!(decode(Bytes::from_static(b"{\"a\":1}\xff")), (Str::from("{\"a\":1}"), true));
        assert_eq!(decode(Bytes::from_static(b"1")), (Str::from("1"), false));
    }

    #[test]
    fn base64_allows_what_jackson_allows() {
        assert_eq!(base64_decode("AQID").unwrap(), [1, 2, 3]);
        assert_eq!(base64_decode("AQ==AQ==").unwrap(), [1, 1]);
        assert_eq!(base64_decode(" AQID\nAQ==").unwrap(), [1, 2, 3, 1]);
        assert_eq!(base64_decode(""), Some(vec![]));
        assert_eq!(base64_decode("!!!"), None);
        assert_eq!(base64_decode("AQ"), None);
    }
}
