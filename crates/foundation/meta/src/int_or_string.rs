//! A number, or a text that names or scales something: `80`, `"http"`, `"25%"`.

use serde_json::Value;

/// Upstream's `IntOrString`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntOrString {
    Int(i32),
    String(String),
}

/// How a share of a total is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    Down,
    Up,
}

impl IntOrString {
    /// Reads one out of a tree.
    pub fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => number
                .as_i64()
                .and_then(|number| i32::try_from(number).ok())
                .map(Self::Int),
            Value::String(text) => Some(Self::String(text.clone())),
            _ => None,
        }
    }

    /// The number, or the percentage of the total; a text that is no percentage is nothing.
    pub fn scaled(&self, total: i64, rounding: Rounding) -> Option<i64> {
        match self {
            Self::Int(number) => Some(i64::from(*number)),
            Self::String(text) => {
                let percent: i64 = text.strip_suffix('%')?.parse().ok()?;
                let hundredths = percent * total;
                Some(match rounding {
                    Rounding::Down => hundredths.div_euclid(100),
                    Rounding::Up => (hundredths + 99).div_euclid(100),
                })
            }
        }
    }
}
