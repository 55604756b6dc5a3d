//! `Charset`: the encodings that every Java has, by their Java names, and code pages of one byte per character.

use bytes::Bytes;
use encoding_rs::{EncoderResult, Encoding};
use milena_api::data::Str;
use milena_api::error::{Error, Result};

/// Code pages of one byte per character that Java has under the same names and with the same characters.
const LEGACY: &[&str] = &[
    "IBM866",
    "ISO-8859-2",
    "ISO-8859-3",
    "ISO-8859-4",
    "ISO-8859-5",
    "ISO-8859-6",
    "ISO-8859-7",
    "ISO-8859-8",
    "ISO-8859-13",
    "ISO-8859-15",
    "ISO-8859-16",
    "KOI8-R",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
];

/// How characters become bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Charset {
    #[default]
    Utf8,
    Ascii,
    Latin1,
    /// With a byte order mark; big-endian without one.
    Utf16,
    Utf16Be,
    Utf16Le,
    Legacy(&'static Encoding),
}

impl Charset {
    /// The encoding of that name or alias, in any case.
    pub(crate) fn named(name: &str) -> Result<Charset> {
        Ok(match name.to_ascii_uppercase().as_str() {
            "UTF-8" | "UTF8" | "UNICODE-1-1-UTF-8" => Charset::Utf8,
            "US-ASCII" | "ASCII" | "ISO646-US" | "646" | "ASCII7" | "CP367" | "IBM367" => Charset::Ascii,
            "ISO-8859-1" | "ISO8859-1" | "ISO8859_1" | "ISO_8859-1" | "LATIN1" | "L1" | "CP819" | "IBM819"
            | "8859_1" => Charset::Latin1,
            "UTF-16" | "UTF16" | "UTF_16" | "UNICODE" => Charset::Utf16,
            "UTF-16BE" | "UTF_16BE" | "X-UTF-16BE" => Charset::Utf16Be,
            "UTF-16LE" | "UTF_16LE" | "X-UTF-16LE" => Charset::Utf16Le,
            other => Charset::Legacy(legacy(other).ok_or_else(|| {
                Error::fatal(format!("Unsupported encoding {name}"))
                    .with_class("org.apache.kafka.common.errors.SerializationException")
            })?),
        })
    }

    /// The bytes of a text; characters that the encoding lacks become `?`.
    pub(crate) fn encode(self, text: &str) -> Bytes {
        let units = || text.encode_utf16();
        let narrow =
            |limit: u32| text.chars().map(|c| if u32::from(c) < limit { u32::from(c) as u8 } else { b'?' }).collect();
        Bytes::from(match self {
            Charset::Utf8 => text.as_bytes().to_vec(),
            Charset::Ascii => narrow(0x80),
            Charset::Latin1 => narrow(0x100),
            Charset::Utf16 if text.is_empty() => Vec::new(),
            Charset::Utf16 => [0xfe, 0xff].into_iter().chain(units().flat_map(u16::to_be_bytes)).collect(),
            Charset::Utf16Be => units().flat_map(u16::to_be_bytes).collect(),
            Charset::Utf16Le => units().flat_map(u16::to_le_bytes).collect(),
            Charset::Legacy(encoding) => encode(encoding, text),
        })
    }

    /// The text of these bytes; malformed parts become U+FFFD.
    pub(crate) fn decode(self, bytes: Bytes) -> Str {
        match (self, bytes.as_ref()) {
            (Charset::Utf8, _) => Str::from_utf8_lossy(bytes),
            (Charset::Ascii, raw) => {
                Str::from(raw.iter().map(|&b| if b < 0x80 { char::from(b) } else { '\u{fffd}' }).collect::<String>())
            }
            (Charset::Latin1, raw) => Str::from(raw.iter().map(|&b| char::from(b)).collect::<String>()),
            (Charset::Utf16, [0xff, 0xfe, rest @ ..]) => wide(rest, u16::from_le_bytes),
            (Charset::Utf16, [0xfe, 0xff, rest @ ..]) => wide(rest, u16::from_be_bytes),
            (Charset::Utf16 | Charset::Utf16Be, raw) => wide(raw, u16::from_be_bytes),
            (Charset::Utf16Le, raw) => wide(raw, u16::from_le_bytes),
            (Charset::Legacy(encoding), raw) => decode(encoding, raw),
        }
    }
}

