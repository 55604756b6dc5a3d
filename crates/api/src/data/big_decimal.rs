//! `Decimal`: an arbitrary-precision number with a scale.
//!
//! Counterpart: `java.math.BigDecimal`.

use std::fmt;
use std::str::FromStr;

use num_bigint::{BigInt, Sign};

use crate::error::Error;

/// `unscaled × 10^-scale`. Equality takes the scale in, as in Java: 1.0 is not 1.00.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    unscaled: BigInt,
    scale: i32,
}

impl Decimal {
    /// A number from its two parts.
    pub fn new(unscaled: impl Into<BigInt>, scale: i32) -> Self {
        Decimal { unscaled: unscaled.into(), scale }
    }

    /// The digits, without the point.
    pub fn unscaled(&self) -> &BigInt {
        &self.unscaled
    }

    /// The nearest double, or infinity.
    pub fn to_f64(&self) -> f64 {
        self.exponent_form().parse().unwrap_or(f64::NAN)
    }

    /// The nearest float, or infinity.
    pub fn to_f32(&self) -> f32 {
        self.exponent_form().parse().unwrap_or(f32::NAN)
    }

    /// Without its fraction, and then the low 64 bits: `longValue()`.
    pub fn to_i64_wrapping(&self) -> i64 {
        let scale = i64::from(self.scale);
        // Beyond 2^64 a power of ten leaves no low bits; a scale larger than the number of digits leaves nothing at all.
        if scale <= -64 || scale > self.unscaled.bits() as i64 / 3 + 1 {
            return 0;
        }
        let power = BigInt::from(10).pow(scale.unsigned_abs() as u32);
        let whole = if scale > 0 { &self.unscaled / power } else { &self.unscaled * power };
        let low = whole.magnitude().iter_u64_digits().next().unwrap_or(0) as i64;
        if whole.sign() == Sign::Minus { low.wrapping_neg() } else { low }
    }

    /// Digits and exponent, whatever the scale: short even where the plain form is long.
    fn exponent_form(&self) -> String {
        format!("{}e{}", self.unscaled, -i64::from(self.scale))
    }

    /// Digits behind the point; negative means zeros before it.
    pub fn scale(&self) -> i32 {
        self.scale
    }
}

/// `BigDecimal.toString()`: plain for `scale >= 0` and an adjusted exponent of -6 or more, else `1E+3`.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.unscaled.magnitude().to_string();
        if self.unscaled.sign() == Sign::Minus {
            f.write_str("-")?;
        }
        if self.scale == 0 {
            return f.write_str(&digits);
        }
        let adjusted = digits.len() as i64 - 1 - i64::from(self.scale);
        if self.scale > 0 && adjusted >= -6 {
            let scale = self.scale as usize;
            return match digits.len().checked_sub(scale) {
                Some(point) if point > 0 => write!(f, "{}.{}", &digits[..point], &digits[point..]),
                _ => write!(f, "0.{}{digits}", "0".repeat(scale - digits.len())),
            };
        }
        f.write_str(&digits[..1])?;
        if digits.len() > 1 {
            write!(f, ".{}", &digits[1..])?;
        }
        if adjusted != 0 {
            write!(f, "E{adjusted:+}")?;
        }
        Ok(())
    }
}

/// `new BigDecimal(text)`: sign, digits with an optional point, exponent.
impl FromStr for Decimal {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::data(format!("'{text}' is not a number")).with_class("java.lang.NumberFormatException");
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i32>().map_err(|_| bad())?),
            None => (text, 0),
        };
        let (negative, unsigned) = match mantissa.as_bytes().first() {
            Some(b'-') => (true, &mantissa[1..]),
            Some(b'+') => (false, &mantissa[1..]),
            _ => (false, mantissa),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        if whole.len() + fraction.len() == 0 || !whole.chars().chain(fraction.chars()).all(char::is_numeric) {
            return Err(bad());
        }
        let mut digits = String::with_capacity(unsigned.len());
        for c in whole.chars().chain(fraction.chars()) {
            let digit = crate::data::values::java_digit(c).ok_or_else(bad)?;
            digits.push(char::from(b'0' + digit));
        }
        let magnitude: BigInt = digits.parse().map_err(|_| bad())?;
        let fraction = fraction.chars().count() as i64;
        let scale = i32::try_from(fraction - i64::from(exponent)).map_err(|_| bad())?;
        Ok(Decimal::new(if negative { -magnitude } else { magnitude }, scale))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_big_decimal() {
        for text in ["0", "1.50", "-0.001", "1E+3", "1E-10", "12345.678", "1.5E+400", "0.000001", "1E-7", "0E-8"] {
            assert_eq!(text.parse::<Decimal>().unwrap().to_string(), text, "{text}");
        }
        assert_eq!("1e3".parse::<Decimal>().unwrap(), Decimal::new(1, -3));
        assert_eq!("+.5".parse::<Decimal>().unwrap(), Decimal::new(5, 1));
        assert!("1.2.3".parse::<Decimal>().is_err());
        assert!("".parse::<Decimal>().is_err());
    }
}
