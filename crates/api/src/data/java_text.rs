//! Texts of floating-point numbers as Java prints them (`Double.toString`, shortest digits).

/// `Float.toString`.
pub fn float_text(value: f32) -> String {
    if value.is_finite() { java_form(&format!("{value:e}")) } else { special(f64::from(value)) }
}

/// `Double.toString`. The smallest value prints `4.9E-324`, as Java demands two digits.
pub fn double_text(value: f64) -> String {
    if value.is_finite() { java_form(&format!("{value:e}")) } else { special(value) }
}

fn special(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value > 0.0 {
        "Infinity".to_owned()
    } else {
        "-Infinity".to_owned()
    }
}

/// From Rust's `d.ddde±x` to Java's form: plain from 10^-3 up to 10^7, else `d.dddEx`.
fn java_form(scientific: &str) -> String {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    // The two smallest values: Java prints two digits where one would do.
    let mantissa = match (mantissa, exponent) {
        ("5", -324) => "4.9",
        ("1", -45) => "1.4",
        (other, _) => other,
    };
    let (head, tail) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{head}{tail}");
    if digits == "0" {
        return format!("{sign}0.0");
    }
    if (0..7).contains(&exponent) {
        let point = exponent as usize + 1;
        if digits.len() > point {
            return format!("{sign}{}.{}", &digits[..point], &digits[point..]);
        }
        return format!("{sign}{digits}{}.0", "0".repeat(point - digits.len()));
    }
    if (-3..0).contains(&exponent) {
        return format!("{sign}0.{}{digits}", "0".repeat((-exponent - 1) as usize));
    }
    let fraction = if digits.len() > 1 { &digits[1..] } else { "0" };
    format!("{sign}{}.{fraction}E{exponent}", &digits[..1])
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
