//! POST to a collection.

use http::StatusCode;
use serde_json::Value;
use styr_meta::Status;

use super::Scope;
use crate::body::Response;
use crate::field_manager::{self, FieldManager};
use crate::inbound::Inbound;
use crate::negotiation::Offer;
use crate::{response, status};

pub(super) async fn create(mut inbound: Inbound, scope: Scope) -> Result<Response, Status> {
    let form = inbound.form(Offer::Objects)?;
    field_manager::check_options(&inbound, false)?;
    let mut decoded = inbound.read_object(&scope.kind).await?;
    match_namespace(&inbound, &scope, &mut decoded.object)?;
    let mut object = decoded.object;
    FieldManager::of(&inbound, &scope).update(None, &mut object);
    let object = to_storage(&scope, object);
    if inbound.info.namespace.is_empty() && scope.kind.plural == "namespaces" {
        // A Namespace is in itself, as far as admission is concerned.
        inbound.info.namespace = object["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
    }
    let mut call = inbound.call(decoded.warnings)?;
    let entry = scope.registry.create(&mut call, object).await?;
    let warnings = std::mem::take(&mut call.warnings);
    let now = inbound.state.clock.now();
    let answer = response::object(
        &scope,
        &entry,
        form,
        (StatusCode::CREATED, now, &inbound.query),
    )?;
    Ok(response::with_warnings(answer, &warnings))
}

/// An object is in the namespace of its request; it need not say so.
pub(super) fn match_namespace(
    inbound: &Inbound,
    scope: &Scope,
    object: &mut Value,
) -> Result<(), Status> {
    let wanted = if scope.kind.namespaced {
        inbound.info.namespace.as_str()
    } else {
        ""
    };
    let given = object["metadata"]["namespace"].as_str().unwrap_or("");
    if given == wanted {
        return Ok(());
    }
    if !given.is_empty() && !wanted.is_empty() {
        return Err(status::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    if !object["metadata"].is_object() {
        object["metadata"] = Value::Object(serde_json::Map::new());
    }
    let metadata = object["metadata"].as_object_mut().expect("just made one");
    if wanted.is_empty() {
        metadata.remove("namespace");
    } else {
        metadata.insert("namespace".to_owned(), Value::String(wanted.to_owned()));
    }
    Ok(())
}

pub(super) fn to_storage(scope: &Scope, mut object: Value) -> Value {
    if !scope.is_stored_version() {
        scope.kind.rules.to_storage(&mut object);
        scope.registry.set_type(&mut object);
    }
    object
}

pub(super) fn from_storage(scope: &Scope, object: &Value) -> Value {
    let mut object = object.clone();
    if !scope.is_stored_version() {
        scope.kind.rules.from_storage(&mut object);
        object["kind"] = Value::String(scope.kind.kind.clone());
        object["apiVersion"] = Value::String(crate::registry::api_version(&scope.kind));
    }
    object
}
