//! Where two answers differ.

use serde_json::Value;

/// As much of a value is shown.
const SHOWN_MAX: usize = 400;

/// One place where they differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// A JSON pointer into the answer.
    pub at: String,
    /// Absent where the server says nothing there.
    pub real: Option<Value>,
    pub ours: Option<Value>,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(formatter, "    {}", self.at)?;
        writeln!(formatter, "      real: {}", shown(self.real.as_ref()))?;
        write!(formatter, "      ours: {}", shown(self.ours.as_ref()))
    }
}

/// All places, in the order of the real answer's members.
pub fn differences(real: &Value, ours: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", Some(real), Some(ours), &mut found);
    found
}

fn compare(at: &str, real: Option<&Value>, ours: Option<&Value>, found: &mut Vec<Difference>) {
    match (real, ours) {
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let more = other.keys().filter(|key| !one.contains_key(*key));
            for key in one.keys().chain(more) {
                compare(&format!("{at}/{key}"), one.get(key), other.get(key), found);
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) => {
            for index in 0..one.len().max(other.len()) {
                let at = format!("{at}/{index}");
                compare(&at, one.get(index), other.get(index), found);
            }
        }
        _ if real != ours => found.push(Difference {
            at: at.to_owned(),
            real: real.cloned(),
            ours: ours.cloned(),
        }),
        _ => {}
    }
}

fn shown(value: Option<&Value>) -> String {
    let text = value.map_or_else(|| "nothing".to_owned(), Value::to_string);
    text.chars().take(SHOWN_MAX).collect()
}
