//! `pods/log`: what a container wrote, from its kubelet.

use serde_json::Value;
use styr_meta::{FieldError, Status};

use super::streaming::{node_of, pick_container};
use crate::body::{Body, Response};
use crate::forward::{Outgoing, forward};
use crate::handlers::Scope;
use crate::inbound::Inbound;
use crate::query::Query;
use crate::registry::read::At;
use crate::websocket::{self, Messages};
use crate::{response, status};

/// Parameters that a kubelet knows by the same name.
const PASSED_ON: [&str; 8] = [
    "follow",
    "limitBytes",
    "previous",
    "sinceSeconds",
    "sinceTime",
    "stream",
    "tailLines",
    "timestamps",
];

pub(super) async fn answer(inbound: Inbound, scope: Scope) -> Result<Response, Status> {
    let query = &inbound.query;
    let problems = problems(query);
    if !problems.is_empty() {
        return Err(Status::invalid(
            ("", "PodLogOptions"),
            &inbound.info.name,
            problems,
        ));
    }
    let entry = scope
        .registry
        .get(&inbound.info.namespace, &inbound.info.name, At::Latest)
        .await?;
    let pod = entry.value();
    let container = pick_container(&pod, query.text("container"))?;
    let Some(node) = node_of(&inbound, &pod).await? else {
        // A pod without a node has no log, not even an empty one.
        let none = http::StatusCode::NO_CONTENT;
        return Ok(response::with_body(none, Body::empty()));
    };
    let path = format!(
        "/containerLogs/{}/{}/{container}{}",
        inbound.info.namespace,
        inbound.info.name,
        passed_on(query)
    );
    let destination = inbound.state.kubelets.destination(&node, path)?;
    let outgoing = Outgoing {
        method: http::Method::GET,
        headers: http::HeaderMap::new(),
        extensions: http::Extensions::new(),
        body: Body::empty(),
    };
    let mut answer = forward(&inbound.state.connections, &destination, outgoing).await?;
    if !answer.status().is_success() {
        return Err(refused(answer).await);
    }
    let plain = http::HeaderValue::from_static("text/plain");
    answer
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, plain);
    websocket::offer(&inbound, answer, Messages::Bytes)
}

/// A kubelet's plain refusal as a Status.
async fn refused(answer: Response) -> Status {
    use http_body_util::{BodyExt as _, Limited};
    const TEXT_MAX: usize = 2048;
    let code = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), TEXT_MAX).collect().await;
    let text = body.map(|it| it.to_bytes()).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    match code {
        404 => Status::failure(404, "NotFound", text),
        400 => status::bad_request(&text),
        _ => Status::internal(text),
    }
}

fn problems(query: &Query) -> Vec<FieldError> {
    let mut problems = Vec::new();
    let number = |name: &str| query.number(name).ok().flatten();
    if number("tailLines").is_some_and(|lines| lines < 0) {
        let detail = "must be greater than or equal to 0";
        problems.push(FieldError::invalid(
            "tailLines",
            number("tailLines"),
            detail,
        ));
    }
    if number("limitBytes").is_some_and(|bytes| bytes < 1) {
        let detail = "must be greater than 0";
        problems.push(FieldError::invalid(
            "limitBytes",
            number("limitBytes"),
            detail,
        ));
    }
    if number("sinceSeconds").is_some_and(|seconds| seconds < 1) {
        let detail = "must be greater than 0";
        problems.push(FieldError::invalid(
            "sinceSeconds",
            number("sinceSeconds"),
            detail,
        ));
    }
    if query.get("sinceSeconds").is_some() && query.get("sinceTime").is_some() {
        let detail = "at most one of `sinceTime` or `sinceSeconds` may be specified";
        problems.push(FieldError::forbidden("", detail));
    }
    problems
}

fn passed_on(query: &Query) -> String {
    let pairs: Vec<String> = query
        .pairs()
        .iter()
        .filter(|(name, value)| PASSED_ON.contains(&name.as_str()) && !value.is_empty())
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    if pairs.is_empty() {
        String::new()
    } else {
        format!("?{}", pairs.join("&"))
    }
}

/// Percent encoding of a query's value.
pub(super) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// The names of all containers of a pod, for messages.
pub(super) fn container_names(pod: &Value, list: &str) -> Vec<String> {
    let containers = pod["spec"][list].as_array();
    containers
        .into_iter()
        .flatten()
        .filter_map(|it| it["name"].as_str().map(str::to_owned))
        .collect()
}
