//! Sequences of writes that upstream's API server has answered: ours are the same objects, the same
//! owners with the same times, and the same refusals.

use std::collections::BTreeSet;
use std::path::Path;
use std::{env, fs};

use serde_json::{Value, json};
use styr_schema::managed::{self, Context, Force, OneVersion};
use styr_schema::{Schema, Shape, Strictness};

const NEVER: &str = "2040-01-01T00:00:00Z";
const SERVER: [&str; 5] = [
    "resourceVersion",
    "uid",
    "creationTimestamp",
    "generation",
    "managedFields",
];

fn check(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/managed");
    let text = fs::read(folder.join(format!("{name}.json"))).unwrap();
    let recorded: Value = serde_json::from_slice(&text).unwrap();
    let mut sequence = Sequence {
        live: None,
        later: recorded["later"].as_array().unwrap().clone(),
    };
    for (at, step) in recorded["steps"].as_array().unwrap().iter().enumerate() {
        sequence.step(step, &format!("{name}, step {at} by {}", step["manager"]));
    }
}

struct Sequence {
    live: Option<Value>,
    /// What the server fills in after the owners are known.
    later: Vec<Value>,
}

impl Sequence {
    fn step(&mut self, step: &Value, about: &str) {
        let after = step.get("after").map(decode);
        let model = after.as_ref().or(self.live.as_ref()).unwrap();
        let (shape, api_version, kind) = kind_of(model);
        let subresource = step["subresource"].as_str().unwrap_or_default();
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        let now = self.time(after.as_ref());
        let context = Context {
            shape: &shape,
            api_version: &api_version,
            kind: &kind,
            subresource,
            reset: managed::reset_fields(group, &kind, subresource),
            now: &now,
            versions: &OneVersion,
        };
        match step["do"].as_str().unwrap() {
            "update" => self.update(&context, step, after.as_ref(), about),
            _ => self.apply(&context, step, after.as_ref(), about),
        }
        if after.is_some() {
            self.live = after;
        }
    }

    /// The time of the step: that of the newest entry, if any entry changed.
    fn time(&self, after: Option<&Value>) -> String {
        let of = |it: &Value| it["metadata"]["managedFields"].clone();
        let (before, after) = (self.live.as_ref().map(of), after.map(of));
        let times = |it: &Value| -> Vec<String> {
            let entries = it.as_array().map_or(&[][..], Vec::as_slice).iter();
            entries
                .filter_map(|it| Some(it["time"].as_str()?.to_owned()))
                .collect()
        };
        match after {
            Some(after) if before.as_ref() != Some(&after) => {
                times(&after).into_iter().max().unwrap_or(NEVER.to_owned())
            }
            _ => NEVER.to_owned(),
        }
    }

    fn update(&self, context: &Context<'_>, step: &Value, after: Option<&Value>, about: &str) {
        let Some(after) = after else { return };
        let mut new = after.clone();
        if self.live.is_none() {
            remove(&mut new, &self.later);
        }
        let before = self
            .live
            .as_ref()
            .map(|it| &it["metadata"]["managedFields"]);
        new["metadata"]["managedFields"] = match step.get("asked") {
            Some(asked) => asked.clone(),
            None => before.cloned().unwrap_or(Value::Null),
        };
        let manager = step["manager"].as_str().unwrap();
        let mut again = new.clone();
        managed::update(context, self.live.as_ref(), &mut new, manager);
        compare_owners(&new, after, about);
        // Entries in another order say the same, but have to be taken apart.
        if let Value::Array(entries) = &mut again["metadata"]["managedFields"] {
            entries.reverse();
            managed::update(context, self.live.as_ref(), &mut again, manager);
            compare_owners(&again, after, about);
        }
    }

