//! Amounts of a resource: `100m`, `1.5Gi`, `12e6`.
//!
//! Follows upstream's `resource.Quantity`: the same texts are accepted, refused and written. Kept in
//! billionths, the finest amount upstream knows; finer ones are rounded away from zero.

mod parse;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;

/// Billionths in one.
const NANOS: i128 = 1_000_000_000;

/// How an amount is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    DecimalSi,
    DecimalExponent,
    BinarySi,
}

/// A text that is no quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    #[error(
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    )]
    Format,
    #[error("unable to parse numeric part of quantity")]
    Number,
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

/// An amount, and how it likes to be written.
#[derive(Debug, Clone)]
pub struct Quantity {
    nanos: i128,
    format: Format,
    /// The text it was read from, if upstream would write it back as it is.
    text: Option<Box<str>>,
}

impl Quantity {
    /// Reads a quantity.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        parse::parse(text)
    }

    /// Reads one out of a tree, where it is a text or a number.
    pub fn from_value(value: &serde_json::Value) -> Option<Self> {
        match value {
            serde_json::Value::String(text) => Self::parse(text).ok(),
            serde_json::Value::Number(number) => Self::parse(&number.to_string()).ok(),
            _ => None,
        }
    }

    pub fn zero() -> Self {
        Self::from_units(0)
    }

    /// A whole number, written in decimal.
    pub fn from_units(units: i64) -> Self {
        Self {
            nanos: i128::from(units) * NANOS,
            format: Format::DecimalSi,
            text: None,
        }
    }

    /// A number of thousandths, written in decimal.
    pub fn from_milli(milli: i64) -> Self {
        Self {
            nanos: i128::from(milli) * (NANOS / 1000),
            format: Format::DecimalSi,
            text: None,
        }
    }

    /// A whole number, written in powers of 1024.
    pub fn from_bytes(bytes: i64) -> Self {
        Self {
            format: Format::BinarySi,
            ..Self::from_units(bytes)
        }
    }

    /// The amount as a whole number, rounded away from zero.
    pub fn value(&self) -> i64 {
        rounded(self.nanos, NANOS)
    }

    /// The amount in thousandths, rounded away from zero.
    pub fn milli_value(&self) -> i64 {
        rounded(self.nanos, NANOS / 1000)
    }

    pub fn as_f64(&self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "an approximation is what is asked for"
        )]
        let nanos = self.nanos as f64;
        nanos / 1e9
    }

    pub fn is_zero(&self) -> bool {
        self.nanos == 0
    }

    pub fn is_negative(&self) -> bool {
        self.nanos < 0
    }

    /// Whether the amount is a whole number.
    pub fn is_whole(&self) -> bool {
        self.nanos % NANOS == 0
    }

    /// Adds; a zero takes over how the other is written.
    pub fn add(&mut self, other: &Self) {
        if self.nanos == 0 {
            self.format = other.format;
        }
        self.nanos = self.nanos.saturating_add(other.nanos);
        self.text = None;
    }

    /// Subtracts; a zero takes over how the other is written.
    pub fn sub(&mut self, other: &Self) {
        if self.nanos == 0 {
            self.format = other.format;
        }
        self.nanos = self.nanos.saturating_sub(other.nanos);
        self.text = None;
    }

    pub fn multiply(&mut self, by: i64) {
        self.nanos = self.nanos.saturating_mul(i128::from(by));
        self.text = None;
    }

    /// The canonical text, or the one it was read from where upstream keeps that.
    pub fn text(&self) -> String {
        match &self.text {
            Some(text) => text.to_string(),
            None => self.canonical(),
        }
    }

    fn canonical(&self) -> String {
        if self.nanos == 0 {
            return "0".to_owned();
        }
        let small = self.nanos.abs() < 1024 * NANOS;
        match self.format {
            Format::BinarySi if !small && self.is_whole() => self.binary(),
            Format::DecimalExponent => self.decimal(|exponent| format!("e{exponent}")),
            _ => self.decimal(|exponent| suffix(exponent).to_owned()),
        }
    }

    fn decimal(&self, suffix: impl Fn(i32) -> String) -> String {
        let (mut number, mut exponent) = (self.nanos, -9);
        while number % 1000 == 0 {
            number /= 1000;
            exponent += 3;
        }
        if exponent == 0 {
            number.to_string()
        } else {
            format!("{number}{}", suffix(exponent))
        }
    }

    fn binary(&self) -> String {
        let mut number = self.nanos / NANOS;
        let mut suffixes = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].iter();
        let mut suffix = "";
        while number % 1024 == 0 {
            let Some(next) = suffixes.next() else { break };
            suffix = next;
            number /= 1024;
        }
        format!("{number}{suffix}")
    }
}

fn suffix(exponent: i32) -> &'static str {
    match exponent {
        -9 => "n",
        -6 => "u",
        -3 => "m",
        3 => "k",
        6 => "M",
        9 => "G",
        12 => "T",
        15 => "P",
        18 => "E",
        _ => "",
    }
}

fn rounded(nanos: i128, unit: i128) -> i64 {
    let (whole, rest) = (nanos / unit, nanos % unit);
    let up = whole + rest.signum();
    i64::try_from(up).unwrap_or(if up < 0 { i64::MIN } else { i64::MAX })
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}
