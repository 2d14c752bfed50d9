//! The generic verbs, for every kind of the table.

pub(crate) mod apply;
mod create;
mod delete;
mod delete_collection;
mod get;
mod list;
mod list_options;
mod not_enforced;
pub(crate) mod patch;
mod update;
mod watch;
mod watch_frames;
mod write;

pub(crate) use list::Page;

use std::sync::Arc;

use styr_api::Kind;
use styr_meta::Status;

use crate::body::Response;
use crate::inbound::Inbound;
use crate::registry::{Aspect, Registry};
use crate::status;

/// A resource in the version in which a request speaks of it.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    pub kind: Arc<Kind>,
    pub registry: Arc<Registry>,
}

impl Scope {
    /// Whether objects are stored in the version of the request.
    pub(crate) fn is_stored_version(&self) -> bool {
        Arc::ptr_eq(&self.kind, &self.registry.kind)
    }
}

/// Answers a request for a resource without a subresource.
pub(crate) async fn resource(inbound: Inbound, scope: Scope) -> Result<Response, Status> {
    let verb = inbound.info.verb.clone();
    if !scope.kind.verbs.contains(&verb) {
        return Err(status::no_such_method());
    }
    if is_write(&verb)
        && let Some(reason) = not_enforced::reason(&scope.kind)
    {
        return Err(status::not_implemented(&reason));
    }
    match verb.as_str() {
        "get" => get::get(inbound, scope).await,
        "list" => list::list(inbound, scope).await,
        "watch" => watch::watch(inbound, scope).await,
        "create" => create::create(inbound, scope).await,
        "update" => update::update(inbound, scope, Aspect::Main).await,
        "patch" => patch::patch(inbound, scope, Aspect::Main).await,
        "delete" => delete::delete(inbound, scope).await,
        "deletecollection" => delete_collection::delete_collection(inbound, scope).await,
        _ => Err(status::no_such_method()),
    }
}

/// Answers a request for a part of an object that is read and written like the object itself.
pub(crate) async fn part(
    inbound: Inbound,
    scope: Scope,
    aspect: Aspect,
) -> Result<Response, Status> {
    match inbound.info.verb.as_str() {
        "get" => get::get(inbound, scope).await,
        "update" => update::update(inbound, scope, aspect).await,
        "patch" => patch::patch(inbound, scope, aspect).await,
        _ => Err(status::no_such_method()),
    }
}

fn is_write(verb: &str) -> bool {
    matches!(verb, "create" | "update" | "patch")
}
