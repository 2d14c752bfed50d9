//! The way of a request: what is it, who sends it, may they, is there room; then its handler.
//!
//! Each step has one entry point, however few its members: authentication, audit, authorization,
//! fairness, and (on writes) admission. A client in memory goes the same way; it only brings its
//! identity instead of credentials.

use std::sync::{Arc, Mutex};

use http::{HeaderValue, StatusCode};
use styr_meta::Status;

use crate::attributes::{Attributes, Decision, Identity, PeerCertificates, User};
use crate::body::{Body, Request, Response};
use crate::flow::Flow;
use crate::inbound::Inbound;
use crate::negotiation::{self, Form, Offer};
use crate::query::Query;
use crate::request::RequestInfo;
use crate::server::State;
use crate::{authentication, impersonation, paths, resources, response, status};

/// Answers any request.
pub(crate) async fn answer(state: Arc<State>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    if let Some(connection) = parts.extensions.get::<styr_component::serve::Connection>() {
        let certificates = Arc::clone(&connection.certificates);
        parts.extensions.insert(PeerCertificates(certificates));
    }
    let query = Query::parse(parts.uri.query().unwrap_or(""));
    let info = RequestInfo::new(&parts.method, parts.uri.path(), &query);
    let form = negotiation::accept(&parts.headers, &query, Offer::Documents).unwrap_or_default();
    let started = state.clock.monotonic();
    let (verb, resource) = (info.verb.clone(), info.resource.clone());
    let audit_id = audit_id(&parts.headers);
    let mut answer = match serve(&state, (parts, body), info, (query, form)).await {
        Ok(answer) => answer,
        Err(refused) => response::refused(&refused, Form { ..form }),
    };
    answer.headers_mut().insert("audit-id", audit_id);
    let took = state.clock.monotonic().saturating_sub(started);
    state
        .metrics
        .request((&verb, &resource), answer.status(), took);
    answer
}

async fn serve(
    state: &Arc<State>,
    (mut parts, body): (http::request::Parts, Body),
    info: RequestInfo,
    (query, form): (Query, Form),
) -> Result<Response, Status> {
    let mut user = authenticate(state, &parts).await?;
    authentication::forget_credentials(&mut parts.headers, &state.config.requestheader);
    if let Some(assumed) = impersonation::assumed(state, &user, &parts.headers).await? {
        user = Arc::new(assumed);
    }
    authorize(state, &user, &info, &query).await?;
    let flow = state.flows.of(&user, &info);
    let answering = answer_authorized(state, (parts, body), (info, query), user);
    let mut answer = answering
        .await
        .unwrap_or_else(|refused| response::refused(&refused, form));
    if let Some(flow) = flow {
        tell_flow(&mut answer, &flow);
    }
    Ok(answer)
}

/// Upstream's headers that say how a request was classified.
fn tell_flow(answer: &mut Response, flow: &Flow) {
    let headers = [
        ("x-kubernetes-pf-flowschema-uid", &flow.schema_uid),
        ("x-kubernetes-pf-prioritylevel-uid", &flow.level_uid),
    ];
    for (name, uid) in headers {
        if let Ok(value) = HeaderValue::from_str(uid) {
            answer.headers_mut().insert(name, value);
        }
    }
}

async fn answer_authorized(
    state: &Arc<State>,
    (mut parts, body): (http::request::Parts, Body),
    (info, query): (RequestInfo, Query),
    user: Arc<User>,
) -> Result<Response, Status> {
    let permit = state.limits.enter(&info)?;
    parts.extensions.insert(permit);
    let inbound = Inbound {
        state: Arc::clone(state),
        user,
        info,
        query,
        method: parts.method.clone(),
        headers: parts.headers.clone(),
        request: parts,
        body: Mutex::new(body),
    };
    if is_long_running(&inbound.info) {
        return Box::pin(resources::answer(inbound)).await;
    }
    let limit = state.config.request_timeout;
    let answering = async {
        if inbound.info.is_resource {
            Box::pin(resources::answer(inbound)).await
        } else {
            Box::pin(paths::answer(inbound)).await
        }
    };
    tokio::select! {
        answer = answering => answer,
        () = state.clock.sleep(limit) => Err(status::took_too_long()),
    }
}

