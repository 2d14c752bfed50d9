//! `serviceaccounts/token`: a token that is bound to an object and to a time.
//!
//! See <https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/>.

use std::sync::Arc;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use styr_meta::{FieldError, Status};

use super::Tokens;
use crate::attributes::Operation;
use crate::body::Response;
use crate::field_manager::FieldManager;
use crate::handlers::Scope;
use crate::inbound::Inbound;
use crate::negotiation::Offer;
use crate::registry::call::Subject;
use crate::registry::read::At;
use crate::{response, shapes, status};

const GVK: (&str, &str, &str) = ("authentication.k8s.io", "v1", "TokenRequest");
const EXPIRATION_MIN: i64 = 600;
const EXPIRATION_MAX: i64 = 1 << 32;
/// What the kubelet asks for in pods: an hour and a little, by which it is known.
const POD_EXPIRATION: i64 = 3607;
/// How long such tokens can be used by clients that do not read them again: a year.
const EXTENDED_EXPIRATION: i64 = 365 * 24 * 3600;

/// Answers the subresource.
pub(crate) async fn answer(mut inbound: Inbound, scope: Scope) -> Result<Response, Status> {
    let form = inbound.form(Offer::Documents)?;
    let shape = shapes::builtin("io.k8s.api.authentication.v1.TokenRequest");
    let mut request = inbound.read_as(&shape, GVK).await?.object;
    shape.apply_defaults(&mut request);
    let version = ("authentication.k8s.io/v1".to_owned(), "TokenRequest");
    FieldManager::of_shape(&inbound, &shape, version).update(None, &mut request);
    let tokens = Arc::clone(&inbound.state.tokens);
    let name = inbound.info.name.clone();
    let namespace = inbound.info.namespace.clone();
    admit(&inbound, &scope, &mut request).await?;
    let account = scope
        .registry
        .get(&namespace, &name, At::Latest)
        .await?
        .value();
    let audiences = tokens.prepare(&mut request)?;
    let bound = bound(&inbound, &account, &request["spec"]["boundObjectRef"]).await?;
    let now = inbound.state.clock.now();
    let wanted = request["spec"]["expirationSeconds"]
        .as_i64()
        .unwrap_or(3600);
    let (token, expires) = tokens.make(&account, &audiences, &bound, (now, wanted))?;
    let managers = request["metadata"]["managedFields"].take();
    let mut metadata = json!({
        "name": name,
        "namespace": namespace,
        "creationTimestamp": crate::registry::timestamp(now),
    });
    if !managers.is_null() {
        metadata["managedFields"] = managers;
    }
    request["metadata"] = metadata;
    request["status"] =
        json!({"token": token, "expirationTimestamp": crate::registry::timestamp(expires)});
    Ok(response::document(
        &shape,
        &request,
        form,
        StatusCode::CREATED,
    ))
}

/// Admission decides as well: a node gets tokens only for its own pods.
async fn admit(inbound: &Inbound, scope: &Scope, request: &mut Value) -> Result<(), Status> {
    let subject = Subject {
        operation: Operation::Create,
        kind: &scope.kind,
        subresource: "token",
        name: &inbound.info.name,
    };
    let mut call = inbound.call(Vec::new())?;
    call.admit(&subject, Some(request), None).await?;
    call.validate(&subject, Some(request), None).await
}