/// An encoding by its name in capitals; not those that the Encoding Standard takes for another one.
fn legacy(full: &str) -> Option<&'static Encoding> {
    let name = full.strip_prefix("CP").filter(|number| number.len() == 4 && number.starts_with("125"));
    let name = name.map_or_else(|| full.to_owned(), |number| format!("windows-{number}"));
    let found = Encoding::for_label(name.as_bytes())?;
    (LEGACY.contains(&found.name()) && found.name().eq_ignore_ascii_case(&name)).then_some(found)
}

/// Where a code page of Windows has no character, the Encoding Standard puts a control character, and Java nothing.
fn is_unassigned(encoding: &'static Encoding, c: char) -> bool {
    ('\u{80}'..'\u{a0}').contains(&c) && encoding.name().starts_with("windows-")
}

fn encode(encoding: &'static Encoding, text: &str) -> Vec<u8> {
    let text = text.replace(|c| is_unassigned(encoding, c), "?");
    let mut encoder = encoding.new_encoder();
    let mut out = Vec::with_capacity(text.len() + 8);
    let mut rest = text.as_str();
    loop {
        out.reserve(encoder.max_buffer_length_from_utf8_without_replacement(rest.len()).unwrap_or(rest.len() * 4));
        let (result, read) = encoder.encode_from_utf8_to_vec_without_replacement(rest, &mut out, true);
        rest = rest.get(read..).unwrap_or_default();
        match result {
            EncoderResult::InputEmpty => return out,
            EncoderResult::OutputFull => {}
            EncoderResult::Unmappable(_) => out.push(b'?'),
        }
    }
}

fn decode(encoding: &'static Encoding, raw: &[u8]) -> Str {
    let (text, _) = encoding.decode_without_bom_handling(raw);
    Str::from(text.replace(|c| is_unassigned(encoding, c), "\u{fffd}"))
}

/// A pair that is none, or an odd byte at the end, becomes one U+FFFD, as Java's decoder does it.
fn wide(raw: &[u8], unit: fn([u8; 2]) -> u16) -> Str {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while !rest.is_empty() {
        let at = |at: usize| rest.get(at..at + 2).map(|pair| u32::from(unit([pair[0], pair[1]])));
        let (code, len) = match (at(0), at(2)) {
            (Some(high @ 0xd800..=0xdbff), Some(low @ 0xdc00..=0xdfff)) => {
                (0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), 4)
            }
            (Some(0xd800..=0xdbff), _) => (0xfffd, 4),
            (Some(code), _) => (code, 2),
            (None, _) => (0xfffd, 1),
        };
        text.push(char::from_u32(code).unwrap_or('\u{fffd}'));
        rest = rest.get(len..).unwrap_or_default();
    }
    Str::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_from_every_encoding_that_has_their_characters() {
        for name in ["utf8", "latin1", "UTF-16", "UTF-16LE", "UTF-16BE"] {
            let charset = Charset::named(name).unwrap();
            assert_eq!(charset.decode(charset.encode("é x")), "é x", "{name}");
        }
        assert_eq!(Charset::Utf16Be.decode(Bytes::from_static(b"\xd9\xa3\x2d\x37\0x\0")), "\u{fffd}x\u{fffd}");
        assert_eq!(Charset::Ascii.encode("é"), "?");
        assert_eq!(Charset::named("NOPE").unwrap_err().message(), Some("Unsupported encoding NOPE"));
    }
}
