//! Rules for counts, and for shares of a whole.

use serde_json::Value;
use styr_meta::field::Path;
use styr_meta::{FieldError, IntOrString, names};

use crate::tree;

/// A count that may not be negative, if it is there.
pub(crate) fn count(spec: &Value, path: &Path, field: &str, errors: &mut Vec<FieldError>) {
    if let Some(number) = tree::at(spec, field).as_i64()
        && number < 0
    {
        let text = "must be greater than or equal to 0";
        errors.push(FieldError::invalid(path.child(field), number, text));
    }
}

/// A number or a share of all, not negative.
pub(crate) fn share(value: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    match IntOrString::from_value(value) {
        Some(IntOrString::String(text)) => {
            for wrong in names::percent(&text) {
                errors.push(FieldError::invalid(path, text.as_str(), wrong));
            }
        }
        Some(IntOrString::Int(number)) if number < 0 => {
            let text = "must be greater than or equal to 0";
            errors.push(FieldError::invalid(path, number, text));
        }
        _ => {}
    }
}

/// A share of no more than everything.
pub(crate) fn at_most_all(value: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let percent = value
        .as_str()
        .and_then(|text| text.strip_suffix('%')?.parse::<i64>().ok());
    if percent.is_some_and(|percent| percent > 100) {
        errors.push(FieldError::invalid(
            path,
            value.clone(),
            "must not be greater than 100%",
        ));
    }
}

/// Whether a number or share is nothing.
pub(crate) fn is_nothing(value: &Value) -> bool {
    match IntOrString::from_value(value) {
        Some(IntOrString::Int(number)) => number == 0,
        Some(IntOrString::String(text)) => text
            .strip_suffix('%')
            .and_then(|text| text.parse::<u32>().ok())
            .is_none_or(|it| it == 0),
        None => true,
    }
}
