//! The endpoints that every component serves besides its work: health and metrics.

use std::convert::Infallible;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tower::Service;

use crate::health::{Checks, Report};
use crate::metrics::{self, Registry};

/// An answer of [`answer`].
pub type Answer = Response<Full<Bytes>>;

/// Answers `/healthz`, `/livez`, `/readyz` (each also with `/NAME`) and `/metrics`; `None` if the
/// path is another.
pub fn answer(
    method: &Method,
    path: &str,
    query: &str,
    parts: (&Checks, &Registry),
) -> Option<Answer> {
    let (checks, registry) = parts;
    let mut segments = path.trim_start_matches('/').splitn(2, '/');
    let endpoint = segments.next()?;
    let report = match (endpoint, segments.next()) {
        ("metrics", None) => return Some(text(StatusCode::OK, registry.text(), true)),
        ("healthz" | "livez" | "readyz", None | Some("")) => checks.report(endpoint, query),
        ("healthz" | "livez" | "readyz", Some(name)) => {
            checks.report_one(name).unwrap_or_else(|| Report {
                code: 404,
                text: "404 page not found\n".to_owned(),
            })
        }
        _ => return None,
    };
    if method != Method::GET && method != Method::HEAD {
        return Some(text(StatusCode::METHOD_NOT_ALLOWED, String::new(), false));
    }
    let code = StatusCode::from_u16(report.code).expect("a constant of this module");
    Some(text(code, report.text, false))
}

/// A server of nothing but these endpoints.
pub fn service(
    checks: Checks,
    registry: Registry,
) -> impl Service<Request<Incoming>, Response = Answer, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static {
    crate::serve::handler(move |request: Request<Incoming>| {
        let uri = request.uri();
        let parts = (&checks, &registry);
        let answer = answer(
            request.method(),
            uri.path(),
            uri.query().unwrap_or(""),
            parts,
        );
        std::future::ready(answer.unwrap_or_else(not_found))
    })
}

fn not_found() -> Answer {
    text(
        StatusCode::NOT_FOUND,
        "404 page not found\n".to_owned(),
        false,
    )
}

fn text(code: StatusCode, body: String, is_metrics: bool) -> Answer {
    let kind = if is_metrics {
        metrics::CONTENT_TYPE
    } else {
        "text/plain; charset=utf-8"
    };
    Response::builder()
        .status(code)
        .header(CONTENT_TYPE, kind)
        .header("x-content-type-options", "nosniff")
        .body(Full::new(Bytes::from(body)))
        .expect("constant headers are valid")
}

#[cfg(test)]
mod tests;
