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
use super::create::{from_storage, match_namespace, to_storage};
use crate::body::Response;
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

const KNOWN: &[&str] = &[
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
];

pub(super) async fn patch(
    mut inbound: Inbound,
    scope: Scope,
    aspect: Aspect,
) -> Result<Response, Status> {
    let form = inbound.form(Offer::Objects)?;
    let format = format(&inbound)?;
    let strictness = inbound.strictness()?;
    let body = inbound.read_body().await?;
    let target = Target {
        name: &inbound.info.name,
        aspect,
        preconditions: Preconditions::default(),
    };
    let mut call = inbound.call(Vec::new())?;
    let mut warnings = Vec::new();
    let updated = scope
        .registry
        .update(&mut call, &target, |old| {
            let Some(old) = old else {
                return Err(status::not_found(&scope.registry.kind, &inbound.info.name));
            };
            let current = from_storage(&scope, old);
            let patched = apply(&scope.kind.shape, &current, (&body, format))?;
            let checked = scope
                .kind
                .shape
                .check(patched, strictness)
                .map_err(|error| status::unpatchable(&scope.kind, &error.to_string()))?;
            if strictness == Strictness::Strict && !checked.problems.is_empty() {
                return Err(status::bad_request(&format!(
                    "strict decoding error: {}",
                    checked.problems.join(", ")
                )));
            }
            if strictness == Strictness::Warn {
                warnings = checked.problems;
            }
            let mut object = checked.value;
            object["kind"] = current["kind"].clone();
            object["apiVersion"] = current["apiVersion"].clone();
            scope.kind.shape.apply_defaults(&mut object);
            scope.kind.rules.default(&mut object);
            match_namespace(&inbound, &scope, &mut object)?;
            Ok(to_storage(&scope, object))
        })
        .await?;
    warnings.append(&mut call.warnings);
    let now = inbound.state.clock.now();
    let code = StatusCode::OK;
    let answer = response::object(&scope, &updated.entry, form, (code, now, &inbound.query))?;
    Ok(response::with_warnings(answer, &warnings))
}

/// The format, by the content type.
pub(crate) fn format(inbound: &Inbound) -> Result<Format, Status> {
    let text = inbound
        .headers
        .get(CONTENT_TYPE)
        .and_then(|it| it.to_str().ok())
        .unwrap_or("");
    match text.split(';').next().unwrap_or("").trim() {
        "application/json-patch+json" => Ok(Format::Json),
        "application/merge-patch+json" => Ok(Format::Merge),
        "application/strategic-merge-patch+json" => Ok(Format::Strategic),
        "application/apply-patch+yaml" => Err(status::not_implemented(
            "server-side apply is not implemented: managed fields are not tracked",
        )),
        other => Err(status::unsupported_media_type(other, KNOWN)),
    }
}

/// The object with the patch applied.
pub(crate) fn apply(
    shape: &styr_schema::Shape,
    current: &Value,
    (body, format): (&Bytes, Format),
) -> Result<Value, Status> {
    let patch: Value = serde_json::from_slice(body)
        .map_err(|error| status::bad_request(&format!("error decoding patch: {error}")))?;
    let outcome = match format {
        Format::Json => json_patch(current, &patch).map_err(|it| it.to_string()),
        Format::Merge => merge_patch(current, &patch).map_err(|it| it.to_string()),
        Format::Strategic => shape
            .strategic_merge(current, &patch)
            .map_err(|it| it.to_string()),
    };
    outcome.map_err(|text| match format {
        Format::Json => status::unprocessable(&text),
        _ => status::bad_request(&text),
    })
}
