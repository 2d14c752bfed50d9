//! PUT of one object, or of a part of it.

use http::StatusCode;
use styr_meta::Status;

use super::Scope;
use super::create::{match_namespace, to_storage};
use crate::body::Response;
use crate::inbound::Inbound;
use crate::negotiation::Offer;
use crate::registry::{Aspect, Preconditions, Target};
use crate::{response, status};

pub(super) async fn update(
    mut inbound: Inbound,
    scope: Scope,
    aspect: Aspect,
) -> Result<Response, Status> {
    let form = inbound.form(Offer::Objects)?;
    let mut decoded = inbound.read_object(&scope.kind).await?;
    match_namespace(&inbound, &scope, &mut decoded.object)?;
    let object = to_storage(&scope, decoded.object);
    let given = object["metadata"]["name"].as_str().unwrap_or("");
    if given != inbound.info.name {
        return Err(status::name_mismatch(given, &inbound.info.name));
    }
    let uid = object["metadata"]["uid"].as_str().map(str::to_owned);
    let target = Target {
        name: &inbound.info.name,
        aspect,
        preconditions: Preconditions {
            uid,
            resource_version: None,
        },
    };
    let mut call = inbound.call(decoded.warnings)?;
    let updated = scope
        .registry
        .update(&mut call, &target, |_| Ok(object.clone()))
        .await?;
    let warnings = std::mem::take(&mut call.warnings);
    let code = if updated.created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let now = inbound.state.clock.now();
    let answer = response::object(&scope, &updated.entry, form, (code, now, &inbound.query))?;
    Ok(response::with_warnings(answer, &warnings))
}
