//! One of the two servers, and what it answers.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT, WARNING};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::{Value, json};
use styr_client::Client;
use styr_schema::{Schema, envelope};

use crate::case::Step;

/// What owns the fields that steps write without naming a manager.
const PROGRAM: &str = "differential";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// A server, and the bodies that it has answered in the case that runs.
#[derive(Debug)]
pub struct Side {
    client: Client,
    namespace: String,
    answers: BTreeMap<String, Value>,
}

impl Side {
    /// A server before its first step of a case.
    pub fn new(client: &Client, namespace: &str) -> Self {
        Self {
            client: client.clone(),
            namespace: namespace.to_owned(),
            answers: BTreeMap::new(),
        }
    }

    /// Sends a request. The answer is a tree of `code`, `type`, `warnings` and `body`.
    pub async fn ask(&mut self, step: &Step) -> Result<Value> {
        let step = step.resolved(&self.namespace, &self.answers)?;
        let answer = self
            .client
            .kube()
            .send(request(&step)?)
            .await
            .with_context(|| format!("could not send {:?}", step.name))?;
        let (head, body) = answer.into_parts();
        let bytes = body
            .collect()
            .await
            .with_context(|| format!("the answer to {:?} broke off", step.name))?
            .to_bytes();
        let header =
            |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let media = head.headers.get(CONTENT_TYPE).map(header);
        let media = media.unwrap_or_default();
        let warnings: Vec<String> = head.headers.get_all(WARNING).iter().map(header).collect();
        let body = parsed(&media, &bytes)
            .with_context(|| format!("the answer to {:?} is not {media}", step.name))?;
        self.answers.insert(step.name.clone(), body.clone());
        Ok(json!({
            "code": head.status.as_u16(), "type": media, "warnings": warnings, "body": body,
        }))
    }
}

fn request(step: &Step) -> Result<http::Request<Body>> {
    let (method, path) = step
        .request
        .split_once(' ')
        .with_context(|| format!("{:?} is no method and path", step.request))?;
    let body = match (&step.body, &step.text) {
        (Some(body), _) => body.to_string().into_bytes(),
        (None, Some(text)) => text.clone().into_bytes(),
        (None, None) => Vec::new(),
    };
    let media = step.content_type.as_deref().unwrap_or("application/json");
    let accept = step.accept.as_deref().unwrap_or("application/json");
    let mut request = http::Request::builder()
        .method(method)
        .uri(path)
        .header(USER_AGENT, PROGRAM)
        .header(CONTENT_TYPE, media)
        .header(ACCEPT, accept);
    for (name, value) in &step.headers {
        request = request.header(name, value);
    }
    request
        .body(Body::from(body))
        .with_context(|| format!("{:?} is no request", step.name))
}

/// A body as a tree: of several lines, a list; of protobuf, what it holds; of text, the text.
fn parsed(media: &str, bytes: &[u8]) -> Result<Value> {
    if media.starts_with(PROTOBUF) {
        let envelope = envelope::unwrap(bytes)?;
        let shape = Schema::builtin()
            .shape_of(&envelope.api_version, &envelope.kind)
            .with_context(|| format!("no shape of {}", envelope.kind))?;
        return Ok(shape.decode_protobuf(envelope.raw)?);
    }
    if !media.starts_with("application/json") {
        return Ok(Value::String(String::from_utf8_lossy(bytes).into_owned()));
    }
    let lines = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
    let mut values = lines.collect::<Result<Vec<_>, _>>()?;
    Ok(match values.len() {
        1 => values.remove(0),
        _ => Value::Array(values),
    })
}
