//! `scale`: the number of replicas of whatever has them, in one form.

use http::StatusCode;
use serde_json::{Value, json};
use styr_meta::{FieldError, Status, labels};
use styr_schema::Strictness;

use crate::body::Response;
use crate::handlers::{Scope, patch};
use crate::inbound::Inbound;
use crate::negotiation::{Form, Offer, View};
use crate::registry::read::At;
use crate::registry::{Aspect, Preconditions, Target};
use crate::table::{self, Headings, IncludeObject};
use crate::{response, shapes, status};

const GVK: (&str, &str, &str) = ("autoscaling", "v1", "Scale");

const HEADINGS: &Headings = &[
    ("Name", "string", ""),
    ("Desired", "integer", ""),
    ("Available", "integer", ""),
    ("Age", "string", ""),
];

pub(super) async fn answer(mut inbound: Inbound, scope: Scope) -> Result<Response, Status> {
    let form = inbound.form(Offer::Objects)?;
    let shape = shapes::builtin("io.k8s.api.autoscaling.v1.Scale");
    let name = inbound.info.name.clone();
    if inbound.info.verb == "get" {
        let entry = scope
            .registry
            .get(&inbound.info.namespace, &name, At::Latest)
            .await?;
        return Ok(answered(&inbound, scale_of(&entry.value()), form));
    }
    let asked = match inbound.info.verb.as_str() {
        "patch" => {
            let format = patch::format(&inbound)?;
            Asked::Patch(inbound.read_body().await?, format)
        }
        _ => {
            let scale = inbound.read_as(&shape, GVK).await?.object;
            let given = scale["metadata"]["name"].as_str().unwrap_or("");
            if given != name {
                return Err(status::name_mismatch(given, &name));
            }
            Asked::Whole(scale)
        }
    };
    let uid = match &asked {
        Asked::Whole(scale) => scale["metadata"]["uid"].as_str().map(str::to_owned),
        Asked::Patch(..) => None,
    };
    let target = Target {
        name: &name,
        aspect: Aspect::Main,
        preconditions: Preconditions {
            uid,
            resource_version: None,
        },
    };
    let mut call = inbound.call(Vec::new())?;
    let updated = scope
        .registry
        .update(&mut call, &target, |old| {
            let old = old.ok_or_else(|| status::not_found(&scope.kind, &name))?;
            let scale = match &asked {
                Asked::Whole(scale) => scale.clone(),
                Asked::Patch(body, format) => {
                    let patched = patch::apply(&shape, &scale_of(old), (body, *format))?;
                    let checked = shape.check(patched, Strictness::Ignore);
                    checked
                        .map_err(|error| status::bad_request(&error.to_string()))?
                        .value
                }
            };
            scaled(old, &scale)
        })
        .await?;
    let warnings = std::mem::take(&mut call.warnings);
    let answer = answered(&inbound, scale_of(&updated.entry.value()), form);
    Ok(response::with_warnings(answer, &warnings))
}

/// A Scale as its reader wants to see it.
fn answered(inbound: &Inbound, scale: Value, form: Form) -> Response {
    let (shape, document) = match form.view {
        View::Whole => (shapes::builtin("io.k8s.api.autoscaling.v1.Scale"), scale),
        View::Metadata(version) => {
            let partial = response::partial(scale, version);
            (shapes::meta("PartialObjectMetadata"), partial)
        }
        View::Table(version) => {
            let metadata = &scale["metadata"];
            let list = json!({ "resourceVersion": metadata["resourceVersion"] });
            let created = metadata["creationTimestamp"].as_str().unwrap_or("");
            let age = table::age(created, inbound.state.clock.now());
            let (desired, there) = (&scale["spec"]["replicas"], &scale["status"]["replicas"]);
            let cells = json!([metadata["name"], desired, there, age]);
            let include = IncludeObject::of(&inbound.query);
            let rows = vec![(cells, scale)];
            let table = table::of_documents(HEADINGS, rows, (version, include), &list);
            (shapes::meta("Table"), table)
        }
    };
    response::document(&shape, &document, form, StatusCode::OK)
}

enum Asked {
    Whole(Value),
    Patch(bytes::Bytes, patch::Format),
}

fn scale_of(object: &Value) -> Value {
    let mut metadata = serde_json::Map::new();
    for field in [
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
    ] {
        if let Some(value) = object["metadata"].get(field) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": { "replicas": object["spec"]["replicas"].as_i64().unwrap_or(0) },
        "status": {
            "replicas": object["status"]["replicas"].as_i64().unwrap_or(0),
            "selector": selector_text(&object["spec"]["selector"]),
        },
    })
}

/// A ReplicationController's selector is a bare map.
fn selector_text(selector: &Value) -> String {
    let is_bare = selector
        .as_object()
        .is_some_and(|it| !it.contains_key("matchLabels") && !it.contains_key("matchExpressions"));
    let parsed = if is_bare {
        let empty = serde_json::Map::new();
        Ok(labels::Selector::equal_to(
            selector.as_object().unwrap_or(&empty),
        ))
    } else {
        labels::Selector::from_value(selector)
    };
    parsed.map(|it| it.to_string()).unwrap_or_default()
}

fn scaled(old: &Value, scale: &Value) -> Result<Value, Status> {
    let replicas = scale["spec"]["replicas"].as_i64().unwrap_or(0);
    if replicas < 0 {
        let detail = "must be greater than or equal to 0";
        let problem = FieldError::invalid("spec.replicas", replicas, detail);
        let name = old["metadata"]["name"].as_str().unwrap_or("");
        return Err(Status::invalid(
            ("autoscaling", "Scale"),
            name,
            vec![problem],
        ));
    }
    let mut new = old.clone();
    new["spec"]["replicas"] = replicas.into();
    let version = scale["metadata"]["resourceVersion"]
        .as_str()
        .filter(|it| !it.is_empty());
    if let Some(version) = version {
        new["metadata"]["resourceVersion"] = version.into();
    }
    Ok(new)
}
