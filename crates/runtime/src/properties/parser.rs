//! `.properties` files as Java reads them.
//!
//! Counterpart: `java.util.Properties.load`.

use std::io;
use std::path::{Path, PathBuf};

use milena_api::config::ConfigMap;

/// How the bytes of a file stand for characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// One byte, one character (ISO 8859-1): what Java reads worker and connector files as. Others are written `\uXXXX`.
    Latin1,
    /// UTF-8: what `FileConfigProvider` reads its files as.
    Utf8,
}

/// Why a properties file could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PropertiesError {
    /// The file itself could not be read.
    #[error("cannot read properties file {}: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A `\u` that four hexadecimal digits do not follow.
    #[error(
        "cannot read properties file {}: line {line}: malformed \\uxxxx encoding in `{text}`: \\u must be followed by four \
         hexadecimal digits, and a backslash of its own is written \\\\",
        file.display()
    )]
    MalformedEscape {
        /// The file.
        file: PathBuf,
        /// Number of the line, from 1; the first one of continued lines.
        line: usize,
        /// The escape and what follows it.
        text: String,
    },
}

impl From<PropertiesError> for milena_api::Error {
    fn from(error: PropertiesError) -> Self {
        milena_api::Error::config(error.to_string()).with_source(error)
    }
}

/// Reads a file. A key that comes twice has its last value.
///
/// # Errors
/// The file cannot be read, is not in the encoding, or has a malformed `\u` escape.
pub fn read_properties(file: &Path, encoding: Encoding) -> Result<ConfigMap, PropertiesError> {
    let unreadable = |source| PropertiesError::Unreadable { file: file.to_owned(), source };
    let bytes = std::fs::read(file).map_err(unreadable)?;
    let text = match encoding {
        Encoding::Latin1 => bytes.into_iter().map(char::from).collect(),
        Encoding::Utf8 => {
            String::from_utf8(bytes).map_err(|error| unreadable(io::Error::new(io::ErrorKind::InvalidData, error)))?
        }
    };
    parse_properties(&text, file)
}

/// Parses text; `file` is named in errors.
///
/// # Errors
/// A malformed `\u` escape.
pub fn parse_properties(text: &str, file: &Path) -> Result<ConfigMap, PropertiesError> {
    let mut lines = LogicalLines { rest: text.chars(), line: 1 };
    let mut properties = ConfigMap::new();
    while let Some((line, content)) = lines.next_line() {
        let (key, value) = split(&content);
        let unescaped = |part| {
            unescape(part).map_err(|text| PropertiesError::MalformedEscape { file: file.to_owned(), line, text })
        };
        properties.insert(unescaped(key)?, unescaped(value)?);
    }
    Ok(properties)
}

/// Joins continued lines, leaves out comments and blank lines.
struct LogicalLines<'a> {
    rest: std::str::Chars<'a>,
    line: usize,
}

impl LogicalLines<'_> {
    /// The next logical line, still escaped, with the number of its first physical line.
    fn next_line(&mut self) -> Option<(usize, Vec<char>)> {
        let mut content: Vec<char> = Vec::new();
        let mut first = self.line;
        let (mut skip_blanks, mut continued, mut escaped) = (true, false, false);
        while let Some(c) = self.next_char() {
            if skip_blanks {
                if is_blank(c) || (!continued && c == '\n') {
                    continue;
                }
                (skip_blanks, continued) = (false, false);
            }
            if content.is_empty() {
                if c == '#' || c == '!' {
                    // A comment ends with its line: a backslash does not continue it.
                    while self.next_char().is_some_and(|c| c != '\n') {}
                    skip_blanks = true;
                    continue;
                }
                first = if c == '\n' { self.line - 1 } else { self.line };
            }
            if c != '\n' {
                content.push(c);
                escaped = c == '\\' && !escaped;
            } else if content.is_empty() {
                skip_blanks = true;
            } else if escaped {
                content.pop();
                (skip_blanks, continued, escaped) = (true, true, false);
            } else {
                return Some((first, content));
            }
        }
        if escaped {
            content.pop();
            return Some((first, content));
        }
        (!content.is_empty()).then_some((first, content))
    }

    /// The next character; `\r` and `\r\n` count as `\n`.
    fn next_char(&mut self) -> Option<char> {
        let c = match self.rest.next()? {
            '\r' => {
                if self.rest.as_str().starts_with('\n') {
                    self.rest.next();
                }
                '\n'
            }
            c => c,
        };
        if c == '\n' {
            self.line += 1;
        }
        Some(c)
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}')
}

