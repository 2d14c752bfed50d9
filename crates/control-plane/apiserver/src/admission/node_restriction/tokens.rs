//! Tokens that a node asks for: for its own pods, and for audiences that they name.

use std::sync::Arc;

use serde_json::Value;
use styr_meta::Status;

use super::Outcome;
use crate::admission::{items, signers, text};
use crate::attributes::{AdmissionAttributes, Attributes, Authorizer, Operation};
use crate::objects::Objects;

pub(super) async fn check(
    attributes: &AdmissionAttributes<'_>,
    node: &str,
    (objects, authorizers): (&dyn Objects, &[Arc<dyn Authorizer>]),
) -> Result<Outcome, Status> {
    if attributes.operation != Operation::Create || attributes.subresource != "token" {
        return Ok(Ok(()));
    }
    let Some(request) = attributes.object.as_deref() else {
        return Ok(Ok(()));
    };
    let reference = &request["spec"]["boundObjectRef"];
    let (name, uid) = (text(&reference["name"]), text(&reference["uid"]));
    if reference["apiVersion"] != "v1" || reference["kind"] != "Pod" || name.is_empty() {
        return Ok(Err("node requested token not bound to a pod".to_owned()));
    }
    if uid.is_empty() {
        let why = "node requested token with a pod binding without a uid";
        return Ok(Err(why.to_owned()));
    }
    let Some(pod) = objects.get("", "pods", Some(attributes.namespace), name) else {
        return Err(Status::not_found(("", "pods"), name));
    };
    if pod["metadata"]["uid"] != uid {
        return Ok(Err(format!(
            "the UID in the bound object reference ({uid}) does not match the UID in record. The \
             object might have been deleted and then recreated"
        )));
    }
    if pod["spec"]["nodeName"] != node {
        let why = "node requested token bound to a pod scheduled on a different node";
        return Ok(Err(why.to_owned()));
    }
    Ok(audience(attributes, request, (&pod, objects, authorizers)).await)
}

async fn audience(
    attributes: &AdmissionAttributes<'_>,
    request: &Value,
    (pod, objects, authorizers): (&Value, &dyn Objects, &[Arc<dyn Authorizer>]),
) -> Outcome {
    let asked: Vec<&str> = items(&request["spec"]["audiences"]).map(text).collect();
    let audience = match asked.as_slice() {
        [] => "",
        [one] => one,
        _ => return Err("node may only request 0 or 1 audiences".to_owned()),
    };
    if items(&pod["spec"]["volumes"])
        .any(|volume| names_audience(volume, audience, (attributes.namespace, pod, objects)))
    {
        return Ok(());
    }
    let asked = Attributes {
        user: Arc::new(attributes.user.clone()),
        verb: "request-serviceaccounts-token-audience".to_owned(),
        group: attributes.kind.group.clone(),
        version: attributes.kind.version.clone(),
        resource: audience.to_owned(),
        namespace: attributes.namespace.to_owned(),
        name: attributes.name.to_owned(),
        is_resource: true,
        ..Attributes::default()
    };
    if signers::first_opinion(authorizers, &asked).await {
        return Ok(());
    }
    let user = &attributes.user.name;
    Err(format!(
        "{user} is not authorized to request tokens for audience {audience:?}"
    ))
}

/// Whether a volume asks for a token for that audience, itself or by its CSI driver.
fn names_audience(
    volume: &Value,
    audience: &str,
    (namespace, pod, objects): (&str, &Value, &dyn Objects),
) -> bool {
    let is_projected = items(&volume["projected"]["sources"]).any(|source| {
        let token = &source["serviceAccountToken"];
        !token.is_null() && text(&token["audience"]) == audience
    });
    if is_projected {
        return true;
    }
    let claim = match volume["persistentVolumeClaim"]["claimName"].as_str() {
        Some(name) => Some(name.to_owned()),
        None if volume["ephemeral"].is_null() => None,
        None => Some(format!(
            "{}-{}",
            text(&pod["metadata"]["name"]),
            text(&volume["name"])
        )),
    };
    let driver = match claim {
        Some(claim) => driver_of(&claim, namespace, objects),
        None => volume["csi"]["driver"].as_str().map(str::to_owned),
    };
    let driver = driver.and_then(|name| objects.get("storage.k8s.io", "csidrivers", None, &name));
    driver.is_some_and(|driver| {
        items(&driver["spec"]["tokenRequests"]).any(|it| text(&it["audience"]) == audience)
    })
}

fn driver_of(claim: &str, namespace: &str, objects: &dyn Objects) -> Option<String> {
    let claim = objects.get("", "persistentvolumeclaims", Some(namespace), claim)?;
    let volume = objects.get(
        "",
        "persistentvolumes",
        None,
        text(&claim["spec"]["volumeName"]),
    )?;
    volume["spec"]["csi"]["driver"].as_str().map(str::to_owned)
}
