//! A request on its way to its handler, and how its body is read.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Method};
use http_body_util::{BodyExt, Limited};
use serde_json::Value;
use styr_api::Kind;
use styr_meta::Status;
use styr_schema::{Shape, Strictness, envelope};

use crate::attributes::User;
use crate::body::Body;
use crate::forward::Outgoing;
use crate::negotiation::{self, Encoding, Form, Offer};
use crate::query::Query;
use crate::registry::Call;
use crate::registry::delete_options::dry_run_problems;
use crate::request::RequestInfo;
use crate::server::State;
use crate::status;

/// Upstream's limit of a body.
pub(crate) const BODY_MAX: usize = 3 << 20;

/// A request whose sender is known.
#[derive(Debug)]
pub(crate) struct Inbound {
    pub state: Arc<State>,
    pub user: Arc<User>,
    pub info: RequestInfo,
    pub query: Query,
    pub method: Method,
    pub headers: HeaderMap,
    /// As it came; a proxied request is sent on from it.
    pub request: http::request::Parts,
    pub body: Mutex<Body>,
}

/// A decoded body and what strict decoding found.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub object: Value,
    pub warnings: Vec<String>,
}

impl Inbound {
    /// The form of the answer.
    pub(crate) fn form(&self, offer: Offer) -> Result<Form, Status> {
        negotiation::accept(&self.headers, &self.query, offer).map_err(status::not_acceptable)
    }

    /// Reads the whole body.
    pub(crate) async fn read_body(&mut self) -> Result<Bytes, Status> {
        let body = std::mem::take(self.body.get_mut().expect("no holder of this lock panics"));
        match Limited::new(body, BODY_MAX).collect().await {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                Err(status::body_too_large(BODY_MAX))
            }
            Err(error) => Err(status::bad_request(&format!(
                "could not read the body: {error}"
            ))),
        }
    }

    /// The body as it comes, to be sent on.
    pub(crate) fn into_outgoing(mut self) -> Outgoing {
        // HTTP/2 has it in the address.
        let authority = self.request.uri.authority().map(|it| it.as_str());
        if let Some(Ok(host)) = authority.map(HeaderValue::from_str) {
            self.headers.entry(HOST).or_insert(host);
        }
        Outgoing {
            method: self.method,
            headers: self.headers,
            extensions: self.request.extensions,
            body: self
                .body
                .into_inner()
                .expect("no holder of this lock panics"),
        }
    }

    /// What to do about unknown and duplicate fields.
    pub(crate) fn strictness(&self) -> Result<Strictness, Status> {
        match self.query.text("fieldValidation") {
            "" | "Warn" => Ok(Strictness::Warn),
            "Ignore" => Ok(Strictness::Ignore),
            "Strict" => Ok(Strictness::Strict),
            other => Err(status::invalid_options(
                self.options_kind(),
                vec![styr_meta::FieldError::not_supported(
                    "fieldValidation",
                    other,
                    &["", "Ignore", "Strict", "Warn"],
                )],
            )),
        }
    }

    /// Whether this is `dryRun=All`.
    pub(crate) fn dry_run(&self) -> Result<bool, Status> {
        let values: Vec<String> = self.query.all("dryRun").map(str::to_owned).collect();
        let problems = dry_run_problems(&values);
        if problems.is_empty() {
            return Ok(!values.is_empty());
        }
        Err(status::invalid_options(self.options_kind(), problems))
    }

    pub(crate) fn options_kind(&self) -> &'static str {
        match self.method {
            Method::POST => "CreateOptions",
            Method::PATCH => "PatchOptions",
            Method::DELETE => "DeleteOptions",
            _ => "UpdateOptions",
        }
    }

    /// A write on behalf of the sender.
    pub(crate) fn call<'a>(&'a self, warnings: Vec<String>) -> Result<Call<'a>, Status> {
        Ok(Call {
            user: &self.user,
            admission: &self.state.admission,
            namespace: self.namespace_of_object(),
            dry_run: self.dry_run()?,
            manager: None,
            warnings,
        })
    }

    /// The namespace that objects of this request are in; that of a Namespace is its own name.
    pub(crate) fn namespace_of_object(&self) -> &str {
        &self.info.namespace
    }

    /// Decodes a body as an object of `kind`.
    pub(crate) async fn read_object(&mut self, kind: &Kind) -> Result<Decoded, Status> {
        let gvk = (
            kind.group.as_str(),
            kind.version.as_str(),
            kind.kind.as_str(),
        );
        let mut decoded = self.read_as(&kind.shape, gvk).await?;
        kind.shape.apply_defaults(&mut decoded.object);
        kind.rules.default(&mut decoded.object);
        Ok(decoded)
    }

    /// Decodes a body by a shape; kind and apiVersion must be those expected, or missing.
    pub(crate) async fn read_as(
        &mut self,
        shape: &Shape,
        gvk: (&str, &str, &str),
    ) -> Result<Decoded, Status> {
        let strictness = self.strictness()?;
        let encoding =
            negotiation::content_type(&self.headers).map_err(status::unsupported_media_type)?;
        let body = self.read_body().await?;
        decode(&body, encoding, strictness, (shape, gvk))
    }
}

/// Decodes bytes into an object of a known kind.
pub(crate) fn decode(
    body: &Bytes,
    encoding: Encoding,
    strictness: Strictness,
    wanted: (&Shape, (&str, &str, &str)),
) -> Result<Decoded, Status> {
    let (shape, (group, version, kind)) = wanted;
    let failed = |reason: String| status::undecodable(kind, version, &reason);
    let mut warnings = Vec::new();
    let mut object = match encoding {
        Encoding::Protobuf => {
            let wrapped = envelope::unwrap(body).map_err(|it| failed(it.to_string()))?;
            check_type(&wrapped.api_version, &wrapped.kind, (group, version, kind))?;
            shape
                .decode_protobuf(wrapped.raw)
                .map_err(|it| failed(it.to_string()))?
        }
        Encoding::Json | Encoding::Yaml => {
            let decoded = match encoding {
                Encoding::Json => shape.decode_json(body, strictness),
                _ => shape.decode_yaml(body, strictness),
            };
            let decoded = decoded.map_err(|it| match encoding {
                Encoding::Json if !is_object(body) => {
                    status::unrecognized(kind, &it.to_string(), body)
                }
                _ => failed(it.to_string()),
            })?;
            if strictness == Strictness::Strict && !decoded.problems.is_empty() {
                let list = decoded.problems.join(", ");
                return Err(failed(format!("strict decoding error: {list}")));
            }
            if strictness == Strictness::Warn {
                warnings = decoded.problems;
            }
            let text = |field: &str| decoded.value[field].as_str().unwrap_or("").to_owned();
            check_type(&text("apiVersion"), &text("kind"), (group, version, kind))?;
            decoded.value
        }
    };
    let api_version = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    object["kind"] = Value::String(kind.to_owned());
    object["apiVersion"] = Value::String(api_version);
    Ok(Decoded { object, warnings })
}

fn check_type(
    api_version: &str,
    kind: &str,
    (group, version, wanted): (&str, &str, &str),
) -> Result<(), Status> {
    let expected = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    let given = if api_version.is_empty() {
        &expected
    } else {
        api_version
    };
    if !kind.is_empty() && kind != wanted {
        return Err(status::wrong_kind((given, kind), (group, version, wanted)));
    }
    if given != expected {
        return Err(status::wrong_version(given, (&expected, wanted)));
    }
    Ok(())
}

/// Whether a body is at least one JSON object, whatever is in it.
fn is_object(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'{')
        && serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}
