//! `scale`: the number of replicas of whatever has them, in one form.

use http::StatusCode;
use serde_json::{Value, json};
use styr_meta::{FieldError, Status, labels};
use styr_schema::{Shape, Strictness, managed};

use crate::body::Response;
use crate::field_manager::{self, FieldManager};
use crate::handlers::{Scope, apply, patch};
use crate::inbound::Inbound;
use crate::negotiation::{Form, Offer, View};
use crate::registry::read::At;
use crate::registry::{Aspect, Preconditions, Target, api_version};
use crate::table::{self, Headings, IncludeObject};
use crate::{response, shapes, status};

const GVK: (&str, &str, &str) = ("autoscaling", "v1", "Scale");

/// Where all objects have it that can be scaled.
const REPLICAS: &[&str] = &["spec", "replicas"];

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
    let api_version = api_version(&scope.kind);
    if inbound.info.verb == "get" {
        let entry = scope
            .registry
            .get(&inbound.info.namespace, &name, At::Latest)
            .await?;
        return Ok(answered(&inbound, scale_of(&entry.value()), form));
    }
    let asked = asked(&mut inbound, &shape).await?;
    let uid = match &asked {
        Asked::Whole(scale) => scale["metadata"]["uid"].as_str().map(str::to_owned),
        Asked::Patch(..) | Asked::Apply(_) => None,
    };
    let target = Target {
        name: &name,
        aspect: Aspect::Main,
        preconditions: Preconditions {
            uid,
            resource_version: None,
        },
    };
    let manager = FieldManager::of_shape(&inbound, &shape, ("autoscaling/v1".to_owned(), "Scale"));
    let mut call = inbound.call(Vec::new())?;
    let updated = scope
        .registry
        .update(&mut call, &target, |old| {
            let before = with_managers(scale_of(old), old, &api_version);
            let scale = match &asked {
                Asked::Whole(scale) => updated(&manager, &before, scale.clone()),
                Asked::Patch(body, format) => {
                    let patched = patch::apply(&shape, &before, (body, *format))?;
                    let checked = shape.check(patched, Strictness::Ignore);
                    let checked = checked.map_err(|it| status::bad_request(&it.to_string()))?;
                    updated(&manager, &before, checked.value)
                }
                Asked::Apply(configuration) => {
                    let force = field_manager::force(&inbound);
                    manager.apply(Some(&before), configuration, force)?
                }
            };
            scaled(old, &scale, &api_version)
        })
        .await?;
    let warnings = std::mem::take(&mut call.warnings);
    let answer = answered(&inbound, scale_of(&updated.entry.value()), form);
    Ok(response::with_warnings(answer, &warnings))
}

/// What a writer of a scale wants.
async fn asked(inbound: &mut Inbound, shape: &Shape) -> Result<Asked, Status> {
    if inbound.info.verb != "patch" {
        field_manager::check_options(inbound, false)?;
        let scale = inbound.read_as(shape, GVK).await?.object;
        let given = scale["metadata"]["name"].as_str().unwrap_or("");
        if given != inbound.info.name {
            return Err(status::name_mismatch(given, &inbound.info.name));
        }
        return Ok(Asked::Whole(scale));
    }
    let is_apply = patch::is_apply(inbound);
    field_manager::check_options(inbound, is_apply)?;
    if is_apply {
        let strictness = inbound.strictness()?;
        let body = inbound.read_body().await?;
        return Ok(Asked::Apply(apply::read(&body, strictness)?.0));
    }
    let format = patch::format(inbound)?;
    Ok(Asked::Patch(inbound.read_body().await?, format))
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
    Apply(Value),
}

fn entries(object: &Value) -> &[Value] {
    let entries = object["metadata"]["managedFields"].as_array();
    entries.map_or(&[], Vec::as_slice)
}

/// A scale with the managers of its object that matter to it. Entries that cannot be read are
/// nobody's.
fn with_managers(mut scale: Value, object: &Value, api_version: &str) -> Value {
    let paths = [(api_version, Some(REPLICAS))];
    if let Ok(Some(own)) = managed::to_scale(entries(object), &paths) {
        scale["metadata"]["managedFields"] = own;
    }
    scale
}

fn updated(manager: &FieldManager<'_>, before: &Value, mut scale: Value) -> Value {
    manager.update(Some(before), &mut scale);
    scale
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

fn scaled(old: &Value, scale: &Value, api_version: &str) -> Result<Value, Status> {
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
    let paths = [(api_version, Some(REPLICAS))];
    let own = managed::from_scale(entries(old), entries(scale), (api_version, &paths));
    if let (Ok(own), Some(metadata)) = (own, new["metadata"].as_object_mut()) {
        match own {
            Some(own) => metadata.insert("managedFields".to_owned(), own),
            None => metadata.remove("managedFields"),
        };
    }
    Ok(new)
}
