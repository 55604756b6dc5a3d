//! Numbers in texts as `Long.parseLong` and `Double.parseDouble` read them.

use milena_api::config::{Parsed, Type, parse_type};
use milena_api::data::values::java_digit;

/// An integer within these bounds: a sign or none, and digits of any script.
pub(crate) fn parse_integer(text: &str, min: i64, max: i64) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value: i64 = 0;
    for c in digits.chars() {
        let digit = i64::from(java_digit(c).filter(|_| c <= '\u{ffff}')?);
        value = value.checked_mul(10)?;
        value = if negative { value.checked_sub(digit)? } else { value.checked_add(digit)? };
    }
    (min..=max).contains(&value).then_some(value)
}

/// A double: also `1d`, `0x1p3`, `NaN`, with white space around it.
pub(crate) fn parse_double(text: &str) -> Option<f64> {
    match parse_type("", Some(text), Type::Double, None) {
        Ok(Parsed::Double(number)) => Some(number),
        _ => None,
    }
}

/// A float; plain decimal forms are rounded once.
pub(crate) fn parse_float(text: &str) -> Option<f32> {
    let double = parse_double(text)?;
    let plain = text.trim();
    let decimal = plain.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    Some(if decimal { plain.parse().unwrap_or(double as f32) } else { double as f32 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_java_reads_them() {
        assert_eq!(parse_integer("+5", -128, 127), Some(5));
        assert_eq!(parse_integer("٣", -128, 127), Some(3));
        assert_eq!(parse_integer("128", -128, 127), None);
        assert_eq!(parse_integer(" 1", -128, 127), None);
        assert_eq!(parse_double(" 5e3 "), Some(5000.0));
        assert_eq!(parse_double("0x1p3"), Some(8.0));
        assert_eq!(parse_float("1f"), Some(1.0));
        assert_eq!(parse_double("x"), None);
    }
}
