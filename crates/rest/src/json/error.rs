//! Error texts with the place of the error, as Jackson writes them.

use serde_json::error::Category;

const SOURCE: &str = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: ";

/// Appends the place to a text; lines and columns count from 1.
pub fn at(text: &str, line: usize, column: usize) -> String {
    format!("{text}\n at {SOURCE}{line}, column: {column}]")
}

/// The text for a missing body where an endpoint parses it itself.
pub fn no_content() -> String {
    format!("No content to map due to end-of-input\n at {SOURCE}1]")
}

/// The text for a body that is no JSON.
pub fn syntax(body: &[u8], error: &serde_json::Error) -> String {
    let (line, column) = (error.line().max(1), error.column().max(1));
    if error.classify() == Category::Eof {
        return at("Unexpected end-of-input", line, column + 1);
    }
    let position = offset(body, line, column);
    if let Some(token) = token_at(body, position) {
        let expected = "was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
        return at(&format!("Unrecognized token '{token}': {expected}"), line, column);
    }
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    let text = match body.get(position) {
        Some(&byte) if byte.is_ascii_graphic() => {
            format!("Unexpected character ('{}' (code {byte})): {text}", char::from(byte))
        }
        _ => text.to_owned(),
    };
    at(&text, line, column)
}

fn offset(body: &[u8], line: usize, column: usize) -> usize {
    let start: usize = body.split(|b| *b == b'\n').take(line - 1).map(|line| line.len() + 1).sum();
    start + column - 1
}

/// The bare word around a position where JSON has no place for one, unless it stands where a name is expected.
fn token_at(body: &[u8], position: usize) -> Option<&str> {
    let is_word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_' || *b == b'$';
    let before = body.get(..position.min(body.len()))?;
    let start = before.iter().rposition(|b| !is_word(b)).map_or(0, |at| at + 1);
    let end = start + body.get(start..)?.iter().position(|b| !is_word(b)).unwrap_or(body.len() - start);
    let name_expected = before.get(..start)?.iter().rfind(|b| !b.is_ascii_whitespace()).is_some_and(|b| *b == b'{');
    let word = std::str::from_utf8(body.get(start..end)?).ok()?;
    (!name_expected && word.starts_with(|c: char| c.is_ascii_alphabetic())).then_some(word)
}
