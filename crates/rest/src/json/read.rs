//! Reading bodies: objects field by field, maps of texts with Jackson's coercions, lists.

use indexmap::IndexMap;
use milena_api::config::ConfigInput;
use serde_json::value::RawValue;

use super::error;
use super::node::{Kind, Node};
use crate::reply::Failure;

/// The class that configurations are read into.
const STRING_MAP: &str = "java.util.LinkedHashMap<java.lang.String,java.lang.String>";
const MAP: &str = "java.util.LinkedHashMap";

/// Checks that a body is JSON. `None` if it is empty.
///
/// # Errors
/// A 500 with a text as Jackson's.
pub fn parse(body: &[u8]) -> Result<Option<(&str, &RawValue)>, Failure> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let text = std::str::from_utf8(body).map_err(|error| {
        let byte = body.get(error.valid_up_to()).copied().unwrap_or_default();
        let before = body.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        let column = before.len() - before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1) + 1;
        Failure::internal(error::at(&format!("Invalid UTF-8 start byte 0x{byte:02x}"), line, column))
    })?;
    let raw = serde_json::from_str(text).map_err(|e| Failure::internal(error::syntax(body, &e)))?;
    Ok(Some((text, raw)))
}

/// The fields of an object that Java reads as an instance of `class`. A name that comes twice has its last value.
///
/// # Errors
/// It is no object.
pub fn object<'a>(node: &Node<'a>, class: &str) -> Result<IndexMap<String, &'a RawValue>, Failure> {
    match node.kind() {
        Kind::Object => inner(node),
        _ => Err(Failure::internal(node.wrong_kind(class))),
    }
}

/// The items of a list of Java's `class`.
///
/// # Errors
/// It is no list.
pub fn array<'a>(node: &Node<'a>, class: &str) -> Result<Vec<&'a RawValue>, Failure> {
    match node.kind() {
        Kind::Array => inner(node),
        _ => Err(Failure::internal(node.wrong_kind(class))),
    }
}

/// A text. Numbers and booleans become the text they are written with; null is none.
///
/// # Errors
/// It is an object or a list.
pub fn string(node: &Node<'_>) -> Result<Option<String>, Failure> {
    match node.kind() {
        Kind::Null => Ok(None),
        Kind::String => inner(node).map(Some),
        Kind::Bool | Kind::Integer | Kind::Float => Ok(Some(node.text().to_owned())),
        Kind::Array | Kind::Object => Err(Failure::internal(node.wrong_kind("java.lang.String"))),
    }
}

/// A configuration; null is none.
///
/// # Errors
/// It is no object, or one of its values no text.
pub fn string_map(node: &Node<'_>) -> Result<Option<ConfigInput>, Failure> {
    if node.is_null() {
        return Ok(None);
    }
    let fields = object(node, STRING_MAP)?;
    let read = |(name, raw): (&String, &&RawValue)| Ok((name.clone(), string(&node.field(MAP, name, raw))?));
    fields.iter().map(read).collect::<Result<_, Failure>>().map(Some)
}

/// Its syntax was checked with that of the whole body, except for escapes in texts.
fn inner<'a, T: serde::Deserialize<'a>>(node: &Node<'a>) -> Result<T, Failure> {
    serde_json::from_str(node.text()).map_err(|error| {
        let text = error.to_string();
        Failure::internal(node.error(text.split(" at line ").next().unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Option<ConfigInput>, String> {
        let text = |failure: Failure| failure.message.unwrap();
        match parse(body.as_bytes()).map_err(text)? {
            None => Ok(None),
            Some((body, raw)) => string_map(&Node::root(body, raw)).map_err(text),
        }
    }

    #[test]
    fn numbers_and_booleans_keep_their_text_and_null_stays() {
        let map = read(r#"{"a":1.10,"b":1e5,"c":12345678901234567890,"d":true,"e":null,"f":" é\n","a":-0}"#)
            .unwrap()
            .unwrap();
        let expected = [
            ("a", Some("-0")),
            ("b", Some("1e5")),
            ("c", Some("12345678901234567890")),
            ("d", Some("true")),
            ("e", None),
            ("f", Some(" é\n")),
        ];
        assert!(map.iter().map(|(k, v)| (k.as_str(), v.as_deref())).eq(expected), "{map:?}");
    }

    #[test]
    fn an_empty_body_and_null_are_nothing() {
        assert_eq!(read("").unwrap(), None);
        assert_eq!(read(" null ").unwrap(), None);
    }

    #[test]
    fn objects_and_lists_are_no_texts() {
        let place = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: ";
        assert_eq!(
            read(r#"{"a":[]}"#).unwrap_err(),
            format!(
                "Cannot deserialize value of type `java.lang.String` from Array value (token `JsonToken.START_ARRAY`)\n at {place}6] (through reference chain: java.util.LinkedHashMap[\"a\"])"
            )
        );
        assert_eq!(
            read("[]").unwrap_err(),
            format!(
                "Cannot deserialize value of type `{STRING_MAP}` from Array value (token `JsonToken.START_ARRAY`)\n at {place}1]"
            )
        );
        assert_eq!(
            read("\"x\"").unwrap_err(),
            format!(
                "Cannot construct instance of `{MAP}` (although at least one Creator exists): no String-argument constructor/factory method to deserialize from String value ('x')\n at {place}1]"
            )
        );
    }

    #[test]
    fn what_is_no_json_is_named_with_its_place() {
        let values = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
        let token = |word: &str| format!("Unrecognized token '{word}': was expecting {values}");
        let character = |c: char, text: &str| format!("Unexpected character ('{c}' (code {})): {text}", u32::from(c));
        for (body, text, place) in [
            ("not json", token("not"), "1, column: 5"),
            ("zz", token("zz"), "1, column: 3"),
            ("{\"name\": tru}", token("tru"), "1, column: 14"),
            ("{} trailing", token("trailing"), "1, column: 12"),
            ("{\"a\":\n \"b\"", "Unexpected end-of-input".to_owned(), "2, column: 5"),
            ("{'name':1}", character('\'', "was expecting double-quote to start field name"), "1, column: 2"),
            ("{\"a\":1 \"b\"}", character('"', "was expecting comma to separate Object entries"), "1, column: 8"),
            ("{\"a\":\"\\x\"}", "Unrecognized character escape 'x' (code 120)".to_owned(), "1, column: 8"),
            ("/* c */{}", character('/', &format!("expected a valid value {values}")), "1, column: 1"),
        ] {
            let error = read(body).unwrap_err();
            let source = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: ";
            assert_eq!(error, format!("{text}\n at {source}{place}]"), "{body}");
        }
        assert!(parse(b"{\"a\":\"\xff\"}").unwrap_err().message.unwrap().starts_with("Invalid UTF-8 start byte 0xff"));
    }

    #[test]
    fn arbitrary_bodies_never_panic() {
        let whole = br#"{"name":"a\u0041","config":{"b":[1,{"c":null}],"d":-1.5e3}}"#;
        for cut in 0..whole.len() {
            for byte in [b'{', b'"', b'\\', 0xff, b'\n', b'x'] {
                let mut body = whole[..cut].to_vec();
                body.push(byte);
                body.extend(&whole[cut..]);
                if let Ok(Some((text, raw))) = parse(&body) {
                    _ = string_map(&Node::root(text, raw)).is_ok();
                }
                if let Ok(Some((text, raw))) = parse(&body[..=cut]) {
                    _ = string_map(&Node::root(text, raw)).is_ok();
                }
            }
        }
    }
}
