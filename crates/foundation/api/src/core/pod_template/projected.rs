//! Rules for volumes that put several sources into one directory.

use std::collections::BTreeSet;

use serde_json::Value;
use styr_meta::FieldError;
use styr_meta::field::Path;

use super::volume;
use crate::tree;

const SECONDS_MIN: i64 = 600;
const SECONDS_MAX: i64 = 1 << 32;

pub(super) fn sources(projection: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let mut paths = BTreeSet::new();
    for (index, source) in tree::items(projection, "sources").iter().enumerate() {
        let at = path.child("sources").index(index);
        for name in ["secret", "configMap"] {
            let found = tree::at(source, name);
            if found.is_null() {
                continue;
            }
            if tree::text(found, "name").is_empty() {
                errors.push(FieldError::required(at.child(name).child("name"), ""));
            }
            volume::items(found, &at.child(name), errors);
            for item in tree::items(found, "items") {
                let shown = tree::text(found, "name");
                claim(&mut paths, tree::text(item, "path"), (shown, path), errors);
            }
        }
        for file in tree::items(source, "downwardAPI.items") {
            volume::downward(file, &at.child("downwardAPI"), errors);
            let target = tree::text(file, "path");
            claim(&mut paths, target, (target, path), errors);
        }
        let found = tree::at(source, "serviceAccountToken");
        if !found.is_null() {
            token(found, &at.child("serviceAccountToken"), path, errors);
        }
        let kinds = source
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, value)| !value.is_null());
        if kinds.count() > 1 {
            let text = "may not specify more than 1 volume type per source";
            errors.push(FieldError::forbidden(&at, text));
        }
    }
}

/// No file comes from two sources.
fn claim<'a>(
    paths: &mut BTreeSet<&'a str>,
    target: &'a str,
    (shown, path): (&str, &Path),
    errors: &mut Vec<FieldError>,
) {
    if !target.is_empty() && !paths.insert(target) {
        errors.push(FieldError::invalid(
            path,
            shown,
            "conflicting duplicate paths",
        ));
    }
}

fn token(token: &Value, path: &Path, volume_path: &Path, errors: &mut Vec<FieldError>) {
    let at = path.child("expirationSeconds");
    match tree::at(token, "expirationSeconds").as_i64() {
        None => errors.push(FieldError::required(at, "")),
        Some(seconds) if seconds < SECONDS_MIN => {
            let text = "may not specify a duration less than 10 minutes";
            errors.push(FieldError::invalid(at, seconds, text));
        }
        Some(seconds) if seconds > SECONDS_MAX => {
            let text = "may not specify a duration larger than 2^32 seconds";
            errors.push(FieldError::invalid(at, seconds, text));
        }
        Some(_) => {}
    }
    // Upstream names the volume rather than the source here.
    match tree::text(token, "path") {
        "" => errors.push(FieldError::required(volume_path.child("path"), "")),
        target => volume::not_reserved(target, &volume_path.child("path"), errors),
    }
}
