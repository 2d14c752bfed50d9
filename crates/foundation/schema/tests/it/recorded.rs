//! Every object that upstream has recorded is read from each of its forms and written back to the
//! same bytes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{env, fs};

use styr_schema::{Schema, Shape, Strictness, envelope};

/// The folder of the recorded objects inside Go's module cache.
const FOLDER: &str = "k8s.io/api@v0.37.1/testdata/HEAD";

fn folder() -> Option<PathBuf> {
    let cache = env::var_os("GOMODCACHE").map(PathBuf::from);
    let path = env::var_os("GOPATH").map(|path| PathBuf::from(path).join("pkg/mod"));
    let home = env::var_os("HOME").map(|home| PathBuf::from(home).join("go/pkg/mod"));
    let found = [cache, path, home]
        .into_iter()
        .flatten()
        .map(|base| base.join(FOLDER));
    let found = found.into_iter().find(|folder| folder.is_dir());
    assert!(
        found.is_some() || env::var_os("STYR_REQUIRE_ORACLE").is_none(),
        "{FOLDER} is not in Go's module cache"
    );
    if found.is_none() {
        println!("skipped: no oracle");
    }
    found
}

/// The type of a file such as `apps.v1.Deployment`: the packages are named after the groups.
fn shape_of(name: &str) -> Option<Shape> {
    let mut parts = name.rsplitn(3, '.');
    let (kind, version, group) = (parts.next()?, parts.next()?, parts.next()?);
    let schema = Schema::builtin();
    let api_version = if group == "core" {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    schema.shape_of(&api_version, kind).or_else(|| {
        let package = group.split('.').next()?;
        schema.shape(&format!("io.k8s.api.{package}.{version}.{kind}"))
    })
}

struct Recorded {
    name: String,
    shape: Shape,
    json: Vec<u8>,
    yaml: Vec<u8>,
    protobuf: Vec<u8>,
}

fn recorded() -> Vec<Recorded> {
    let Some(folder) = folder() else {
        return Vec::new();
    };
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "pb") {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            if let Some(shape) = shape_of(&name) {
                let read =
                    |ending: &str| fs::read(folder.join(format!("{name}.{ending}"))).unwrap();
                let (json, yaml, protobuf) = (read("json"), read("yaml"), read("pb"));
                all.insert(
                    name.clone(),
                    Recorded {
                        name,
                        shape,
                        json,
                        yaml,
                        protobuf,
                    },
                );
            }
        }
    }
    assert!(
        all.len() >= 128,
        "only {} of the recorded objects have a type",
        all.len()
    );
    all.into_values().collect()
}

/// The JSON without its line ends and indentation.
fn compact(json: &[u8]) -> String {
    let mut out = String::new();
    let text = String::from_utf8_lossy(json);
    for line in text.lines() {
        let line = line.trim_start();
        match line.split_once("\": ") {
            Some((key, value)) if line.starts_with('"') => {
                out.push_str(key);
                out.push_str("\":");
                out.push_str(value);
            }
            _ => out.push_str(line),
        }
    }
    out
}

fn check(recorded: impl Fn(&Recorded) -> Result<(), String>) {
    let all = self::recorded();
    let failures: Vec<String> = all
        .iter()
        .filter_map(|it| {
            recorded(it)
                .err()
                .map(|error| format!("{}: {error}", it.name))
        })
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {}:\n{}",
        failures.len(),
        all.len(),
        failures.join("\n")
    );
}

fn same(written: &[u8], wanted: &[u8]) -> Result<(), String> {
    if written == wanted {
        return Ok(());
    }
    let at = written
        .iter()
        .zip(wanted)
        .take_while(|(a, b)| a == b)
        .count();
    let around = |bytes: &[u8]| {
        let range = at.saturating_sub(60)..(at + 60).min(bytes.len());
        String::from_utf8_lossy(&bytes[range]).into_owned()
    };
    Err(format!(
        "differs at {at}:\n  {}\n  {}",
        around(written),
        around(wanted)
    ))
}

#[test]
fn json_is_written_back_as_it_was() {
    check(|it| {
        let decoded = it.shape.decode_json(&it.json, Strictness::Strict);
        let decoded = decoded.map_err(|error| error.to_string())?;
        if !decoded.problems.is_empty() {
            return Err(decoded.problems.join(", "));
        }
        let mut out = Vec::new();
        it.shape.encode_json(&decoded.value, &mut out);
        same(&out, compact(&it.json).as_bytes())
    });
}

#[test]
fn yaml_says_the_same_as_json() {
    check(|it| {
        let decoded = it.shape.decode_yaml(&it.yaml, Strictness::Strict);
        let decoded = decoded.map_err(|error| error.to_string())?;
        let mut out = Vec::new();
        it.shape.encode_json(&decoded.value, &mut out);
        same(&out, compact(&it.json).as_bytes())
    });
}

#[test]
fn protobuf_says_the_same_as_json() {
    check(|it| {
        let wrapped = envelope::unwrap(&it.protobuf).map_err(|error| error.to_string())?;
        let value = it
            .shape
            .decode_protobuf(wrapped.raw)
            .map_err(|error| error.to_string())?;
        let json = it.shape.decode_json(&it.json, Strictness::Strict).unwrap();
        let mut value = value;
        value["apiVersion"] = wrapped.api_version.into();
        value["kind"] = wrapped.kind.into();
        let (mut out, mut wanted) = (Vec::new(), Vec::new());
        it.shape.encode_json(&value, &mut out);
        it.shape.encode_json(&json.value, &mut wanted);
        same(&out, &wanted)
    });
}

#[test]
fn protobuf_is_written_back_as_it_was() {
    check(|it| {
        let json = it
            .shape
            .decode_json(&it.json, Strictness::Strict)
            .unwrap()
            .value;
        let (mut raw, mut out) = (Vec::new(), Vec::new());
        it.shape.encode_protobuf(&json, &mut raw);
        let text = |key: &str| json[key].as_str().unwrap_or_default();
        envelope::wrap(text("apiVersion"), text("kind"), &raw, &mut out);
        same(&out, &it.protobuf)
    });
}
