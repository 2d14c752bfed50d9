//! PUT of one object, or of a part of it.

use http::StatusCode;
use serde_json::Value;
use styr_meta::Status;

use super::Scope;
use super::create::match_namespace;
use super::write::{self, Written};
use crate::body::Response;
use crate::field_manager::{self, FieldManager};
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
    field_manager::check_options(&inbound, false)?;
    let mut decoded = inbound.read_object(&scope.kind).await?;
    match_namespace(&inbound, &scope, &mut decoded.object)?;
    let object = decoded.object;
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
    let manager = FieldManager::of(&inbound, &scope);
    let change = |live: Option<&Value>| {
        let mut new = object.clone();
        manager.update(live, &mut new);
        Ok(new)
    };
    let creates = matches!(aspect, Aspect::Main) && scope.kind.rules.allow_create_on_update();
    let written = if creates {
        write::update_or_create(&inbound, &scope, (&target, &mut call), change).await?
    } else {
        let updated = write::update(&scope, &target, &mut call, |live| change(Some(live)));
        Written {
            entry: updated.await?.entry,
            created: false,
        }
    };
    let warnings = std::mem::take(&mut call.warnings);
    let code = if written.created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let now = inbound.state.clock.now();
    let answer = response::object(&scope, &written.entry, form, (code, now, &inbound.query))?;
    Ok(response::with_warnings(answer, &warnings))
}
