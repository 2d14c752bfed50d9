//! The four access reviews: may this user do that, and what may I do at all.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};
use styr_api::Kind;
use styr_meta::{FieldError, Status};

use crate::attributes::{Attributes, Decision, User};
use crate::body::Response;
use crate::field_manager::FieldManager;
use crate::inbound::Inbound;
use crate::negotiation::{Form, Offer};
use crate::response;

/// `SelfSubjectAccessReview`: about the sender.
pub(super) async fn self_subject(inbound: Inbound, kind: Arc<Kind>) -> Result<Response, Status> {
    let (inbound, review, form) = read(inbound, &kind).await?;
    check_spec(&kind, &review, false)?;
    let user = Arc::clone(&inbound.user);
    decide(&inbound, &kind, (review, form), user).await
}

/// `SubjectAccessReview`: about anybody.
pub(super) async fn subject(inbound: Inbound, kind: Arc<Kind>) -> Result<Response, Status> {
    let (inbound, review, form) = read(inbound, &kind).await?;
    check_spec(&kind, &review, true)?;
    let user = subject_of(&review);
    decide(&inbound, &kind, (review, form), user).await
}

/// `LocalSubjectAccessReview`: about anybody, in one namespace.
pub(super) async fn local(inbound: Inbound, kind: Arc<Kind>) -> Result<Response, Status> {
    let (inbound, mut review, form) = read(inbound, &kind).await?;
    check_spec(&kind, &review, true)?;
    let namespace = inbound.info.namespace.as_str();
    let asked = review["spec"]["resourceAttributes"]["namespace"]
        .as_str()
        .unwrap_or("");
    if asked != namespace {
        let field = "spec.resourceAttributes.namespace";
        let problem = FieldError::invalid(field, asked, "must match metadata.namespace");
        return Err(Status::invalid(
            (kind.group.as_str(), ""),
            "",
            vec![problem],
        ));
    }
    review["metadata"]["namespace"] = namespace.into();
    let user = subject_of(&review);
    decide(&inbound, &kind, (review, form), user).await
}

/// `SelfSubjectRulesReview`: everything that the sender may do in a namespace.
pub(super) async fn rules(inbound: Inbound, kind: Arc<Kind>) -> Result<Response, Status> {
    let (inbound, mut review, form) = read(inbound, &kind).await?;
    let namespace = review["spec"]["namespace"]
        .as_str()
        .unwrap_or("")
        .to_owned();
    if namespace.is_empty() {
        return Err(Status::bad_request("no namespace on request"));
    }
    let summary = inbound.state.rules_for(&inbound.user, &namespace);
    // Upstream answers a new object, without the question and whoever asked it.
    review["spec"] = json!({});
    if let Some(metadata) = review["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    review["status"] = json!({
        "resourceRules": summary.resource_rules,
        "nonResourceRules": summary.non_resource_rules,
        "incomplete": summary.incomplete,
    });
    if !summary.evaluation_error.is_empty() {
        review["status"]["evaluationError"] = summary.evaluation_error.into();
    }
    Ok(response::document(
        &kind.shape,
        &review,
        form,
        StatusCode::CREATED,
    ))
}

async fn read(mut inbound: Inbound, kind: &Kind) -> Result<(Inbound, Value, Form), Status> {
    let form = inbound.form(Offer::Documents)?;
    let mut review = inbound.read_object(kind).await?.object;
    FieldManager::of_kind(&inbound, kind).update(None, &mut review);
    Ok((inbound, review, form))
}

fn check_spec(kind: &Kind, review: &Value, names_user: bool) -> Result<(), Status> {
    let spec = &review["spec"];
    let has = |field: &str| spec[field].is_object();
    let mut problems = Vec::new();
    if has("resourceAttributes") == has("nonResourceAttributes") {
        let detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
        let given = match &spec["nonResourceAttributes"] {
            Value::Object(given) => json!({
                "Path": given.get("path").unwrap_or(&json!("")),
                "Verb": given.get("verb").unwrap_or(&json!("")),
            }),
            _ => Value::Null,
        };
        problems.push(FieldError::invalid("spec", given, detail));
    }
    let is_nobody = spec["user"].as_str().unwrap_or("").is_empty()
        && spec["groups"].as_array().is_none_or(Vec::is_empty);
    if names_user && is_nobody {
        let detail = "at least one of user or group must be specified";
        problems.push(FieldError::invalid("spec.user", "", detail));
    }
    if problems.is_empty() {
        return Ok(());
    }
    // Upstream does not name the kind.
    Err(Status::invalid((kind.group.as_str(), ""), "", problems))
}

fn subject_of(review: &Value) -> Arc<User> {
    let spec = &review["spec"];
    let text = |field: &str| spec[field].as_str().unwrap_or("").to_owned();
    let texts = |value: &Value| -> Vec<String> {
        let list = value.as_array();
        list.into_iter()
            .flatten()
            .filter_map(|it| it.as_str().map(str::to_owned))
            .collect()
    };
    let extra = spec["extra"].as_object();
    Arc::new(User {
        name: text("user"),
        uid: text("uid"),
        groups: texts(&spec["groups"]),
        extra: extra
            .into_iter()
            .flatten()
            .map(|(key, values)| (key.clone(), texts(values)))
            .collect(),
    })
}

async fn decide(
    inbound: &Inbound,
    kind: &Kind,
    (mut review, form): (Value, Form),
    user: Arc<User>,
) -> Result<Response, Status> {
    let attributes = attributes(&review["spec"], user);
    let (allowed, denied, reason) = match inbound.state.authorize(&attributes).await {
        Decision::Allow(reason) => (true, false, reason),
        Decision::Deny(reason) => (false, true, reason),
        Decision::NoOpinion(reason) => (false, false, reason),
    };
    review["status"] = json!({ "allowed": allowed });
    if denied {
        review["status"]["denied"] = true.into();
    }
    if !reason.is_empty() {
        review["status"]["reason"] = reason.into();
    }
    Ok(response::document(
        &kind.shape,
        &review,
        form,
        StatusCode::CREATED,
    ))
}

fn attributes(spec: &Value, user: Arc<User>) -> Attributes {
    if let Some(asked) = spec["nonResourceAttributes"].as_object() {
        let text = |field: &str| {
            asked
                .get(field)
                .and_then(Value::as_str)
                .unwrap_or("")
                .to_owned()
        };
        return Attributes {
            user,
            verb: text("verb"),
            path: text("path"),
            ..Attributes::default()
        };
    }
    let asked = &spec["resourceAttributes"];
    let text = |field: &str| asked[field].as_str().unwrap_or("").to_owned();
    let version = match text("version") {
        version if version.is_empty() => "*".to_owned(),
        version => version,
    };
    Attributes {
        user,
        verb: text("verb"),
        namespace: text("namespace"),
        group: text("group"),
        version,
        resource: text("resource"),
        subresource: text("subresource"),
        name: text("name"),
        is_resource: true,
        field_selector: asked["fieldSelector"]["rawSelector"]
            .as_str()
            .unwrap_or("")
            .to_owned(),
        label_selector: asked["labelSelector"]["rawSelector"]
            .as_str()
            .unwrap_or("")
            .to_owned(),
        path: String::new(),
    }
}
