//! Reads a quantity: a sign, digits with a point, and a suffix.

use super::{Format, NANOS, Quantity, QuantityError};

/// As many decimal digits surely fit into 64 bits.
const DIGITS_MAX: usize = 18;

/// The parts of the text.
struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    suffix: &'a str,
}

pub(super) fn parse(text: &str) -> Result<Quantity, QuantityError> {
    let parts = split(text)?;
    let (format, exponent) = interpret(parts.suffix).ok_or(QuantityError::Suffix)?;
    let nanos = amount(&parts, format, exponent)?;
    let keeps_text = nanos == 0 && text == "0" || keeps_text(&parts, format, exponent);
    let small = nanos > 0 && nanos < NANOS;
    Ok(Quantity {
        nanos: if parts.negative { -nanos } else { nanos },
        format: if format == Format::BinarySi && small {
            Format::DecimalSi
        } else {
            format
        },
        text: keeps_text.then(|| text.into()),
    })
}

fn split(text: &str) -> Result<Parts<'_>, QuantityError> {
    let (negative, rest) = match text.as_bytes().first() {
        None => return Err(QuantityError::Format),
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        Some(_) => (false, text),
    };
    let rest = rest.trim_start_matches('0');
    let (whole, rest) = leading(rest, |c| c.is_ascii_digit());
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(rest) => leading(rest, |c| c.is_ascii_digit()),
        None => ("", rest),
    };
    let (_, rest) = leading(suffix, |c| "eEinumkKMGTP".contains(c));
    let rest = rest.strip_prefix(['-', '+']).unwrap_or(rest);
    if rest.chars().all(|c| c.is_ascii_digit()) {
        Ok(Parts {
            negative,
            whole,
            fraction,
            suffix,
        })
    } else {
        Err(QuantityError::Format)
    }
}

fn leading(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

/// What a suffix says: how to write, and the power of ten (or of two).
fn interpret(suffix: &str) -> Option<(Format, i32)> {
    let decimal = |exponent| Some((Format::DecimalSi, exponent));
    let binary = |exponent| Some((Format::BinarySi, exponent));
    match suffix {
        "" => decimal(0),
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(10),
        "Mi" => binary(20),
        "Gi" => binary(30),
        "Ti" => binary(40),
        "Pi" => binary(50),
        "Ei" => binary(60),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            Some((Format::DecimalExponent, exponent))
        }
    }
}

/// The amount without its sign, in billionths, rounded up.
fn amount(parts: &Parts<'_>, format: Format, exponent: i32) -> Result<i128, QuantityError> {
    let mut nanos = Fixed::read(parts)?;
    if format == Format::BinarySi {
        nanos.multiply(1_i128 << exponent);
        // The largest amount in powers of 1024 is that of a 64-bit number.
        let max = i128::from(i64::MAX) * NANOS;
        return Ok(nanos.scaled(9).min(max));
    }
    Ok(nanos.scaled(exponent.saturating_add(9)))
}

/// A decimal number: its digits, and how many of them stand after the point.
struct Fixed {
    digits: i128,
    after_point: i32,
}

impl Fixed {
    fn read(parts: &Parts<'_>) -> Result<Self, QuantityError> {
        let fraction = parts.fraction.trim_end_matches('0');
        let digits = format!("{}{fraction}", parts.whole);
        let after_point = i32::try_from(fraction.len()).map_err(|_| QuantityError::Number)?;
        if digits.is_empty() {
            return Ok(Self {
                digits: 0,
                after_point: 0,
            });
        }
        let digits = digits.parse().map_err(|_| QuantityError::Number)?;
        Ok(Self {
            digits,
            after_point,
        })
    }

    fn multiply(&mut self, by: i128) {
        self.digits = self.digits.saturating_mul(by);
    }

    /// The number times a power of ten, rounded up.
    fn scaled(&self, exponent: i32) -> i128 {
        let shift = exponent.saturating_sub(self.after_point);
        let power = 10_i128.checked_pow(shift.unsigned_abs());
        match (shift >= 0, power) {
            _ if self.digits == 0 => 0,
            (true, Some(power)) => self.digits.saturating_mul(power),
            (true, None) => i128::MAX,
            (false, Some(power)) => (self.digits - 1) / power + 1,
            (false, None) => 1,
        }
    }
}

/// Whether upstream writes the text back as it came, without looking at it again.
fn keeps_text(parts: &Parts<'_>, format: Format, exponent: i32) -> bool {
    let whole = if parts.whole.is_empty() {
        "0"
    } else {
        parts.whole
    };
    let digits = whole.len() + parts.fraction.len();
    let shifted = format!("{whole}{}", parts.fraction);
    if format == Format::BinarySi {
        let bits = usize::try_from(exponent * 3 / 10).unwrap_or(0);
        let value: i128 = shifted.parse().unwrap_or(0);
        return parts.fraction.is_empty() && digits + bits < 15 && value & 7 != 0;
    }
    let after_point = i32::try_from(parts.fraction.len()).unwrap_or(i32::MAX);
    let scale = exponent.saturating_sub(after_point);
    digits <= DIGITS_MAX
        && scale >= -9
        && scale % 3 == 0
        && !shifted.ends_with("000")
        && !shifted.starts_with('0')
}
