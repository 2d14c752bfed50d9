//! `/healthz` of the node, as load balancers ask it, and what scrapes ask.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use jiff::Timestamp;
use serde_json::json;
use styr_base::SharedClock;
use styr_component::health::Checks;
use styr_component::metrics::Registry;
use styr_component::{operations, serve};
use tower::Service;

/// How the proxy is doing. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Health {
    clock: SharedClock,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    /// When the kernel last had all that was wanted.
    last: Option<Timestamp>,
    is_behind: bool,
    is_eligible: bool,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    /// Whether load balancers should send anything to this node.
    Node,
    /// Whether the proxy works.
    Proxy,
}

type Answer = Response<Full<Bytes>>;

impl Health {
    pub(crate) fn new(clock: SharedClock) -> Self {
        let state = State {
            last: None,
            is_behind: true,
            is_eligible: false,
        };
        Self {
            clock,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// The kernel has all that is wanted.
    pub(crate) fn current(&self) {
        let mut state = self.state.lock().expect("no holder of this lock panics");
        state.last = Some(self.clock.now());
        state.is_behind = false;
    }

    /// The kernel refused a change.
    pub(crate) fn behind(&self) {
        let mut state = self.state.lock().expect("no holder of this lock panics");
        state.is_behind = true;
    }

    /// Whether the kernel has all that is wanted.
    pub(crate) fn is_current(&self) -> bool {
        let state = self.state.lock().expect("no holder of this lock panics");
        !state.is_behind
    }

    /// Whether load balancers should send anything here.
    pub(crate) fn eligible(&self, is_eligible: bool) {
        let mut state = self.state.lock().expect("no holder of this lock panics");
        state.is_eligible = is_eligible;
    }

    fn answer(&self, about: About) -> Answer {
        let state = *self.state.lock().expect("no holder of this lock panics");
        let now = self.clock.now();
        let is_well = !state.is_behind && (state.is_eligible || about == About::Proxy);
        let code = if is_well {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        let text = |at: Option<Timestamp>| {
            at.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |at| at.to_string())
        };
        let last = if is_well { Some(now) } else { state.last };
        let mut body = json!({
            "lastUpdated": text(last),
            "currentTime": now.to_string(),
            "healthy": !state.is_behind,
            "status": {
                "IPv4": { "lastUpdated": text(state.last), "healthy": !state.is_behind },
            },
        });
        if about == About::Node {
            body["nodeEligible"] = state.is_eligible.into();
        }
        reply(code, "application/json", body.to_string())
    }
}

/// The server of `/healthz` and `/livez`.
pub(crate) fn health_service(
    health: Health,
) -> impl Service<Request<Incoming>, Response = Answer, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static {
    serve::handler(move |request: Request<Incoming>| {
        std::future::ready(match request.uri().path() {
            "/healthz" => health.answer(About::Node),
            "/livez" => health.answer(About::Proxy),
            _ => not_found(),
        })
    })
}

/// The server of `/metrics` and `/proxyMode`.
pub(crate) fn metrics_service(
    registry: Registry,
) -> impl Service<Request<Incoming>, Response = Answer, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static {
    let checks = Checks::new();
    serve::handler(move |request: Request<Incoming>| {
        let uri = request.uri();
        if uri.path() == "/proxyMode" {
            let mode = "nftables".to_owned();
            return std::future::ready(reply(StatusCode::OK, "text/plain; charset=utf-8", mode));
        }
        let query = uri.query().unwrap_or("");
        let parts = (&checks, &registry);
        let answer = operations::answer(request.method(), uri.path(), query, parts);
        std::future::ready(answer.unwrap_or_else(not_found))
    })
}

fn not_found() -> Answer {
    let text = "404 page not found\n".to_owned();
    reply(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", text)
}

fn reply(code: StatusCode, kind: &'static str, body: String) -> Answer {
    Response::builder()
        .status(code)
        .header(CONTENT_TYPE, kind)
        .header("x-content-type-options", "nosniff")
        .body(Full::new(Bytes::from(body)))
        .expect("constant headers are valid")
}

#[cfg(test)]
mod tests;
