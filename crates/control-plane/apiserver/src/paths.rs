//! Paths that are no resources: health, metrics, version, discovery, OpenAPI, keys.

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use styr_component::operations;
use styr_meta::Status;

use crate::body::{Body, Response};
use crate::inbound::Inbound;
use crate::{chain, discovery, pretty, response, status};

pub(crate) async fn answer(inbound: Inbound) -> Result<Response, Status> {
    if inbound.method != Method::GET && inbound.method != Method::HEAD {
        return Err(status::no_such_method());
    }
    let path = inbound.info.path.as_str();
    if let Some(answer) = health(&inbound) {
        return Ok(answer);
    }
    if let Some(answer) = discovery::answer(&inbound) {
        return answer;
    }
    match path {
        "/" | "/index.html" => Ok(json_document(&index())),
        "/version" | "/version/" => Ok(json_document(&version())),
        "/.well-known/openid-configuration" => Ok(compact(&inbound.state.tokens.provider())),
        "/openid/v1/jwks" => Ok(key_set(&inbound)),
        _ if path.starts_with("/openapi/") => inbound.state.openapi.answer(&inbound),
        _ => Ok(chain::nowhere()),
    }
}

fn health(inbound: &Inbound) -> Option<Response> {
    let path = inbound.info.path.as_str();
    let health = &inbound.state.health;
    let checks = match path.trim_start_matches('/').split('/').next()? {
        "healthz" => &health.healthz,
        "livez" => &health.livez,
        "readyz" | "metrics" => &health.readyz,
        _ => return None,
    };
    let query = inbound.request.uri.query().unwrap_or("");
    let parts = (checks, &inbound.state.metrics.registry);
    let answer = operations::answer(&inbound.method, path, query, parts)?;
    let mut answer = answer.map(|body| Body::new(body.map_err(|never| match never {})));
    let value = http::HeaderValue::from_static("no-cache, private");
    answer
        .headers_mut()
        .insert(http::header::CACHE_CONTROL, value);
    Some(answer)
}

fn key_set(inbound: &Inbound) -> Response {
    let mut answer = compact(&inbound.state.tokens.key_set());
    let media = http::HeaderValue::from_static("application/jwk-set+json");
    answer
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, media);
    answer
}

fn compact(value: &Value) -> Response {
    let json = serde_json::to_vec(value).expect("plain texts");
    response::json_bytes(StatusCode::OK, Bytes::from(json))
}

/// Upstream indents these.
fn json_document(value: &Value) -> Response {
    let json = serde_json::to_vec(value).expect("plain texts");
    response::json_bytes(StatusCode::OK, Bytes::from(pretty::indent(&json)))
}

/// The version that this server is compatible with.
pub(crate) fn version() -> Value {
    json!({
        "major": "1",
        "minor": "37",
        "emulationMajor": "1",
        "emulationMinor": "37",
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "36",
        "gitVersion": "v1.37.1",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "",
        "goVersion": "",
        "compiler": "rustc",
        "platform": "linux/amd64",
    })
}

fn index() -> Value {
    let mut paths: Vec<String> = [
        "/.well-known/openid-configuration",
        "/api",
        "/api/v1",
        "/apis",
        "/apis/",
        "/healthz",
        "/livez",
        "/metrics",
        "/openapi/v2",
        "/openapi/v3",
        "/openapi/v3/",
        "/openid/v1/jwks",
        "/readyz",
        "/version",
    ]
    .map(str::to_owned)
    .to_vec();
    for (group, versions) in discovery::groups(styr_api::table()) {
        paths.extend(
            versions
                .iter()
                .map(|version| format!("/apis/{group}/{version}")),
        );
        paths.push(format!("/apis/{group}"));
    }
    paths.sort();
    json!({ "paths": paths })
}
