//! PATCH: JSON patch, merge patch and strategic merge patch.
//!
//! The patch is applied to the object as the client knows it: in the version of the request.

use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::Value;
use styr_meta::Status;
use styr_meta::patch::{json_patch, merge_patch};
use styr_schema::Strictness;

use super::Scope;
use super::create::match_namespace;
use super::write;
use crate::body::Response;
use crate::field_manager::{self, FieldManager};
use crate::inbound::Inbound;
use crate::negotiation::Offer;
use crate::registry::{Aspect, Preconditions, Target};
use crate::{response, status};

/// What a patch is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Merge,
    Strategic,
}

pub(super) async fn patch(
    mut inbound: Inbound,
    scope: Scope,
    aspect: Aspect,
) -> Result<Response, Status> {
    let form = inbound.form(Offer::Objects)?;
    if is_apply(&inbound) {
        return super::apply::apply(inbound, scope, aspect).await;
    }
    let format = format(&inbound)?;
    field_manager::check_options(&inbound, false)?;
    let strictness = inbound.strictness()?;
    let body = inbound.read_body().await?;
    let target = Target {
        name: &inbound.info.name,
        aspect,
        preconditions: Preconditions::default(),
    };
    let mut call = inbound.call(Vec::new())?;
    let mut warnings = Vec::new();
    let manager = FieldManager::of(&inbound, &scope);
    let change = |live: &Value| {
        let patched = apply(&scope.kind.shape, live, (&body, format))?;
        let (object, problems) = checked(&scope, &patched, strictness)?;
        warnings = problems;
        let mut object = finish(&inbound, &scope, object)?;
        manager.update(Some(live), &mut object);
        Ok(object)
    };
    let updated = write::update(&scope, &target, &mut call, change).await?;
    warnings.append(&mut call.warnings);
    let now = inbound.state.clock.now();
    let code = StatusCode::OK;
    let answer = response::object(&scope, &updated.entry, form, (code, now, &inbound.query))?;
    Ok(response::with_warnings(answer, &warnings))
}

/// What the patch made, typed again, and what strict decoding finds in it.
fn checked(
    scope: &Scope,
    patched: &Value,
    strictness: Strictness,
) -> Result<(Value, Vec<String>), Status> {
    let shape = &scope.kind.shape;
    let checked = shape
        .check(patched.clone(), strictness)
        .map_err(|error| status::unpatchable(patched, &error.to_string()))?;
    if strictness == Strictness::Strict && !checked.problems.is_empty() {
        let why = format!("strict decoding error: {}", checked.problems.join(", "));
        return Err(status::unpatchable(patched, &why));
    }
    let warns = strictness == Strictness::Warn;
    let problems = if warns { checked.problems } else { Vec::new() };
    Ok((checked.value, problems))
}

/// A patched object on its way to the store.
fn finish(inbound: &Inbound, scope: &Scope, mut object: Value) -> Result<Value, Status> {
    object["kind"] = scope.kind.kind.clone().into();
    object["apiVersion"] = scope.kind.api_version().into();
    scope.kind.shape.apply_defaults(&mut object);
    scope.kind.rules.default(&mut object);
    let name = object["metadata"]["name"].as_str().unwrap_or("");
    if name != inbound.info.name {
        return Err(status::name_mismatch(name, &inbound.info.name));
    }
    match_namespace(inbound, scope, &mut object)?;
    Ok(object)
}

fn content_type(inbound: &Inbound) -> &str {
    let text = inbound.headers.get(CONTENT_TYPE);
    let text = text.and_then(|it| it.to_str().ok()).unwrap_or("");
    text.split(';').next().unwrap_or("").trim()
}

/// Whether a patch is a configuration to apply.
pub(crate) fn is_apply(inbound: &Inbound) -> bool {
    content_type(inbound) == "application/apply-patch+yaml"
}

/// The format, by the content type.
pub(crate) fn format(inbound: &Inbound) -> Result<Format, Status> {
    match content_type(inbound) {
        "application/json-patch+json" => Ok(Format::Json),
        "application/merge-patch+json" => Ok(Format::Merge),
        "application/strategic-merge-patch+json" => Ok(Format::Strategic),
        _ => Err(status::unsupported_patch()),
    }
}

/// The object with the patch applied.
pub(crate) fn apply(
    shape: &styr_schema::Shape,
    current: &Value,
    (body, format): (&Bytes, Format),
) -> Result<Value, Status> {
    let patch: Value = serde_json::from_slice(body).map_err(|error| match format {
        Format::Json => status::bad_request(&format!("error decoding patch: {error}")),
        _ => status::bad_request("invalid JSON patch"),
    })?;
    match format {
        Format::Json => apply_operations(current, &patch),
        Format::Merge => {
            merge_patch(current, &patch).map_err(|it| status::bad_request(&it.to_string()))
        }
        Format::Strategic => shape
            .strategic_merge(current, &patch)
            .map_err(|it| status::bad_request(&it.to_string())),
    }
}

/// A JSON patch. As upstream's library, `replace` of a member that is not there adds it.
fn apply_operations(current: &Value, patch: &Value) -> Result<Value, Status> {
    let Some(operations) = patch.as_array() else {
        return Err(status::bad_request(
            "error decoding patch: json: cannot unmarshal object into Go value of type \
             []handlers.jsonPatchOp",
        ));
    };
    let replaces = operations.iter().any(|it| it["op"] == "replace");
    match json_patch(current, patch) {
        Ok(patched) => Ok(patched),
        Err(_) if replaces => {
            let mut patched = current.clone();
            for operation in operations {
                let mut operation = operation.clone();
                let path = operation["path"].as_str().unwrap_or("");
                let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
                let is_missing = patched.pointer(path).is_none()
                    && patched.pointer(parent).is_some_and(Value::is_object);
                if operation["op"] == "replace" && is_missing {
                    operation["op"] = "add".into();
                }
                patched = json_patch(&patched, &Value::Array(vec![operation]))
                    .map_err(|_| status::unprocessable())?;
            }
            Ok(patched)
        }
        Err(_) => Err(status::unprocessable()),
    }
}
