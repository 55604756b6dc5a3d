//! Error texts with the place of the error, as Jackson writes them.

use serde_json::error::Category;

const SOURCE: &str = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: ";
const VALUES: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

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
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    let line_start: usize = body.split(|b| *b == b'\n').take(line - 1).map(|line| line.len() + 1).sum();
    let position = line_start + column - 1;
    if matches!(text, "expected value" | "expected ident" | "trailing characters")
        && let Some((token, end)) = token_at(body, position)
    {
        // Jackson has read one byte further to find the end of the word.
        let column = (end + 2).min(body.len() + 1) - line_start;
        return at(&format!("Unrecognized token '{token}': was expecting {VALUES}"), line, column);
    }
    let byte = body.get(position).copied().unwrap_or_default();
    if text.starts_with("control character") {
        let what = format!("Illegal unquoted character ((CTRL-CHAR, code {byte}))");
        return at(&format!("{what}: has to be escaped using backslash to be included in string value"), line, column);
    }
    let character = format!("'{}' (code {byte})", char::from(byte));
    if text == "invalid escape" {
        return at(&format!("Unrecognized character escape {character}"), line, column);
    }
    let expected = match text {
        "key must be a string" => "was expecting double-quote to start field name",
        "trailing comma" if byte == b'}' => "was expecting double-quote to start field name",
        "expected `:`" => "was expecting a colon to separate field name and value",
        "expected `,` or `}`" => "was expecting comma to separate Object entries",
        "expected `,` or `]`" => "was expecting comma to separate Array entries",
        "expected value" | "trailing comma" => &format!("expected a valid value {VALUES}"),
        other => other,
    };
    if byte.is_ascii_graphic() {
        return at(&format!("Unexpected character ({character}): {expected}"), line, column);
    }
    at(expected, line, column)
}

/// The word around a position, and where it ends.
fn token_at(body: &[u8], position: usize) -> Option<(&str, usize)> {
    let is_word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_' || *b == b'$';
    let before = body.get(..position.min(body.len()))?;
    let start = before.iter().rposition(|b| !is_word(b)).map_or(0, |at| at + 1);
    let end = start + body.get(start..)?.iter().position(|b| !is_word(b)).unwrap_or(body.len() - start);
    let word = std::str::from_utf8(body.get(start..end)?).ok()?;
    word.starts_with(|c: char| c.is_ascii_alphabetic()).then_some((word, end))
}
