//! Names of character properties.

use fancy_regex::Regex;

/// What a name stands for.
pub(super) enum Found {
    /// The inside of a class.
    Set(String),
    /// A block of Unicode, which the engine does not know.
    Block,
    /// Nothing that Java knows.
    Nothing,
}

/// Reads what stands between the braces of `\p{…}`.
pub(super) fn translate(name: &str, unicode: bool) -> Found {
    if let Some((key, value)) = name.split_once('=') {
        return match key.to_ascii_lowercase().as_str() {
            "sc" | "script" => of_engine(&format!("sc={value}")),
            "gc" | "general_category" => category(value),
            "blk" | "block" => Found::Block,
            _ => Found::Nothing,
        };
    }
    if let Some(rest) = name.strip_prefix("Is") {
        return match category(rest) {
            Found::Nothing if BINARY.contains(&rest.to_ascii_uppercase().as_str()) => of_engine(rest),
            Found::Nothing => of_engine(&format!("sc={rest}")),
            found => found,
        };
    }
    if name.starts_with("In") {
        return Found::Block;
    }
    if let Some((_, ascii, wide)) = POSIX.iter().find(|(posix, ..)| *posix == name) {
        return Found::Set(if unicode { wide } else { ascii }.to_string());
    }
    if let Some((_, set)) = JAVA.iter().find(|(java, _)| *java == name) {
        return Found::Set((*set).to_owned());
    }
    category(name)
}

/// A general category by its one or two letters, or one of Java's two unions.
fn category(name: &str) -> Found {
    match name {
        "LC" => Found::Set(r"\p{Lu}\p{Ll}\p{Lt}".to_owned()),
        "LD" => Found::Set(r"\p{L}\p{Nd}".to_owned()),
        "L1" => Found::Set(r"\x{0}-\x{ff}".to_owned()),
        "all" | "ALL" => Found::Set(r"\x{0}-\x{10ffff}".to_owned()),
        // Halves of pairs, which no text has.
        "Cs" => Found::Set(r"^\x{0}-\x{10ffff}".to_owned()),
        _ if name.len() <= 2 && name.starts_with(|c: char| "LMNPSZC".contains(c)) => of_engine(name),
        _ => Found::Nothing,
    }
}

fn of_engine(name: &str) -> Found {
    let set = format!(r"\p{{{name}}}");
    if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '=') && Regex::new(&set).is_ok() {
        Found::Set(set)
    } else {
        Found::Nothing
    }
}

/// Binary properties that Java knows, in upper case.
const BINARY: [&str; 13] = [
    "ALPHABETIC",
    "IDEOGRAPHIC",
    "LETTER",
    "LOWERCASE",
    "UPPERCASE",
    "TITLECASE",
    "WHITE_SPACE",
    "CONTROL",
    "PUNCTUATION",
    "HEX_DIGIT",
    "ASSIGNED",
    "NONCHARACTER_CODE_POINT",
    "JOIN_CONTROL",
];

/// POSIX names: in ASCII, and with the flag `U`.
const POSIX: [(&str, &str, &str); 13] = [
    ("Lower", "a-z", r"\p{Lowercase}"),
    ("Upper", "A-Z", r"\p{Uppercase}"),
    ("ASCII", r"\x00-\x7f", r"\x00-\x7f"),
    ("Alpha", "A-Za-z", r"\p{Alphabetic}"),
    ("Digit", "0-9", r"\p{Nd}"),
    ("Alnum", "0-9A-Za-z", r"\p{Alphabetic}\p{Nd}"),
    ("Punct", r"!-/:-@\[-`\{-~", r"\p{P}"),
    ("Graph", "!-~", r"[^\s\p{Cc}\p{Cn}]"),
    ("Print", " -~", r"[^\s\p{Cc}\p{Cn}]\p{Zs}"),
    ("Blank", r" \t", r"\t\p{Zs}"),
    ("Cntrl", r"\x00-\x1f\x7f", r"\p{Cc}"),
    ("XDigit", "0-9A-Fa-f", r"\p{Nd}\p{Hex_Digit}"),
    ("Space", r" \t\n\x0b\x0c\r", r"\s"),
];

/// Methods of `java.lang.Character`.
const JAVA: [(&str, &str); 11] = [
    ("javaLowerCase", r"\p{Lowercase}"),
    ("javaUpperCase", r"\p{Uppercase}"),
    ("javaAlphabetic", r"\p{Alphabetic}"),
    ("javaIdeographic", r"\p{Ideographic}"),
    ("javaTitleCase", r"\p{Lt}"),
    ("javaDigit", r"\p{Nd}"),
    ("javaLetter", r"\p{L}"),
    ("javaLetterOrDigit", r"\p{L}\p{Nd}"),
    ("javaSpaceChar", r"\p{Z}"),
    ("javaWhitespace", r"[\p{Z}&&[^\x{a0}\x{2007}\x{202f}]]\t-\r\x1c-\x1f"),
    ("javaISOControl", r"\x00-\x1f\x7f-\x{9f}"),
];
