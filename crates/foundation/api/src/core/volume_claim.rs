//! Rules that volumes and the claims to them share.

use serde_json::Value;
use styr_meta::field::Path;
use styr_meta::{FieldError, Quantity};

use crate::tree;

const MODES: [&str; 4] = [
    "ReadOnlyMany",
    "ReadWriteMany",
    "ReadWriteOnce",
    "ReadWriteOncePod",
];
const EXCLUSIVE: &str = "ReadWriteOncePod";
const VOLUME_MODES: [&str; 2] = ["Block", "Filesystem"];

/// How a volume may be used: at least one way, and alone if it is by one pod only.
pub(super) fn access_modes(spec: &Value, path: &Path, detail: &str, errors: &mut Vec<FieldError>) {
    let modes = tree::items(spec, "accessModes");
    let at = path.child("accessModes");
    if modes.is_empty() {
        errors.push(FieldError::required(&at, detail));
    }
    let modes: Vec<&str> = modes.iter().filter_map(Value::as_str).collect();
    for mode in &modes {
        if !MODES.contains(mode) {
            errors.push(FieldError::not_supported(&at, *mode, &MODES));
        }
    }
    let others = modes
        .iter()
        .any(|mode| *mode != EXCLUSIVE && MODES.contains(mode));
    if modes.contains(&EXCLUSIVE) && others {
        let text = "may not use ReadWriteOncePod with other access modes";
        errors.push(FieldError::forbidden(&at, text));
    }
}

pub(super) fn volume_mode(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    if let Some(mode) = tree::at(spec, "volumeMode").as_str()
        && !VOLUME_MODES.contains(&mode)
    {
        errors.push(FieldError::not_supported(
            path.child("volumeMode"),
            mode,
            &VOLUME_MODES,
        ));
    }
}

/// An amount of something that there must be.
pub(super) fn positive(amount: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let Some(amount) = Quantity::from_value(amount) else {
        return;
    };
    if amount.is_zero() || amount.is_negative() {
        errors.push(FieldError::invalid(
            path,
            amount.text(),
            "must be greater than zero",
        ));
    }
}
