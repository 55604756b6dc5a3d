//! `TopicRegexRouter`: changes the topic by a regular expression of RE2.
//!
//! Counterpart: `io.confluent.connect.cloud.transforms.TopicRegexRouter`.

use milena_api::config::{ConfigDef, ConfigMap, Type};
use milena_api::error::Result;
use milena_api::record::Record;
use milena_api::transform::{Outcome, Transformation};

use crate::config::{definition, high, invalid};
use crate::regex_router::RegexRouter;

/// Changes topics that match as a whole.
#[derive(Default)]
pub struct TopicRegexRouter(RegexRouter);

impl Transformation for TopicRegexRouter {
    fn config(&self) -> Result<ConfigDef> {
        definition([
            high("regex", Type::String, "The regular expression, of RE2, that a topic has to match as a whole."),
            high("replacement", Type::String, "The new topic; $1 stands for the first group of the match."),
        ])
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = self.config()?.parse(config)?;
        let pattern = config.string("regex")?;
        let translated = from_re2(pattern).map_err(|why| invalid("regex", pattern, why))?;
        self.0 = RegexRouter::of("regex", &translated, &replacement_of_re2(config.string("replacement")?))?;
        Ok(())
    }

    fn apply(&mut self, record: &mut dyn Record) -> Result<Outcome> {
        self.0.apply(record)
    }
}

/// The same expression as Java writes it. What RE2 does not know is refused: a user of it relies on linear time.
fn from_re2(pattern: &str) -> std::result::Result<String, String> {
    let unknown = |what: &str| Err(format!("Invalid regex: RE2 has no {what}"));
    let mut out = String::with_capacity(pattern.len());
    // Whether a class is open, and whether what came last is a quantifier.
    let (mut class, mut quantified) = (false, false);
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        if let Some(escaped) = rest.strip_prefix('\\').and_then(|rest| rest.chars().next()) {
            if !class && matches!(escaped, '1'..='9' | 'k') {
                return unknown("back-references");
            }
            out.push(c);
            out.push(escaped);
            rest = &rest[1 + escaped.len_utf8()..];
            quantified = false;
            continue;
        }
        if class {
            if let Some((java, len)) = posix_class(rest) {
                out.push_str(&java);
                rest = &rest[len..];
                continue;
            }
        } else {
            if ["(?=", "(?!", "(?<=", "(?<!"].iter().any(|look| rest.starts_with(look)) {
                return unknown("look-around");
            }
            if rest.starts_with("(?>") {
                return unknown("atomic groups");
            }
            if c == '+' && quantified {
                return unknown("possessive quantifiers");
            }
            if let Some((name, behind)) = rest.strip_prefix("(?P<").and_then(|named| named.split_once('>')) {
                out.push_str(&format!("(?<{}>", java_name(name)));
                rest = behind;
                quantified = false;
                continue;
            }
            let flags = rest.strip_prefix("(?").map(|rest| rest.split([')', ':']).next().unwrap_or_default());
            if flags.is_some_and(|flags| !flags.starts_with('<') && flags.contains('U')) {
                return Err(
                    "Invalid regex: the flag U (ungreedy) is not supported; write the quantifiers as *? and +?"
                        .to_owned(),
                );
            }
        }
        quantified = !class && matches!(c, '*' | '+' | '?' | '}');
        class = match c {
            '[' => true,
            ']' => false,
            _ => class,
        };
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    Ok(out)
}

/// `[:alpha:]` at the start of `text`, in a class of RE2, as Java writes it; and its length.
fn posix_class(text: &str) -> Option<(String, usize)> {
    let (name, _) = text.strip_prefix("[:")?.split_once(":]")?;
    let (sign, plain) = name.strip_prefix('^').map_or(('p', name), |plain| ('P', plain));
    let java = match plain {
        "alnum" => "Alnum",
        "alpha" => "Alpha",
        "ascii" => "ASCII",
        "blank" => "Blank",
        "cntrl" => "Cntrl",
        "digit" => "Digit",
        "graph" => "Graph",
        "lower" => "Lower",
        "print" => "Print",
        "punct" => "Punct",
        "space" => "Space",
        "upper" => "Upper",
        "xdigit" => "XDigit",
        "word" => return Some((if sign == 'p' { "\\w" } else { "\\W" }.to_owned(), name.len() + 4)),
        _ => return None,
    };
    Some((format!("\\{sign}{{{java}}}"), name.len() + 4))
}

/// Names of groups have no underscore in Java.
fn java_name(name: &str) -> String {
    name.replace('_', "U95")
}

/// The replacement with the names that [`from_re2`] gives to groups.
fn replacement_of_re2(replacement: &str) -> String {
    let (mut out, mut rest) = (String::new(), replacement);
    while let Some((before, (name, behind))) =
        rest.split_once("${").and_then(|(before, named)| Some((before, named.split_once('}')?)))
    {
        out.push_str(&format!("{before}${{{}}}", java_name(name)));
        rest = behind;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::from_re2;

    #[test]
    fn what_re2_does_not_know_is_refused() {
        for pattern in ["(?=a)", "(?<!a)b", r"(a)\1", "(?>a)", "a++", "a{2}+", "(?U)a*"] {
            assert!(from_re2(pattern).is_err(), "{pattern}");
        }
        for (pattern, java) in [
            ("(?P<n>a)", "(?<n>a)"),
            ("[(?=]+", "[(?=]+"),
            (r"a\++", r"a\++"),
            (r"\*+", r"\*+"),
            ("(.*)", "(.*)"),
            ("[[:^alpha:]_]", r"[\P{Alpha}_]"),
        ] {
            assert_eq!(from_re2(pattern).as_deref(), Ok(java));
        }
    }
}
