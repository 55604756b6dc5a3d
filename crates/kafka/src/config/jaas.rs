//! The text of `sasl.jaas.config`.
//!
//! Counterpart: org.apache.kafka.common.security.JaasConfig, which reads it with java.io.StreamTokenizer: what that takes for a word, a
//! number, a quoted text or a comment is so here.

use std::iter::Peekable;
use std::str::Chars;

use milena_api::config::Secret;

/// One login module with its options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LoginModule {
    /// The Java class.
    pub name: String,
    options: Vec<(String, Secret)>,
}

impl LoginModule {
    /// An option's value; the last one counts where it is given twice.
    pub(super) fn option(&self, name: &str) -> Option<&Secret> {
        self.options.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

/// Reads all login modules.
///
/// # Errors
/// What is wrong, without any value.
pub(super) fn parse(text: &str) -> Result<Vec<LoginModule>, String> {
    let mut tokens = Tokens { chars: text.chars().peekable() };
    let mut modules = Vec::new();
    loop {
        match tokens.next() {
            Token::End => break,
            Token::Text(name) => modules.push(module(name, &mut tokens)?),
            _ => return Err("a login module must start with the name of its class".to_owned()),
        }
    }
    if modules.is_empty() { Err("Login module not specified in JAAS config".to_owned()) } else { Ok(modules) }
}

fn module(name: String, tokens: &mut Tokens<'_>) -> Result<LoginModule, String> {
    const FLAGS: [&str; 4] = ["required", "requisite", "sufficient", "optional"];
    match tokens.next() {
        Token::Text(flag) if FLAGS.iter().any(|known| flag.eq_ignore_ascii_case(known)) => {}
        Token::End => return Err("Login module control flag is not available in the JAAS config".to_owned()),
        _ => return Err(format!("Invalid login module control flag in JAAS config: one of {}", FLAGS.join(", "))),
    }
    let mut options = Vec::new();
    loop {
        let key = match tokens.next() {
            Token::End => return Err("JAAS config entry not terminated by semi-colon".to_owned()),
            Token::Mark(';') => return Ok(LoginModule { name, options }),
            Token::Text(key) => key,
            // What stands here may be a part of a value that was not quoted.
            _ => return Err("an option's name expected in JAAS config; are all values in double quotes?".to_owned()),
        };
        match (tokens.next(), tokens.next()) {
            (Token::Mark('='), Token::Text(value)) => options.push((key, Secret::new(value))),
            (Token::Mark('='), Token::Number) => {
                let name = known(&key).map(|name| format!(" of {name}")).unwrap_or_default();
                return Err(format!("the value{name} in JAAS config starts like a number; put it in double quotes"));
            }
            _ => {
                let name = known(&key).map(|name| format!(" for key {name}")).unwrap_or_default();
                return Err(format!("Value not specified{name} in JAAS config; are all values in double quotes?"));
            }
        }
    }
}

/// An option as it may be shown: only what is surely a name, as behind a value that was not quoted its rest stands in that place.
fn known(key: &str) -> Option<String> {
    ["username", "password", "tokenauth"].contains(&key).then(|| format!("'{key}'"))
}

enum Token {
    End,
    /// A word, or a text in quotes.
    Text(String),
    Number,
    Mark(char),
}

struct Tokens<'a> {
    chars: Peekable<Chars<'a>>,
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '-' | '_' | '$') || c >= '\u{a0}'
}

fn is_numeric(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '.' | '-')
}

