//! What etcd answers over HTTP/1.1, at the clients' addresses and at those of `--listen-metrics-urls`:
//! health, version and metrics.
//!
//! See <https://etcd.io/docs/v3.6/op-guide/monitoring/>.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;
use styr_component::metrics;

use crate::Engine;
use crate::engine::VERSION;

const TEXT: &str = "text/plain; charset=utf-8";
const LIVE: &[Check] = &[Check::SerializableRead];
const READY: &[Check] = &[
    Check::DataCorruption,
    Check::SerializableRead,
    Check::LinearizableRead,
    Check::NonLearner,
];

/// One thing that may be wrong with a member.
#[derive(Debug, Clone, Copy)]
enum Check {
    DataCorruption,
    SerializableRead,
    LinearizableRead,
    NonLearner,
}

impl Check {
    fn name(self) -> &'static str {
        match self {
            Self::DataCorruption => "data_corruption",
            Self::SerializableRead => "serializable_read",
            Self::LinearizableRead => "linearizable_read",
            Self::NonLearner => "non_learner",
        }
    }

    /// Why it is not well. What is in memory can be read as long as there is a process; what others
    /// may rely on has to be written first.
    fn fault(self, engine: &Engine) -> Option<&str> {
        match self {
            Self::LinearizableRead => engine.fault(),
            // Damage on disk ends the start; and a single member learns from nobody.
            Self::DataCorruption | Self::SerializableRead | Self::NonLearner => None,
        }
    }
}

/// Answers any request.
pub(crate) fn answer<B>(engine: &Engine, request: &Request<B>) -> Response<Full<Bytes>> {
    let query = request.uri().query().unwrap_or("");
    let path = request.uri().path().trim_start_matches('/');
    let (endpoint, name) = path.split_once('/').unwrap_or((path, ""));
    let checks = match endpoint {
        "livez" => LIVE,
        "readyz" => READY,
        "health" | "version" | "metrics" if name.is_empty() => &[],
        _ => return not_found(),
    };
    if request.method() != Method::GET {
        let text = "Method Not Allowed\n".to_owned();
        let mut answer = text_answer(StatusCode::METHOD_NOT_ALLOWED, TEXT, text);
        answer
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET"));
        return answer;
    }
    match endpoint {
        "health" => health(engine),
        "version" => version(),
        "metrics" => text_answer(StatusCode::OK, metrics::CONTENT_TYPE, figures(engine)),
        _ if name.is_empty() => checked(engine, checks, query),
        _ => match checks.iter().find(|check| check.name() == name) {
            Some(check) => checked(engine, &[*check], query),
            None => not_found(),
        },
    }
}

fn health(engine: &Engine) -> Response<Full<Bytes>> {
    let (code, health, reason) = match engine.fault() {
        None => (StatusCode::OK, "true", String::new()),
        Some(fault) => {
            let reason = format!("RANGE ERROR:{fault}");
            (StatusCode::SERVICE_UNAVAILABLE, "false", reason)
        }
    };
    let text = json!({ "health": health, "reason": reason }).to_string();
    text_answer(code, TEXT, text)
}

fn version() -> Response<Full<Bytes>> {
    let text = json!({ "etcdserver": VERSION, "etcdcluster": VERSION, "storage": VERSION });
    text_answer(StatusCode::OK, "application/json", text.to_string())
}

/// `ok`; with `?verbose`, or where something is wrong, a line for each check that is not excluded.
fn checked(engine: &Engine, checks: &[Check], query: &str) -> Response<Full<Bytes>> {
    let is_excluded = |name: &str| {
        let mut excluded = query
            .split('&')
            .filter_map(|it| it.strip_prefix("exclude="));
        excluded.any(|excluded| excluded == name)
    };
    let (mut lines, mut code) = (String::new(), StatusCode::OK);
    for check in checks.iter().filter(|check| !is_excluded(check.name())) {
        let name = check.name();
        match check.fault(engine) {
            None => lines.push_str(&format!("[+]{name} ok\n")),
            Some(fault) => {
                code = StatusCode::SERVICE_UNAVAILABLE;
                lines.push_str(&format!("[-]{name} failed: {fault}\n"));
            }
        }
    }
    let is_verbose = query
        .split('&')
        .any(|part| part == "verbose" || part.starts_with("verbose="));
    let text = match (code, is_verbose) {
        (StatusCode::OK, true) => lines + "ok\n",
        (StatusCode::OK, false) => "ok\n".to_owned(),
        _ => lines + "\n",
    };
    text_answer(code, TEXT, text)
}

/// The figures that dashboards of etcd look at first.
fn figures(engine: &Engine) -> String {
    let registry = metrics::Registry::new();
    let gauge = |name, help, value: f64| registry.gauge(name, help, &[]).set(&[], value);
    let is_well = if engine.fault().is_none() { 1.0 } else { 0.0 };
    let leader = "Whether or not a leader exists. 1 is existence, 0 is not.";
    gauge("etcd_server_has_leader", leader, 1.0);
    gauge(
        "etcd_server_is_leader",
        "Whether or not this member is a leader.",
        1.0,
    );
    gauge(
        "etcd_server_writable",
        "Whether or not the log takes writes.",
        is_well,
    );
    if let Ok(state) = engine.state() {
        let size = "Total size of the data on disk in bytes.";
        gauge("etcd_mvcc_db_total_size_in_bytes", size, float(state.size));
        let revision = u64::try_from(state.revision).unwrap_or(0);
        let now = "The current revision of the store.";
        gauge("etcd_debugging_mvcc_current_revision", now, float(revision));
    }
    registry.text()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "sizes and revisions below 2 to the 53 are exact"
)]
fn float(value: u64) -> f64 {
    value as f64
}

fn not_found() -> Response<Full<Bytes>> {
    let text = "404 page not found\n".to_owned();
    text_answer(StatusCode::NOT_FOUND, TEXT, text)
}

fn text_answer(code: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(text.into()));
    *answer.status_mut() = code;
    let kind = HeaderValue::from_static(kind);
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

#[cfg(test)]
mod tests;
