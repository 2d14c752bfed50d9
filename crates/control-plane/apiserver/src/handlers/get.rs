//! GET of one object.

use http::StatusCode;
use styr_meta::Status;

use super::Scope;
use super::list_options::revision;
use crate::body::Response;
use crate::inbound::Inbound;
use crate::negotiation::Offer;
use crate::registry::read::At;
use crate::{response, status};

pub(super) async fn get(inbound: Inbound, scope: Scope) -> Result<Response, Status> {
    let form = inbound.form(Offer::Objects)?;
    let at = match revision(inbound.query.text("resourceVersion")).map_err(status::plain)? {
        None => At::Latest,
        Some(0) => At::Any,
        Some(revision) => At::NotOlderThan(revision),
    };
    let entry = scope
        .registry
        .get(&inbound.info.namespace, &inbound.info.name, at)
        .await?;
    let now = inbound.state.clock.now();
    response::object(&scope, &entry, form, (StatusCode::OK, now, &inbound.query))
}