impl Tokens<'_> {
    fn next(&mut self) -> Token {
        loop {
            let Some(c) = self.chars.next() else { return Token::End };
            match c {
                _ if c <= ' ' => {}
                '/' => self.skip_comment(),
                _ if is_numeric(c) => return self.number(c),
                _ if is_word(c) => {
                    let mut word = String::from(c);
                    while let Some(more) = self.chars.next_if(|c| is_word(*c) || is_numeric(*c)) {
                        word.push(more);
                    }
                    return Token::Text(word);
                }
                '"' | '\'' => return Token::Text(self.quoted(c)),
                _ => return Token::Mark(c),
            }
        }
    }

    /// `/* … */`, or from any other slash to the end of the line.
    fn skip_comment(&mut self) {
        if self.chars.next_if_eq(&'*').is_none() {
            while self.chars.next_if(|c| !matches!(c, '\n' | '\r')).is_some() {}
            return;
        }
        let mut last = ' ';
        for c in self.chars.by_ref() {
            if last == '*' && c == '/' {
                return;
            }
            last = c;
        }
    }

    fn number(&mut self, first: char) -> Token {
        if first == '-' && !self.chars.peek().is_some_and(|c| *c == '.' || c.is_ascii_digit()) {
            return Token::Mark('-');
        }
        let mut dot = first == '.';
        while let Some(c) = self.chars.next_if(|c| c.is_ascii_digit() || (*c == '.' && !dot)) {
            dot |= c == '.';
        }
        Token::Number
    }

    /// The rest of a text in quotes; it ends with the line at the latest.
    fn quoted(&mut self, quote: char) -> String {
        let mut text = String::new();
        while let Some(c) = self.chars.next_if(|c| !matches!(c, '\n' | '\r')) {
            match c {
                _ if c == quote => break,
                '\\' => {
                    let Some(escaped) = self.chars.next() else { break };
                    text.push(self.escape(escaped));
                }
                _ => text.push(c),
            }
        }
        text
    }

    fn escape(&mut self, c: char) -> char {
        match c {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            '0'..='7' => {
                let mut code = c.to_digit(8).unwrap_or(0);
                // At most \377.
                let more = if c <= '3' { 2 } else { 1 };
                for _ in 0..more {
                    let Some(digit) = self.chars.next_if(|c| c.is_digit(8)) else { break };
                    code = code * 8 + digit.to_digit(8).unwrap_or(0);
                }
                char::from_u32(code).unwrap_or(c)
            }
            _ => c,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str, names: &[&str]) -> Vec<String> {
        let modules = parse(text).unwrap();
        names.iter().map(|name| modules[0].option(name).map_or("-", Secret::reveal).to_owned()).collect()
    }

    #[test]
    fn a_login_module_is_read_as_java_reads_it() {
        let text = r#"org.apache.kafka.common.security.plain.PlainLoginModule Required
            // who
            username="al\"ice" /* the
            password */ password='s=e;c,r/e\\t' p2="x\ty\141" token_auth=true;"#;
        assert_eq!(
            options(text, &["username", "password", "p2", "token_auth", "none"]),
            ["al\"ice", r"s=e;c,r/e\t", "x\tya", "true", "-"]
        );
        assert_eq!(parse(text).unwrap()[0].name, "org.apache.kafka.common.security.plain.PlainLoginModule");
        assert_eq!(options("M required a=b-1.x a=c;", &["a"]), ["c"]);
        assert_eq!(parse("A required; B optional x=y;").unwrap().len(), 2);
    }

    #[test]
    fn what_is_wrong_is_told_without_the_secret() {
        for (text, reason) in [
            ("", "Login module not specified"),
            ("M", "control flag is not available"),
            ("M always;", "Invalid login module control flag"),
            ("M required password=\"hidden\"", "not terminated by semi-colon"),
            ("M required password;", "Value not specified for key 'password'"),
            ("M required password=12345hidden;", "'password' in JAAS config starts like a number"),
            ("M required password=\"x\"hidden\";", "Value not specified in JAAS config"),
            ("M required password=correct hidden;", "Value not specified in JAAS config"),
            ("M required password=a@hidden;", "in double quotes?"),
            // A lone slash starts a comment, so the rest of the line is gone.
            ("M required password=a/hidden;", "not terminated by semi-colon"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(reason) && !error.contains("hidden"), "{text}: {error}");
        }
    }
}