/// What a token is bound to besides its account.
#[derive(Debug, Default)]
struct Bound {
    claims: Vec<(&'static str, Value)>,
    is_pod: bool,
}

async fn bound(inbound: &Inbound, account: &Value, reference: &Value) -> Result<Bound, Status> {
    let text = |field: &str| reference[field].as_str().unwrap_or_default();
    let (resource, claim) = match (text("apiVersion"), text("kind")) {
        _ if reference.is_null() => return Ok(Bound::default()),
        ("v1" | "", "Pod") => ("pods", "pod"),
        ("v1" | "", "Secret") => ("secrets", "secret"),
        ("v1" | "", "Node") => ("nodes", "node"),
        (version, kind) => {
            let (group, version) = version.split_once('/').unwrap_or(("", version));
            let text = format!(
                "cannot bind token for serviceaccount \"{}\" to type \"{group}/{version}, Kind={kind}\"",
                account["metadata"]["name"].as_str().unwrap_or_default()
            );
            return Err(status::bad_request(&text));
        }
    };
    let registry = inbound.state.resources.builtin("", resource);
    let namespace = if resource == "nodes" {
        ""
    } else {
        inbound.info.namespace.as_str()
    };
    let found = registry
        .get(namespace, text("name"), At::Latest)
        .await?
        .value();
    let uid = found["metadata"]["uid"].as_str().unwrap_or_default();
    if !text("uid").is_empty() && text("uid") != uid {
        let message = format!(
            "the UID in the bound object reference ({}) does not match the UID in record. The object might have been deleted and then recreated",
            text("uid")
        );
        return Err(Status::conflict(
            ("", registry.kind.kind.as_str()),
            text("name"),
            message,
        ));
    }
    let mut claims = vec![(claim, reference_claim(&found))];
    if resource == "pods" {
        let wanted = found["spec"]["serviceAccountName"]
            .as_str()
            .unwrap_or_default();
        if account["metadata"]["name"] != wanted {
            let text = format!(
                "cannot bind token for serviceaccount \"{}\" to pod running with different serviceaccount name.",
                account["metadata"]["name"].as_str().unwrap_or_default()
            );
            return Err(status::bad_request(&text));
        }
        if let Some(node) = found["spec"]["nodeName"]
            .as_str()
            .filter(|node| !node.is_empty())
        {
            claims.push(("node", node_claim(inbound, node).await));
        }
    }
    Ok(Bound {
        claims,
        is_pod: resource == "pods",
    })
}

fn reference_claim(object: &Value) -> Value {
    json!({"name": object["metadata"]["name"], "uid": object["metadata"]["uid"]})
}

/// The pod's node; without uid if it is not there (any more).
async fn node_claim(inbound: &Inbound, name: &str) -> Value {
    let nodes = inbound.state.resources.builtin("", "nodes");
    match nodes.get("", name, At::Latest).await {
        Ok(node) => reference_claim(&node.value()),
        Err(_) => json!({"name": name}),
    }
}

impl Tokens {
    /// Checks the request's own fields; answers the audiences.
    fn prepare(&self, request: &mut Value) -> Result<Vec<String>, Status> {
        let spec = &request["spec"];
        let seconds = spec["expirationSeconds"].as_i64().unwrap_or(3600);
        let problem = match seconds {
            ..EXPIRATION_MIN => Some("may not specify a duration less than 10 minutes"),
            EXPIRATION_MAX.. => Some("may not specify a duration larger than 2^32 seconds"),
            _ => None,
        };
        if let Some(detail) = problem {
            let field = FieldError::invalid("spec.expirationSeconds", seconds, detail);
            let kind = ("authentication.k8s.io", "TokenRequest");
            return Err(Status::invalid(kind, "", vec![field]));
        }
        let asked = spec["audiences"].as_array().into_iter().flatten();
        let mut audiences: Vec<String> = asked
            .filter_map(|it| it.as_str().map(str::to_owned))
            .collect();
        if audiences.is_empty() {
            audiences = self.audiences();
            request["spec"]["audiences"] = audiences.clone().into();
        }
        if self.expiration_max > 0 && seconds > self.expiration_max {
            request["spec"]["expirationSeconds"] = self.expiration_max.into();
        }
        Ok(audiences)
    }

    /// Signs a token; answers it with the time that the client is told.
    fn make(
        &self,
        account: &Value,
        audiences: &[String],
        bound: &Bound,
        (now, seconds): (Timestamp, i64),
    ) -> Result<(String, Timestamp), Status> {
        let Some(signer) = &self.signer else {
            return Err(crate::status::no_such_path());
        };
        let issued = now.as_second();
        let namespace = account["metadata"]["namespace"]
            .as_str()
            .unwrap_or_default();
        let name = account["metadata"]["name"].as_str().unwrap_or_default();
        let mut private = json!({
            "namespace": namespace,
            "serviceaccount": reference_claim(account),
        });
        for (claim, value) in &bound.claims {
            private[*claim] = value.clone();
        }
        let is_default = audiences == self.audiences.as_slice();
        let extends = self.is_extended && seconds == POD_EXPIRATION && bound.is_pod && is_default;
        let mut lifetime = seconds;
        if extends {
            private["warnafter"] = (issued + seconds).into();
            lifetime = EXTENDED_EXPIRATION;
        }
        let claims = json!({
            "aud": audiences,
            "exp": issued + lifetime,
            "iat": issued,
            "iss": self.issuers.first(),
            "jti": uuid::Uuid::new_v4().to_string(),
            "kubernetes.io": private,
            "nbf": issued,
            "sub": format!("system:serviceaccount:{namespace}:{name}"),
        });
        let failed = |error: &dyn std::fmt::Display| {
            Status::internal(format!("failed to generate token: {error}"))
        };
        let token = signer.sign(&claims).map_err(|error| failed(&error))?;
        let expires = Timestamp::from_second(issued + seconds).map_err(|error| failed(&error))?;
        Ok((token, expires))
    }
}