/// Watches and streams last as long as their readers want.
fn is_long_running(info: &RequestInfo) -> bool {
    const STREAMS: [&str; 5] = ["attach", "exec", "log", "portforward", "proxy"];
    info.is_resource && (info.verb == "watch" || STREAMS.contains(&info.subresource.as_str()))
}

/// A sender's identity: brought along in memory, or proved by credentials.
async fn authenticate(state: &State, parts: &http::request::Parts) -> Result<Arc<User>, Status> {
    if let Some(Identity(user)) = parts.extensions.get::<Identity>() {
        return Ok(Arc::clone(user));
    }
    // A credential that one finds bad may be good to another; only in the end it counts.
    let mut refused = false;
    for authenticator in &state.authenticators {
        match authenticator.authenticate(parts).await {
            Ok(Some(mut user)) => {
                let all = "system:authenticated";
                if user.name != "system:anonymous" && !user.is_in(all) {
                    user.groups.push(all.to_owned());
                }
                return Ok(Arc::new(user));
            }
            Ok(None) => {}
            Err(error) => {
                tracing::info!(%error, "refused credentials");
                refused = true;
            }
        }
    }
    if state.config.anonymous_auth && !refused && !authentication::has_bearer_token(parts) {
        return Ok(Arc::new(User::anonymous()));
    }
    Err(Status::unauthorized("Unauthorized"))
}

async fn authorize(
    state: &State,
    user: &Arc<User>,
    info: &RequestInfo,
    query: &Query,
) -> Result<(), Status> {
    let attributes = attributes(user, info, query);
    match state.authorize(&attributes).await {
        Decision::Allow(_) => Ok(()),
        Decision::Deny(reason) | Decision::NoOpinion(reason) => {
            Err(status::forbidden(&user.name, info, &reason))
        }
    }
}

/// Whether the sender may also create what a request would update, if it were there.
pub(crate) async fn authorize_creation(inbound: &Inbound) -> Result<(), Status> {
    let info = RequestInfo {
        verb: "create".to_owned(),
        ..inbound.info.clone()
    };
    authorize(&inbound.state, &inbound.user, &info, &inbound.query).await
}

/// A request as authorizers see it.
pub(crate) fn attributes(user: &Arc<User>, info: &RequestInfo, query: &Query) -> Attributes {
    let selects = matches!(info.verb.as_str(), "list" | "watch" | "deletecollection");
    let selector = |name: &str| {
        if selects {
            query.text(name).to_owned()
        } else {
            String::new()
        }
    };
    Attributes {
        user: Arc::clone(user),
        verb: info.verb.clone(),
        namespace: info.namespace.clone(),
        group: info.group.clone(),
        version: info.version.clone(),
        resource: info.resource.clone(),
        subresource: info.subresource.clone(),
        name: info.name.clone(),
        path: info.path.clone(),
        is_resource: info.is_resource,
        field_selector: selector("fieldSelector"),
        label_selector: selector("labelSelector"),
    }
}

/// The request's own, or a new one.
fn audit_id(headers: &http::HeaderMap) -> HeaderValue {
    const AUDIT_ID_MAX: usize = 64;
    if let Some(given) = headers
        .get("audit-id")
        .filter(|it| it.len() <= AUDIT_ID_MAX)
    {
        return given.clone();
    }
    let made = uuid::Uuid::new_v4().to_string();
    HeaderValue::from_str(&made).expect("hex digits and dashes")
}

/// Answers a path that nobody serves, as upstream's mux does.
pub(crate) fn nowhere() -> Response {
    response::text(StatusCode::NOT_FOUND, "404 page not found\n")
}
