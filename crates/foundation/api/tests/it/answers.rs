//! What upstream's server has answered to new objects, and what our rules make of the same.
//!
//! `testdata/<group>/<plural>.<version>.jsonl` holds one request in each line, with what upstream
//! stored, or what it found wrong. Admission and the allocation of addresses are not ours, so what
//! they add is not there.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use styr_api::{Context, Kind, metadata};
use styr_schema::Strictness;

struct Line {
    place: String,
    kind: &'static Kind,
    value: Value,
}

fn lines() -> Vec<Line> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut files: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .flat_map(|group| fs::read_dir(group.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    let mut lines = Vec::new();
    for file in files {
        let group = file
            .parent()
            .unwrap()
            .file_name()
            .unwrap()
            .to_str()
            .unwrap();
        let group = if group == "core" { "" } else { group };
        let name = file.file_stem().unwrap().to_str().unwrap();
        let (plural, version) = name.split_once('.').unwrap();
        let kind = styr_api::find(group, version, plural).unwrap();
        for (number, line) in fs::read_to_string(&file).unwrap().lines().enumerate() {
            let place = format!("{group}/{name}:{}", number + 1);
            let value = serde_json::from_str(line).unwrap();
            lines.push(Line { place, kind, value });
        }
    }
    lines
}

/// What the rules make of a request: the object as it is shown, or what is wrong.
fn answer(kind: &Kind, request: &Value) -> Result<Value, Vec<String>> {
    let bytes = match request {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let decoded = kind.shape.decode_json(bytes.as_bytes(), Strictness::Ignore);
    let mut object = decoded.map_err(|error| vec![error.to_string()])?.value;
    kind.shape.apply_defaults(&mut object);
    kind.rules.default(&mut object);
    if kind.namespaced {
        object["metadata"]["namespace"] = "default".into();
    }
    object["metadata"]["uid"] = "u".into();
    kind.rules.to_storage(&mut object);
    let stored = styr_api::find(
        &kind.storage_version.0,
        &kind.storage_version.1,
        &kind.plural,
    );
    let stored: &Kind = stored.map_or(kind, |kind| kind);
    let context = Context {
        now: "2026-01-01T00:00:00Z".parse().unwrap(),
    };
    stored.rules.prepare_create(&mut object, &context);
    let mut errors = metadata::validate(stored, &object);
    errors.extend(stored.rules.validate(&object, &context));
    if !errors.is_empty() {
        let mut texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        texts.sort();
        return Err(texts);
    }
    kind.rules.from_storage(&mut object);
    object["metadata"].as_object_mut().unwrap().remove("uid");
    let mut json = Vec::new();
    kind.shape.encode_json(&object, &mut json);
    Ok(serde_json::from_slice(&json).unwrap())
}

fn check(line: &Line) -> Option<String> {
    let found = answer(line.kind, &line.value["request"]);
    let matches = match &found {
        Ok(object) => *object == line.value["stored"],
        Err(texts) => match line.value["undecodable"].as_str() {
            Some(text) => text.ends_with(&texts[0]),
            None => line.value["causes"] == Value::from(texts.clone()),
        },
    };
    (!matches).then(|| format!("{}\n  {found:?}\n  {}", line.place, line.value))
}

#[test]
fn new_objects_are_stored_or_refused_as_upstream_does() {
    let lines = lines();
    assert!(lines.len() > 60);
    let wrong: Vec<String> = lines.iter().filter_map(check).collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        lines.len(),
        wrong.join("\n")
    );
}
