//! Numbers of JSON as Java's number nodes convert them: wrapping, truncating, never failing.

use milena_api::data::Decimal;

/// `longValue()` of an integer text: the low 64 bits where it is larger.
pub(super) fn wrapping_i64(text: &str) -> i64 {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let value = digits.bytes().fold(0i64, |n, b| n.wrapping_mul(10).wrapping_add(i64::from(b.wrapping_sub(b'0'))));
    if negative { value.wrapping_neg() } else { value }
}

/// The integer, if it fits 64 bits.
pub(super) fn exact_i64(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// `doubleValue()`: the nearest double, or infinity. There is no negative zero, as decimals have none.
pub(super) fn to_f64(text: &str) -> f64 {
    let value: f64 = text.parse().unwrap_or(0.0);
    if value == 0.0 { 0.0 } else { value }
}

/// `floatValue()`.
pub(super) fn to_f32(text: &str) -> f32 {
    let value: f32 = text.parse().unwrap_or(0.0);
    if value == 0.0 { 0.0 } else { value }
}

/// `decimalValue()`, with the scale that the text shows.
pub(super) fn to_decimal(text: &str) -> Option<Decimal> {
    text.parse().ok()
}

/// `longValue()` of a text with fraction or exponent: truncated, then the low 64 bits.
pub(super) fn truncated_i64(text: &str) -> i64 {
    to_decimal(text).map_or(0, |decimal| decimal.to_i64_wrapping())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_integers_wrap_as_in_java() {
        assert_eq!(wrapping_i64("12345678901234567890"), -6_101_065_172_474_983_726);
        assert_eq!(wrapping_i64("-9223372036854775808"), i64::MIN);
        assert_eq!(wrapping_i64("-0"), 0);
        assert_eq!(wrapping_i64("007"), 7);
        assert_eq!(exact_i64("9223372036854775808"), None);
    }

    #[test]
    fn fractions_are_cut_off() {
        assert_eq!(truncated_i64("1.9"), 1);
        assert_eq!(truncated_i64("-1.9"), -1);
        assert_eq!(truncated_i64("1e3"), 1000);
        assert_eq!(truncated_i64("1e999999"), 0);
        assert_eq!(truncated_i64("1e-999999"), 0);
        assert_eq!(truncated_i64("12345678901234567890.5"), -6_101_065_172_474_983_726);
        assert_eq!(to_f64("-0.0").to_bits(), 0);
        assert_eq!(to_f64("1E400"), f64::INFINITY);
    }
}
