//! Field selectors: `metadata.name=x,status.phase!=Running`.

use std::fmt;

/// One comparison of a field with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    pub field: String,
    pub value: String,
    pub equal: bool,
}

/// All of its comparisons must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector(pub Vec<Requirement>);

/// A text that is no field selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid selector: '{selector}'; can't understand '{part}'")]
pub struct SelectorError {
    selector: String,
    part: String,
}

impl Selector {
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut requirements = Vec::new();
        for part in terms(text) {
            if part.is_empty() {
                continue;
            }
            let wrong = || SelectorError {
                selector: text.to_owned(),
                part: part.to_owned(),
            };
            let (field, equal, value) = split(part).ok_or_else(wrong)?;
            let value = unescape(value).ok_or_else(wrong)?;
            requirements.push(Requirement {
                field: field.to_owned(),
                value,
                equal,
            });
        }
        Ok(Self(requirements))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the fields, looked up by name, satisfy it; a missing field is the empty text.
    pub fn matches<'a>(&self, field: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|requirement| {
            let value = field(&requirement.field).unwrap_or_default();
            (value == requirement.value) == requirement.equal
        })
    }

    /// The value that the field must have, if it says so.
    pub fn exact(&self, field: &str) -> Option<&str> {
        let found = self
            .0
            .iter()
            .find(|requirement| requirement.equal && requirement.field == field);
        found.map(|requirement| requirement.value.as_str())
    }
}

/// Splits at commas that are not escaped.
fn terms(text: &str) -> Vec<&str> {
    let (mut terms, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                terms.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[start..]);
    terms
}

fn split(term: &str) -> Option<(&str, bool, &str)> {
    for (at, _) in term.char_indices() {
        let rest = &term[at..];
        for (mark, equal) in [("!=", false), ("==", true), ("=", true)] {
            if let Some(value) = rest.strip_prefix(mark) {
                return Some((&term[..at], equal, value));
            }
        }
    }
    None
}

/// Takes the backslashes away; an unescaped `,` or `=`, or another escape, is no value.
fn unescape(value: &str) -> Option<String> {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c @ ('\\' | ',' | '=')) => out.push(c),
                _ => return None,
            },
            ',' | '=' => return None,
            c => out.push(c),
        }
    }
    Some(out)
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (
            index,
            Requirement {
                field,
                value,
                equal,
            },
        ) in self.0.iter().enumerate()
        {
            let comma = if index > 0 { "," } else { "" };
            let mark = if *equal { "=" } else { "!=" };
            let value = value
                .replace('\\', "\\\\")
                .replace(',', "\\,")
                .replace('=', "\\=");
            write!(f, "{comma}{field}{mark}{value}")?;
        }
        Ok(())
    }
}
