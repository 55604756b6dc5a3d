//! Regular expressions of Java, translated for an engine that knows look-around and back-references.
//!
//! Counterpart: `java.util.regex.Pattern`. Mistakes have Java's messages, as they end up in REST. What Java reads differently is written
//! out on the way: `\d`, `\w`, `\s` and POSIX names are ASCII, letters ignore case in ASCII only, `.` and `$` know five line
//! ends, `\h`, `\R`, `\Q…\E` and octal escapes exist. Not translated are blocks (`\p{InGreek}`), names of characters (`\N{…}`) and
//! canonical equivalence; the first two are refused with a message that says so.

mod class;
mod escape;
mod mistake;
mod parser;
mod property;

use fancy_regex::Regex;

use parser::Parser;

/// Compiles a pattern that is looked for anywhere in a text, as `Matcher.find` does.
///
/// # Errors
/// The message of Java's `PatternSyntaxException`; the engine's words for what only the engine refuses.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    engine(&Parser::new(pattern, false).translate().map_err(|mistake| mistake.message(pattern))?)
}

/// Compiles a pattern that has to match a text from end to end, as `Matcher.matches` does. Groups keep their numbers.
///
/// # Errors
/// As [`compile`]; messages show the pattern as it was given.
pub fn compile_whole(pattern: &str) -> Result<Regex, String> {
    let translated = Parser::new(pattern, true).translate().map_err(|mistake| mistake.message(pattern))?;
    engine(&format!(r"\A(?:{translated})\z"))
}

fn engine(translated: &str) -> Result<Regex, String> {
    Regex::new(translated).map_err(|error| format!("this worker cannot run the pattern: {error}"))
}