/// Key and value: apart at the first `=`, `:` or blank that no backslash precedes.
fn split(line: &[char]) -> (&[char], &[char]) {
    let mut escaped = false;
    let end = line
        .iter()
        .position(|&c| {
            let ends = !escaped && (is_blank(c) || c == '=' || c == ':');
            escaped = c == '\\' && !escaped;
            ends
        })
        .unwrap_or(line.len());
    let (key, rest) = line.split_at(end);
    let mut separated = false;
    let start = rest
        .iter()
        .position(|&c| {
            if is_blank(c) {
                return false;
            }
            if !separated && (c == '=' || c == ':') {
                separated = true;
                return false;
            }
            true
        })
        .unwrap_or(rest.len());
    (key, &rest[start..])
}

/// Resolves escapes; the error is the text of the malformed one.
fn unescape(text: &[char]) -> Result<String, String> {
    if !text.contains(&'\\') {
        return Ok(text.iter().collect());
    }
    let mut result = String::with_capacity(text.len());
    // Code units of \u escapes that follow each other: a pair may make one character.
    let mut units: Vec<u16> = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if text[at] == '\\' && text.get(at + 1) == Some(&'u') {
            let digits = text.get(at + 2..at + 6);
            let unit = digits.and_then(|digits| {
                digits.iter().try_fold(0u16, |unit, c| Some(unit << 4 | u16::try_from(c.to_digit(16)?).ok()?))
            });
            let Some(unit) = unit else {
                return Err(text[at..text.len().min(at + 6)].iter().collect());
            };
            units.push(unit);
            at += 6;
            continue;
        }
        push_units(&mut result, &mut units);
        if text[at] == '\\' {
            at += 1;
            match text.get(at) {
                Some('t') => result.push('\t'),
                Some('r') => result.push('\r'),
                Some('n') => result.push('\n'),
                Some('f') => result.push('\u{c}'),
                Some(&c) => result.push(c),
                None => {}
            }
        } else {
            result.push(text[at]);
        }
        at += 1;
    }
    push_units(&mut result, &mut units);
    Ok(result)
}

fn push_units(result: &mut String, units: &mut Vec<u16>) {
    result.push_str(&String::from_utf16_lossy(units));
    units.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Vec<(String, String)> {
        parse_properties(text, Path::new("w.properties")).unwrap().into_iter().collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn keys_end_at_an_equals_sign_a_colon_or_a_blank() {
        assert_eq!(
            parse("a=1\nb:2\nc 3\nd\t=\t4 \ne  :  = 5\nf==6\ng\nh=\n= 7"),
            pairs(&[
                ("a", "1"),
                ("b", "2"),
                ("c", "3"),
                ("d", "4 "),
                ("e", "= 5"),
                ("f", "=6"),
                ("g", ""),
                ("h", ""),
                ("", "7")
            ])
        );
    }

    #[test]
    fn comments_and_blank_lines_are_left_out() {
        assert_eq!(parse("# a=1 \\\nb=2\n\n  ! c=3\r\n \t\n d=#4\r"), pairs(&[("b", "2"), ("d", "#4")]));
    }

    #[test]
    fn a_backslash_at_the_end_continues_the_line() {
        assert_eq!(
            parse("a=1,\\\n   2,\\\r\n\t3\nb=x\\\\\nc=y\\\n# no comment\nd=\\\n\ne=5\nf=6\\"),
            pairs(&[("a", "1,2,3"), ("b", "x\\"), ("c", "y# no comment"), ("d", ""), ("e", "5"), ("f", "6")])
        );
    }

    #[test]
    fn escapes_work_in_keys_and_values() {
        assert_eq!(
            parse("a\\ b\\=c\\:d=\\u00e4\\t\\n\\q\\ud83d\\ude00\nC\\:\\\\x=y"),
            pairs(&[("a b=c:d", "ä\t\nq😀"), ("C:\\x", "y")])
        );
    }

    #[test]
    fn the_last_value_of_a_key_counts() {
        assert_eq!(parse("a=1\na=2"), pairs(&[("a", "2")]));
    }

    #[test]
    fn a_malformed_escape_names_file_and_line() {
        for text in ["# c\n\na=1\nb=\\u00g1\n", "\r\n\r\n\r\nb=\\u00g1", "x=1\\\n\\\n2\nb=\\u00g1"] {
            let error = parse_properties(text, Path::new("w.properties")).unwrap_err().to_string();
            assert!(error.contains("w.properties: line 4: malformed \\uxxxx encoding in `\\u00g1`"), "{error}");
        }
        assert!(parse_properties("a=\\u12", Path::new("f")).unwrap_err().to_string().contains("line 1"));
    }

    #[test]
    fn worker_files_are_latin_1_and_provider_files_are_utf_8() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"a=\xe4").unwrap();
        assert_eq!(read_properties(file.path(), Encoding::Latin1).unwrap()["a"], "ä");
        let error = read_properties(file.path(), Encoding::Utf8).unwrap_err().to_string();
        assert!(error.starts_with("cannot read properties file "), "{error}");
    }
}
