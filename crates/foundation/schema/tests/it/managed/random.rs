//! Random writes of random objects, with what upstream's field manager made of each.
//!
//! The objects are not valid, only of the right types: keys are missing, items come twice, texts
//! are empty. No defaults are filled in.

use std::collections::BTreeSet;
use std::path::Path;
use std::{env, fs};

use serde_json::Value;
use styr_schema::managed::{self, Context, FieldSet, Force, OneVersion};
use styr_schema::{Schema, Shape, Strictness};

fn decode(shape: &Shape, object: &Value) -> Value {
    shape
        .check(object.clone(), Strictness::Ignore)
        .unwrap()
        .value
}

fn encode(shape: &Shape, object: &Value) -> String {
    let mut object = object.clone();
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.remove("managedFields");
    // Given when the object is stored.
    metadata.remove("uid");
    let mut out = Vec::new();
    shape.encode_json(&object, &mut out);
    String::from_utf8(out).unwrap()
}

/// The entries without their times.
fn owners(object: &Value) -> Vec<String> {
    let entries = object["metadata"]["managedFields"].as_array().cloned();
    let text = |mut entry: Value| {
        entry.as_object_mut().unwrap().remove("time");
        entry.to_string()
    };
    let mut entries: Vec<String> = entries.unwrap_or_default().into_iter().map(text).collect();
    entries.sort();
    entries
}

struct Sequence<'a> {
    context: Context<'a>,
    live: Option<Value>,
}

impl Sequence<'_> {
    fn step(&mut self, step: &Value, about: &str) {
        let ours = match step["do"] == "update" {
            true => Ok(self.update(step)),
            false => self.apply(step),
        };
        let shape = self.context.shape;
        let after = step.get("after").map(|it| decode(shape, it));
        match (ours, after) {
            (Ok(ours), Some(after)) => {
                assert_eq!(owners(&ours), owners(&after), "{about}: owners");
                assert_eq!(
                    encode(shape, &ours),
                    encode(shape, &after),
                    "{about}: object"
                );
                self.live = Some(after);
            }
            (Err(error), None) => refused(&error, &step["refused"], about),
            (Ok(_), None) => panic!("{about}: upstream says {}", step["refused"]),
            (Err(error), Some(_)) => panic!("{about}: {error}"),
        }
    }

    fn update(&self, step: &Value) -> Value {
        let mut new = decode(self.context.shape, &step["new"]);
        let manager = step["manager"].as_str().unwrap();
        managed::update(&self.context, self.live.as_ref(), &mut new, manager);
        new
    }

    fn apply(&self, step: &Value) -> Result<Value, managed::ApplyError> {
        let force = match step["force"] == true {
            true => Force::Yes,
            false => Force::No,
        };
        let manager = step["manager"].as_str().unwrap();
        let configuration = &step["configuration"];
        let live = self.live.as_ref();
        managed::apply(&self.context, live, configuration, (manager, force))
    }
}

fn refused(error: &managed::ApplyError, wanted: &Value, about: &str) {
    let status = error.status();
    let lines = |text: &str| -> BTreeSet<String> { text.lines().map(str::to_owned).collect() };
    let message = wanted["message"].as_str().or(wanted.as_str()).unwrap();
    assert_eq!(lines(&status.message), lines(message), "{about}");
}

fn check(sequences: &[Value]) {
    for (at, sequence) in sequences.iter().enumerate() {
        let text = |name: &str| sequence[name].as_str().unwrap();
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        let shape = Schema::builtin().shape_of(api_version, kind).unwrap();
        let nothing = FieldSet::new();
        let context = Context {
            shape: &shape,
            api_version,
            kind,
            subresource: "",
            reset: &nothing,
            now: "2026-01-01T00:00:00Z",
            versions: &OneVersion,
        };
        let mut replay = Sequence {
            context,
            live: None,
        };
        for (number, step) in sequence["steps"].as_array().unwrap().iter().enumerate() {
            let about = format!("{kind} {at}, step {number} by {}", step["manager"]);
            replay.step(step, &about);
        }
    }
}

#[test]
fn random_writes_have_the_owners_that_upstream_finds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/managed");
    let recorded: Value =
        serde_json::from_slice(&fs::read(folder.join("random.json")).unwrap()).unwrap();
    check(recorded.as_array().unwrap());
}
