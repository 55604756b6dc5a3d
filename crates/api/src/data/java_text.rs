//! Texts of floating-point numbers as Java prints them (`Double.toString`, shortest digits).

use std::fmt::{self, Write};

/// `Float.toString`.
pub fn float_text(value: f32) -> String {
    let mut text = String::new();
    // Writing to memory does not fail.
    _ = write_float(&mut text, value);
    text
}

/// `Double.toString`. The smallest value prints `4.9E-324`, as Java demands two digits.
pub fn double_text(value: f64) -> String {
    let mut text = String::new();
    _ = write_double(&mut text, value);
    text
}

/// Writes what [`float_text`] gives, without a text of its own.
///
/// # Errors
/// Those of `out`.
pub fn write_float(out: &mut impl Write, value: f32) -> fmt::Result {
    if !value.is_finite() {
        return out.write_str(special(f64::from(value)));
    }
    // In this range both forms are the same.
    if (1e-3..1e7).contains(&value.abs()) {
        return out.write_str(ryu::Buffer::new().format_finite(value));
    }
    let mut scientific = Scratch::default();
    write!(scientific, "{value:e}")?;
    java_form(out, scientific.text())
}

/// Writes what [`double_text`] gives, without a text of its own.
///
/// # Errors
/// Those of `out`.
pub fn write_double(out: &mut impl Write, value: f64) -> fmt::Result {
    if !value.is_finite() {
        return out.write_str(special(value));
    }
    if (1e-3..1e7).contains(&value.abs()) {
        return out.write_str(ryu::Buffer::new().format_finite(value));
    }
    let mut scientific = Scratch::default();
    write!(scientific, "{value:e}")?;
    java_form(out, scientific.text())
}

/// Room for the longest shortest form: sign, 17 digits, point, exponent.
#[derive(Default)]
struct Scratch {
    bytes: [u8; 32],
    len: usize,
}

impl Scratch {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or("0e0")
    }
}

impl Write for Scratch {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let end = self.len + part.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(part.as_bytes());
        self.len = end;
        Ok(())
    }
}

fn special(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

/// From Rust's `d.ddde±x` to Java's form: plain from 10^-3 up to 10^7, else `d.dddEx`.
fn java_form(out: &mut impl Write, scientific: &str) -> fmt::Result {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let mantissa = match mantissa.strip_prefix('-') {
        Some(rest) => {
            out.write_char('-')?;
            rest
        }
        None => mantissa,
    };
    // The two smallest values: Java prints two digits where one would do.
    let mantissa = match (mantissa, exponent) {
        ("5", -324) => "4.9",
        ("1", -45) => "1.4",
        (other, _) => other,
    };
    let (head, tail) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let zeros = |count: i32| &"0000000"[..count.clamp(0, 7) as usize];
    if head == "0" {
        return out.write_str("0.0");
    }
    if (0..7).contains(&exponent) {
        let whole = exponent as usize;
        out.write_str(head)?;
        if tail.len() > whole {
            out.write_str(&tail[..whole])?;
            out.write_char('.')?;
            return out.write_str(&tail[whole..]);
        }
        out.write_str(tail)?;
        out.write_str(zeros(exponent - tail.len() as i32))?;
        return out.write_str(".0");
    }
    if (-3..0).contains(&exponent) {
        out.write_str("0.")?;
        out.write_str(zeros(-exponent - 1))?;
        out.write_str(head)?;
        return out.write_str(tail);
    }
    let fraction = if tail.is_empty() { "0" } else { tail };
    write!(out, "{head}.{fraction}E{exponent}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_print_as_java_prints_them() {
        for (value, text) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (12.34, "12.34"),
            (1e21, "1.0E21"),
            (1e7, "1.0E7"),
            (9_999_999.0, "9999999.0"),
            (0.001, "0.001"),
            (1e-5, "1.0E-5"),
            (100.0, "100.0"),
            (1.5e300, "1.5E300"),
            (5e-324, "4.9E-324"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(double_text(value), text);
        }
        assert_eq!(float_text(1.0e10), "1.0E10");
        assert_eq!(float_text(f32::from_bits(1)), "1.4E-45");
    }
}
