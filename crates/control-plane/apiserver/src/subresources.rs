//! What is not one of the generic verbs: parts of objects, actions, streams, reviews.
//!
//! One file per entry, one line per entry in the tables.

mod access_reviews;
mod approval;
mod binding;
mod component_status;
mod ephemeral_containers;
mod eviction;
mod finalize;
mod identity_reviews;
mod log;
mod node_proxy;
mod pod_conditions;
mod pod_proxy;
mod resize;
mod scale;
mod service_proxy;
mod streaming;
mod token;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::StatusCode;
use serde_json::json;
use styr_api::Kind;
use styr_meta::Status;

use crate::body::Response;
use crate::handlers::{self, Scope};
use crate::inbound::Inbound;
use crate::negotiation::Offer;
use crate::registry::{Aspect, Part};
use crate::{response, status};

type Answer = Pin<Box<dyn Future<Output = Result<Response, Status>> + Send>>;

/// What answers.
enum Entry {
    /// Reads and writes like the object itself, with rules of its own.
    Part(&'static Part),
    Action(fn(Inbound, Scope) -> Answer),
}

/// Subresources but `status`, which all kinds have alike.
const ENTRIES: &[(&str, &str, &str, Entry)] = &[
    ("", "namespaces", "finalize", Entry::Part(&finalize::PART)),
    (
        "",
        "nodes",
        "proxy",
        Entry::Action(|i, s| Box::pin(node_proxy::answer(i, s))),
    ),
    (
        "",
        "pods",
        "attach",
        Entry::Action(|i, s| Box::pin(streaming::attach(i, s))),
    ),
    (
        "",
        "pods",
        "binding",
        Entry::Action(|i, s| Box::pin(binding::answer(i, s))),
    ),
    (
        "",
        "pods",
        "ephemeralcontainers",
        Entry::Part(&ephemeral_containers::PART),
    ),
    (
        "",
        "pods",
        "eviction",
        Entry::Action(|i, s| Box::pin(eviction::answer(i, s))),
    ),
    (
        "",
        "pods",
        "exec",
        Entry::Action(|i, s| Box::pin(streaming::exec(i, s))),
    ),
    (
        "",
        "pods",
        "log",
        Entry::Action(|i, s| Box::pin(log::answer(i, s))),
    ),
    (
        "",
        "pods",
        "portforward",
        Entry::Action(|i, s| Box::pin(streaming::port_forward(i, s))),
    ),
    (
        "",
        "pods",
        "proxy",
        Entry::Action(|i, s| Box::pin(pod_proxy::answer(i, s))),
    ),
    ("", "pods", "resize", Entry::Part(&resize::PART)),
    (
        "",
        "replicationcontrollers",
        "scale",
        Entry::Action(|i, s| Box::pin(scale::answer(i, s))),
    ),
    (
        "",
        "serviceaccounts",
        "token",
        Entry::Action(|i, s| Box::pin(token::answer(i, s))),
    ),
    (
        "",
        "services",
        "proxy",
        Entry::Action(|i, s| Box::pin(service_proxy::answer(i, s))),
    ),
    (
        "apps",
        "deployments",
        "scale",
        Entry::Action(|i, s| Box::pin(scale::answer(i, s))),
    ),
    (
        "apps",
        "replicasets",
        "scale",
        Entry::Action(|i, s| Box::pin(scale::answer(i, s))),
    ),
    (
        "apps",
        "statefulsets",
        "scale",
        Entry::Action(|i, s| Box::pin(scale::answer(i, s))),
    ),
    (
        "certificates.k8s.io",
        "certificatesigningrequests",
        "approval",
        Entry::Part(&approval::PART),
    ),
];

type CreateOnly = fn(Inbound, Arc<Kind>) -> Answer;

/// Kinds that are not stored.
const CREATE_ONLY: &[(&str, &str, CreateOnly)] = &[
    ("", "bindings", |i, _| Box::pin(binding::collection(i))),
    ("", "componentstatuses", |i, k| {
        Box::pin(component_status::answer(i, k))
    }),
    ("authentication.k8s.io", "selfsubjectreviews", |i, k| {
        Box::pin(identity_reviews::self_subject(i, k))
    }),
    ("authentication.k8s.io", "tokenreviews", |i, k| {
        Box::pin(identity_reviews::token(i, k))
    }),
    (
        "authorization.k8s.io",
        "localsubjectaccessreviews",
        |i, k| Box::pin(access_reviews::local(i, k)),
    ),
    (
        "authorization.k8s.io",
        "selfsubjectaccessreviews",
        |i, k| Box::pin(access_reviews::self_subject(i, k)),
    ),
    ("authorization.k8s.io", "selfsubjectrulesreviews", |i, k| {
        Box::pin(access_reviews::rules(i, k))
    }),
    ("authorization.k8s.io", "subjectaccessreviews", |i, k| {
        Box::pin(access_reviews::subject(i, k))
    }),
];

/// Answers a request for a subresource.
pub(crate) async fn answer(inbound: Inbound, kind: &Arc<Kind>) -> Result<Response, Status> {
    let info = &inbound.info;
    let known = kind
        .subresources
        .iter()
        .find(|it| it.name == info.subresource);
    let Some(known) = known else {
        return Err(status::no_such_path());
    };
    // Proxies also pass on the one method for which there is no verb.
    let is_asked_through = info.subresource == "proxy" && inbound.method == http::Method::OPTIONS;
    if !known.verbs.contains(&info.verb) && !is_asked_through {
        return Err(status::no_such_method());
    }
    let registry = inbound.state.resources.get(&info.group, &info.resource);
    let registry = registry.ok_or_else(|| status::internal("the kind is not registered"))?;
    let scope = Scope {
        kind: Arc::clone(kind),
        registry: Arc::clone(registry),
    };
    if info.subresource == "status" {
        return handlers::part(inbound, scope, Aspect::Status).await;
    }
    let entry = ENTRIES.iter().find(|(group, plural, name, _)| {
        *group == kind.group && *plural == kind.plural && *name == info.subresource
    });
    match entry {
        Some((_, _, _, Entry::Part(part))) => {
            handlers::part(inbound, scope, Aspect::Part(part)).await
        }
        Some((_, _, _, Entry::Action(action))) => action(inbound, scope).await,
        None => Err(status::not_implemented(&format!(
            "{}/{}",
            kind.plural, info.subresource
        ))),
    }
}

/// Answers a request for a kind that is not stored.
pub(crate) async fn create_only(inbound: Inbound, kind: &Arc<Kind>) -> Result<Response, Status> {
    if !kind.verbs.contains(&inbound.info.verb) {
        return Err(status::no_such_method());
    }
    let entry = CREATE_ONLY
        .iter()
        .find(|(group, plural, _)| *group == kind.group && *plural == kind.plural);
    match entry {
        Some((_, _, create)) => create(inbound, Arc::clone(kind)).await,
        None => Err(status::not_implemented(&kind.plural)),
    }
}

/// 201 without an object.
fn created(inbound: &Inbound) -> Result<Response, Status> {
    let form = inbound.form(Offer::Documents)?;
    let value = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "code": 201,
    });
    let shape = crate::shapes::meta("Status");
    Ok(response::document(
        &shape,
        &value,
        form,
        StatusCode::CREATED,
    ))
}
