//! From a path to a kind of the table, and to the generic verb or the subresource that answers.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use styr_api::Kind;
use styr_meta::Status;

use crate::body::Response;
use crate::handlers::{self, Scope};
use crate::inbound::Inbound;
use crate::negotiation::Offer;
use crate::request::RequestInfo;
use crate::{chain, response, status, subresources};

/// `group/version/plural` to kind.
fn index() -> &'static HashMap<String, Arc<Kind>> {
    static INDEX: OnceLock<HashMap<String, Arc<Kind>>> = OnceLock::new();
    INDEX.get_or_init(|| {
        let key = |kind: &Arc<Kind>| {
            (
                format!("{}/{}/{}", kind.group, kind.version, kind.plural),
                Arc::clone(kind),
            )
        };
        styr_api::table().iter().map(key).collect()
    })
}

/// The kind of a resource.
pub(crate) fn kind(group: &str, version: &str, plural: &str) -> Option<&'static Arc<Kind>> {
    index().get(&format!("{group}/{version}/{plural}"))
}

/// Kinds that upstream advises against, in its words.
const DEPRECATED: &[(&str, &str)] = &[
    (
        "componentstatuses",
        "v1 ComponentStatus is deprecated in v1.19+",
    ),
    (
        "endpoints",
        "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
    ),
];

/// Answers a request for a resource.
pub(crate) async fn answer(inbound: Inbound) -> Result<Response, Status> {
    let is_core = inbound.info.group.is_empty();
    let advice = DEPRECATED
        .iter()
        .find(|(plural, _)| is_core && *plural == inbound.info.resource);
    let Some((_, text)) = advice else {
        return route(inbound).await;
    };
    // Refusals carry the advice too.
    let form = inbound.form(Offer::Documents).unwrap_or_default();
    let answer = route(inbound).await;
    let answer = answer.unwrap_or_else(|refused| response::refused(&refused, form));
    Ok(response::with_warnings(answer, &[(*text).to_owned()]))
}

async fn route(inbound: Inbound) -> Result<Response, Status> {
    let info = &inbound.info;
    let Some(kind) = kind(&info.group, &info.version, &info.resource) else {
        return nowhere(&info.group);
    };
    let is_namespace = kind.plural == "namespaces" && kind.group.is_empty();
    if !kind.namespaced && !info.namespace.is_empty() && !is_namespace {
        return Err(status::no_such_path());
    }
    if kind.namespaced && info.namespace.is_empty() && needs_namespace(info) {
        let is_collection = info.name.is_empty() || info.verb == "deletecollection";
        return Err(if is_collection {
            status::no_such_method()
        } else {
            status::no_such_path()
        });
    }
    if !info.subresource.is_empty() {
        return subresources::answer(inbound, kind).await;
    }
    if kind.storage_prefix.is_empty() {
        return subresources::create_only(inbound, kind).await;
    }
    let registry = inbound.state.resources.get(&info.group, &info.resource);
    let registry = registry.ok_or_else(|| status::internal("the kind is not registered"))?;
    let scope = Scope {
        kind: Arc::clone(kind),
        registry: Arc::clone(registry),
    };
    let is_named = !inbound.info.name.is_empty();
    let fits = match inbound.info.verb.as_str() {
        "create" => !is_named,
        "update" | "patch" => is_named,
        verb => !verb.is_empty(),
    };
    if !fits {
        return Err(status::no_such_method());
    }
    handlers::resource(inbound, scope).await
}

/// Upstream's two ways to say that there is nothing: one for groups that it serves, one for others.
fn nowhere(group: &str) -> Result<Response, Status> {
    if styr_api::table().iter().any(|kind| kind.group == group) {
        return Err(status::no_such_path());
    }
    Ok(chain::nowhere())
}

/// All but lists over all namespaces are of one namespace.
fn needs_namespace(info: &RequestInfo) -> bool {
    !matches!(info.verb.as_str(), "list" | "watch")
}
