//! Numbers as Java reads them: `Integer.parseInt` and its kin, `Double.parseDouble`.

use crate::data::values::java_digit;

/// An integer of up to 64 bits: a sign or none, and decimal digits of any script.
pub(super) fn parse_integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value: i64 = 0;
    for c in digits.chars() {
        // Java looks at UTF-16 units: digits beyond the Basic Multilingual Plane are none.
        let digit = java_digit(c).filter(|_| c <= '\u{ffff}')?;
        let digit = i64::from(digit);
        value = value.checked_mul(10)?;
        value = if negative { value.checked_sub(digit)? } else { value.checked_add(digit)? };
    }
    Some(value)
}

/// A floating-point number in any form that Java reads: `1`, `.5`, `5.`, `1e3`, `1d`, `1f`, `NaN`, `-Infinity`, `0x1.8p3`.
pub(super) fn parse_double(text: &str) -> Option<f64> {
    let (negative, body) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let magnitude = match body {
        "NaN" => f64::NAN,
        "Infinity" => f64::INFINITY,
        _ => {
            // The suffix means nothing: `1f` is read with the precision of a double.
            let hex = body.strip_prefix("0x").or_else(|| body.strip_prefix("0X"));
            match hex {
                Some(digits) => parse_hex(digits.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(digits))?,
                None => parse_decimal(body.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(body))?,
            }
        }
    };
    Some(if negative { -magnitude } else { magnitude })
}

/// Digits with at most one point, and an exponent or none.
fn parse_decimal(body: &str) -> Option<f64> {
    let (mantissa, exponent) = match body.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (body, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits_only = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let well_formed = !(whole.is_empty() && fraction.is_empty())
        && digits_only(whole)
        && digits_only(fraction)
        && exponent.is_none_or(is_exponent);
    // Rust reads this form as Java does, rounding included.
    if well_formed { body.parse().ok() } else { None }
}

fn is_exponent(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// `h.hhp±d` behind `0x`: the exponent is required. Rounds half to even, as Java.
fn parse_hex(body: &str) -> Option<f64> {
    let (mantissa, exponent) = body.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if (whole.is_empty() && fraction.is_empty()) || !is_exponent(exponent) {
        return None;
    }
    // The first 60 significant bits or so, then only whether anything follows: enough to round correctly.
    let mut bits: u64 = 0;
    let mut scale: i64 = 0;
    let mut sticky = false;
    for (c, in_fraction) in whole.chars().map(|c| (c, false)).chain(fraction.chars().map(|c| (c, true))) {
        let digit = u64::from(c.to_digit(16)?);
        if bits >> 58 == 0 {
            bits = bits << 4 | digit;
            scale -= if in_fraction { 4 } else { 0 };
        } else {
            sticky |= digit != 0;
            scale += if in_fraction { 0 } else { 4 };
        }
    }
    if bits == 0 {
        return Some(0.0);
    }
    // An exponent beyond i64 is as good as its end.
    let exponent = exponent.parse::<i64>().unwrap_or(if exponent.starts_with('-') { i64::MIN } else { i64::MAX });
    Some(scaled(bits, sticky, exponent.saturating_add(scale)))
}

/// `bits * 2^exponent`, rounded once. `sticky`: something non-zero follows the bits.
fn scaled(bits: u64, sticky: bool, exponent: i64) -> f64 {
    let length = 64 - i64::from(bits.leading_zeros());
    // Exponent of the leading bit, and of the last bit that a double keeps there.
    let top = exponent.saturating_add(length - 1);
    if top > 1023 {
        return f64::INFINITY;
    }
    if top < -1075 {
        return 0.0;
    }
    let last = (top - 52).max(-1074);
    let drop = last - exponent;
    let mut kept = if drop <= 0 {
        bits << (-drop)
    } else {
        let kept = if drop >= 64 { 0 } else { bits >> drop };
        let rest = if drop >= 64 { bits } else { bits & ((1 << drop) - 1) };
        let half = 1_u64 << (drop - 1).min(63);
        let up = rest > half || rest == half && (sticky || kept & 1 == 1);
        kept + u64::from(up)
    };
    let mut last = last;
    if kept == 1 << 53 {
        kept >>= 1;
        last += 1;
    }
    if kept >> 52 == 0 {
        // Subnormal: its last bit is worth 2^-1074.
        return f64::from_bits(kept);
    }
    match u64::try_from(last + 52 + 1023) {
        Ok(biased) if biased < 2047 => f64::from_bits(biased << 52 | (kept & ((1 << 52) - 1))),
        _ => f64::INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_java_reads_them() {
        for (text, value) in [
            ("0", Some(0)),
            ("+7", Some(7)),
            ("-7", Some(-7)),
            ("007", Some(7)),
            ("\u{663}\u{664}", Some(34)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("", None),
            ("+", None),
            ("+-1", None),
            ("1_000", None),
            ("5.0", None),
            ("0x10", None),
            ("\u{104a1}", None),
        ] {
            assert_eq!(parse_integer(text), value, "{text}");
        }
    }

    #[test]
    fn doubles_are_read_as_java_reads_them() {
        for (text, value) in [
            ("1", 1.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("-1e3", -1000.0),
            ("+1E-3D", 0.001),
            ("1d", 1.0),
            ("1f", 1.0),
            ("1e400", f64::INFINITY),
            ("1e-400", 0.0),
            ("-Infinity", f64::NEG_INFINITY),
            ("0x1p3", 8.0),
            ("0x.8p0", 0.5),
            ("0X1.8p1d", 3.0),
            ("0x10p-4f", 1.0),
            ("-0x0p0", -0.0),
            ("0x1p1024", f64::INFINITY),
            ("0x1.fffffffffffff8p1023", f64::INFINITY),
            ("0x1.fffffffffffffp1023", f64::MAX),
            ("0x1p-1074", 5e-324),
            ("0x1p-1075", 0.0),
            ("0x1.8p-1075", 5e-324),
            ("0x1.00000000000008p0", 1.0),
            ("0x1.000000000000080000000000001p0", 1.0 + f64::EPSILON),
            ("0x1p99999999999999999999", f64::INFINITY),
            ("0x100000000000000000000p-80", 1.0),
        ] {
            assert_eq!(parse_double(text).map(f64::to_bits), Some(value.to_bits()), "{text}");
        }
        assert!(parse_double("-NaN").is_some_and(f64::is_nan));
        for text in ["", ".", "e5", "1e", "inf", "nan", "infinity", "1_0", "1,5", "0x1", "0xp1", "NaNd", "1dd", "--1"] {
            assert_eq!(parse_double(text), None, "{text}");
        }
    }
}
