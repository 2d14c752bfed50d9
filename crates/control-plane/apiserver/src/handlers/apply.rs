//! PATCH with a configuration to apply: server-side apply (KEP-555).

use http::StatusCode;
use serde_json::Value;
use styr_meta::Status;
use styr_schema::{Strictness, yaml};

use super::Scope;
use super::create::match_namespace;
use super::write::{self, Written};
use crate::body::Response;
use crate::field_manager::{self, FieldManager};
use crate::inbound::Inbound;
use crate::negotiation::Offer;
use crate::registry::{Aspect, Preconditions, Target};
use crate::{response, status};

pub(super) async fn apply(
    mut inbound: Inbound,
    scope: Scope,
    aspect: Aspect,
) -> Result<Response, Status> {
    let form = inbound.form(Offer::Objects)?;
    field_manager::check_options(&inbound, true)?;
    let strictness = inbound.strictness()?;
    let body = inbound.read_body().await?;
    let (configuration, warnings) = read(&body, strictness)?;
    let target = Target {
        name: &inbound.info.name,
        aspect,
        preconditions: Preconditions::default(),
    };
    let mut call = inbound.call(warnings)?;
    let manager = FieldManager::of(&inbound, &scope);
    let force = field_manager::force(&inbound);
    let change = |live: Option<&Value>| {
        let mut object = manager.apply(live, &configuration, force)?;
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
        if live.is_none() && !uid.is_empty() {
            return Err(status::conflict(
                &scope.kind,
                target.name,
                &no_such_uid(uid),
            ));
        }
        finish(&inbound, &scope, &mut object)?;
        Ok(object)
    };
    let written = match aspect {
        Aspect::Main => {
            write::update_or_create(&inbound, &scope, (&target, &mut call), change).await?
        }
        // A part of nothing cannot be created.
        _ => {
            let updated = write::update(&scope, &target, &mut call, |live| change(Some(live)));
            Written {
                entry: updated.await?.entry,
                created: false,
            }
        }
    };
    let warnings = std::mem::take(&mut call.warnings);
    let now = inbound.state.clock.now();
    let code = if written.created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let answer = response::object(&scope, &written.entry, form, (code, now, &inbound.query))?;
    Ok(response::with_warnings(answer, &warnings))
}

/// The configuration as it was sent, and what is odd about it.
pub(crate) fn read(body: &[u8], strictness: Strictness) -> Result<(Value, Vec<String>), Status> {
    let bad = |error: &dyn std::fmt::Display| status::bad_request(&error.to_string());
    let read = yaml::tree(body).map_err(|error| bad(&error))?;
    let why = |what: &str| format!("error strict decoding YAML: {what}");
    match (read.problems.as_slice(), strictness) {
        ([], _) | (_, Strictness::Ignore) => Ok((read.value, Vec::new())),
        (problems, Strictness::Strict) => Err(status::bad_request(&why(&problems.join(", ")))),
        (problems, Strictness::Warn) => Ok((read.value, problems.to_vec())),
    }
}

fn no_such_uid(uid: &str) -> String {
    format!(
        "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
    )
}

/// An object with a configuration applied, on its way to the store.
fn finish(inbound: &Inbound, scope: &Scope, object: &mut Value) -> Result<(), Status> {
    object["kind"] = scope.kind.kind.clone().into();
    object["apiVersion"] = scope.kind.api_version().into();
    scope.kind.shape.apply_defaults(object);
    scope.kind.rules.default(object);
    let name = object["metadata"]["name"].as_str().unwrap_or("");
    if name != inbound.info.name {
        return Err(status::name_mismatch(name, &inbound.info.name));
    }
    match_namespace(inbound, scope, object)
}
