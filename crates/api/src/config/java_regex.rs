//! Regular expressions of Java, run by an engine that knows look-around and back-references.

use fancy_regex::Regex;

/// Compiles a pattern as `java.util.regex.Pattern.compile` does.
///
/// # Errors
/// The message of Java's `PatternSyntaxException` where the mistake is a common one; otherwise the engine's words.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    if let Some((what, index)) = common_mistake(pattern) {
        return Err(syntax_message(what, index, pattern));
    }
    Regex::new(pattern).map_err(|error| error.to_string())
}

/// What Java's exception says: the mistake, its place, the pattern, and a mark under the place if that is inside it.
fn syntax_message(what: &str, index: usize, pattern: &str) -> String {
    let mut message = format!("{what} near index {index}\n{pattern}");
    if index < pattern.encode_utf16().count() {
        message.push('\n');
        message.push_str(&" ".repeat(index));
        message.push('^');
    }
    message
}

/// The first mistake that Java would report, with its place in UTF-16 units.
fn common_mistake(pattern: &str) -> Option<(&'static str, usize)> {
    let units: Vec<char> = pattern.chars().flat_map(|c| std::iter::repeat_n(c, c.len_utf16())).collect();
    let mut depth = 0_usize;
    // What a quantifier could apply to.
    let mut has_atom = false;
    let mut at = 0;
    while at < units.len() {
        match units[at] {
            '\\' => {
                match units.get(at + 1) {
                    None => return Some(("Unexpected internal error", units.len())),
                    // A quotation goes on to its end, or to the pattern's.
                    Some('Q') => {
                        let rest: String = units[at + 2..].iter().collect();
                        at += 2 + rest.find("\\E").map_or(rest.len(), |end| rest[..end].chars().count() + 2);
                        has_atom = true;
                        continue;
                    }
                    Some(_) => {}
                }
                has_atom = true;
                at += 2;
                continue;
            }
            '[' => match end_of_class(&units, at) {
                Some(end) => {
                    has_atom = true;
                    at = end;
                }
                None => return Some(("Unclosed character class", units.len() - 1)),
            },
            '(' => {
                depth += 1;
                has_atom = false;
                // `(?…` belongs to the parenthesis.
                if units.get(at + 1) == Some(&'?') {
                    at += 1;
                }
            }
            ')' if depth == 0 => return Some(("Unmatched closing ')'", at.saturating_sub(1))),
            ')' => {
                depth -= 1;
                has_atom = true;
            }
            '|' => has_atom = false,
            found @ ('*' | '+' | '?') if !has_atom => return Some((dangling(found), at)),
            '*' | '+' | '?' => {
                // Possessive and reluctant forms take one more sign; a third one dangles.
                if matches!(units.get(at + 1), Some('+' | '?')) {
                    at += 1;
                }
                has_atom = false;
                if let Some(found @ ('*' | '+' | '?')) = units.get(at + 1) {
                    return Some((dangling(*found), at + 1));
                }
            }
            '{' if !has_atom => return Some(("Illegal repetition", at)),
            '{' => {
                let digits = units[at + 1..].iter().take_while(|c| c.is_ascii_digit() || **c == ',').count();
                if digits == 0 || units[at + 1] == ',' {
                    return Some(("Illegal repetition", at));
                }
                if units.get(at + 1 + digits) != Some(&'}') {
                    return Some(("Unclosed counted closure", at + 1 + digits));
                }
                at += 1 + digits;
                has_atom = true;
            }
            _ => has_atom = true,
        }
        at += 1;
    }
    (depth > 0).then_some(("Unclosed group", units.len()))
}

fn dangling(found: char) -> &'static str {
    match found {
        '*' => "Dangling meta character '*'",
        '+' => "Dangling meta character '+'",
        _ => "Dangling meta character '?'",
    }
}

/// Place of the bracket that closes the class opened at `start`; classes nest.
fn end_of_class(units: &[char], start: usize) -> Option<usize> {
    let mut at = start + 1;
    if units.get(at) == Some(&'^') {
        at += 1;
    }
    let first = at;
    while at < units.len() {
        match units[at] {
            '\\' => at += 1,
            '[' => at = end_of_class(units, at)?,
            // The first one stands for itself.
            ']' if at > first => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}
