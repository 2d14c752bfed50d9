//! Paths of the node's API, and what answers them.

use std::sync::Arc;

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use serde_json::json;
use styr_component::operations;
use styr_component::serve::Connection;

use super::answer::{self, Answer};
use super::{Service, logs, metrics, stats, streams};

impl Service {
    pub(super) async fn answer(self: &Arc<Self>, request: Request<Incoming>) -> Answer {
        let connection = request.extensions().get::<Connection>().cloned();
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let asked = (&method, path.as_str(), request.headers());
        if let Err((status, text)) = self.access.check(connection.as_ref(), asked).await {
            return answer::error(status, &text);
        }
        self.route(request, &method, &path).await
    }

    async fn route(
        self: &Arc<Self>,
        request: Request<Incoming>,
        method: &Method,
        path: &str,
    ) -> Answer {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        match parts.as_slice() {
            ["healthz", ..] => {
                let parts = (&self.checks, &self.registry);
                let found = operations::answer(method, path, &query, parts);
                match found {
                    Some(found) => {
                        let (head, content) = found.into_parts();
                        use http_body_util::BodyExt as _;
                        let content = content.map_err(|never| match never {}).boxed_unsync();
                        Answer::from_parts(head, content)
                    }
                    None => not_found(),
                }
            }
            ["pods"] => self.pods(),
            ["runningpods"] => self.running_pods().await,
            ["configz"] => answer::json(&json!({ "kubeletconfig": self.shared.config.shown })),
            ["stats", "summary"] => stats::summary(self).await,
            ["metrics"] => answer::text(self.registry.text()),
            ["metrics", "resource"] => metrics::resource(self).await,
            ["metrics", "probes" | "cadvisor"] => answer::text(String::new()),
            ["containerLogs", namespace, pod, container] => {
                logs::container(self, (namespace, pod, container), &query).await
            }
            ["exec" | "attach" | "run" | "portForward", ..] => {
                let parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
                streams::answer(self, request, &parts, &query).await
            }
            _ => not_found(),
        }
    }

    fn pods(&self) -> Answer {
        answer::json(&json!({
            "kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": self.table.list(),
        }))
    }

    async fn running_pods(&self) -> Answer {
        let sandboxes = match self.shared.runtime.all_sandboxes().await {
            Ok(sandboxes) => sandboxes,
            Err(status) => {
                return answer::error(StatusCode::INTERNAL_SERVER_ERROR, status.message());
            }
        };
        let ready = sandboxes.iter().filter(|sandbox| sandbox.state == 0);
        let items: Vec<_> = ready
            .filter_map(|sandbox| sandbox.metadata.as_ref())
            .map(|metadata| {
                json!({
                    "metadata": {
                        "name": metadata.name, "namespace": metadata.namespace, "uid": metadata.uid,
                    },
                    "spec": { "containers": [] }, "status": {},
                })
            })
            .collect();
        answer::json(
            &json!({ "kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items }),
        )
    }
}

pub(super) fn not_found() -> Answer {
    answer::error(StatusCode::NOT_FOUND, "404 page not found")
}

/// The values of a query by name.
pub(super) fn values(query: &str, name: &str) -> Vec<String> {
    let pairs = query
        .split('&')
        .filter_map(|pair| pair.split_once('=').or(Some((pair, ""))));
    let values = pairs
        .filter(|(key, _)| decoded(key) == name)
        .map(|(_, value)| decoded(value));
    values.collect()
}

pub(super) fn value(query: &str, name: &str) -> Option<String> {
    values(query, name).into_iter().next()
}

pub(super) fn is_true(query: &str, name: &str) -> bool {
    value(query, name)
        .is_some_and(|value| matches!(value.as_str(), "1" | "true" | "t" | "T" | "True"))
}

fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let hex: Vec<u8> = bytes.by_ref().take(2).collect();
                let number = std::str::from_utf8(&hex).ok();
                let number = number.and_then(|hex| u8::from_str_radix(hex, 16).ok());
                out.push(number.unwrap_or(b'?'));
            }
            byte => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