    fn apply(&self, context: &Context<'_>, step: &Value, after: Option<&Value>, about: &str) {
        let force = match step["force"] == true {
            true => Force::Yes,
            false => Force::No,
        };
        let manager = step["manager"].as_str().unwrap();
        let configuration = &step["configuration"];
        let answer = managed::apply(context, self.live.as_ref(), configuration, (manager, force));
        let Some(after) = after else {
            return refused(answer, &step["refused"], about);
        };
        let mut object = answer.unwrap_or_else(|error| panic!("{about}: {error}"));
        context.shape.apply_defaults(&mut object);
        let (mut object, mut after) = (decode(&object), after.clone());
        if let Some(live) = &self.live {
            managed::keep_times(live, &mut object);
        }
        compare_owners(&object, &after, about);
        for it in [&mut object, &mut after] {
            let metadata = it["metadata"].as_object_mut().unwrap();
            metadata.retain(|name, _| !SERVER.contains(&name.as_str()));
            remove(it, &self.later);
        }
        // What is stored as a protobuf message has no empty lists.
        let ours = encode(context.shape, &object).replace(":[]", ":null");
        assert_eq!(ours, encode(context.shape, &after), "{about}");
    }
}

fn refused(answer: Result<Value, managed::ApplyError>, wanted: &Value, about: &str) {
    if wanted["code"] == 422 {
        assert!(answer.is_ok(), "{about}: only validation refuses this");
        return;
    }
    let status = answer.expect_err(about).status();
    let wanted_lines: BTreeSet<&str> = wanted["message"].as_str().unwrap().lines().collect();
    let lines: BTreeSet<&str> = status.message.lines().collect();
    assert_eq!(lines, wanted_lines, "{about}");
    assert_eq!(json!(status.code), wanted["code"], "{about}");
    let causes = status.details.map(|it| it.causes).unwrap_or_default();
    let mut causes: Vec<Value> = causes.iter().map(|it| json!(it)).collect();
    let mut wanted = wanted["details"]["causes"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    causes.sort_by_key(ToString::to_string);
    wanted.sort_by_key(ToString::to_string);
    assert_eq!(causes, wanted, "{about}");
}

fn kind_of(object: &Value) -> (Shape, String, String) {
    let text = |name: &str| object[name].as_str().unwrap().to_owned();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let shape = Schema::builtin().shape_of(&api_version, &kind).unwrap();
    (shape, api_version, kind)
}

fn decode(object: &Value) -> Value {
    let (shape, _, _) = kind_of(object);
    shape
        .check(object.clone(), Strictness::Ignore)
        .unwrap()
        .value
}

fn encode(shape: &Shape, object: &Value) -> String {
    let mut out = Vec::new();
    shape.encode_json(object, &mut out);
    String::from_utf8(out).unwrap()
}

fn compare_owners(ours: &Value, theirs: &Value, about: &str) {
    let lines = |it: &Value| -> Vec<String> {
        let entries = it["metadata"]["managedFields"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        entries.iter().map(ToString::to_string).collect()
    };
    assert_eq!(lines(ours), lines(theirs), "{about}");
}

fn remove(object: &mut Value, paths: &[Value]) {
    for path in paths {
        let path: Vec<&str> = path.as_str().unwrap().split('/').skip(1).collect();
        remove_one(object, &path);
    }
}

fn remove_one(object: &mut Value, path: &[&str]) {
    match (path, object) {
        ([last], Value::Object(members)) => {
            members.remove(*last);
        }
        (["*", rest @ ..], Value::Array(items)) => {
            items.iter_mut().for_each(|item| remove_one(item, rest));
        }
        ([first, rest @ ..], Value::Object(members)) => {
            if let Some(inner) = members.get_mut(*first) {
                remove_one(inner, rest);
            }
        }
        _ => {}
    }
}

#[test]
fn a_deployment_is_updated_by_many_and_then_applied() {
    check("deployment-update");
}

#[test]
fn a_deployment_is_applied_by_two() {
    check("deployment-apply");
}

#[test]
fn wrong_configurations_are_refused() {
    check("refused");
}

#[test]
fn maps_and_sets_are_shared() {
    check("configmap");
}

#[test]
fn kubectl_moves_from_the_client_to_the_server() {
    check("kubectl");
}

#[test]
fn too_many_updaters_are_folded() {
    check("many");
}

#[test]
fn ports_are_known_by_number_and_protocol() {
    check("service");
}

#[test]
fn the_status_of_a_pod_has_its_own_managers() {
    check("pod");
}

#[test]
fn a_cron_job_keeps_what_others_own() {
    check("cronjob");
}

#[test]
fn an_empty_role_has_rules_that_are_null() {
    check("role");
}

#[test]
fn selectors_are_owned_as_a_whole() {
    check("networkpolicy");
}
