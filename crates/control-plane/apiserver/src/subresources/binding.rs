//! `pods/binding` and `bindings`: a pod gets its node.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};
use styr_meta::{FieldError, Status};

use super::pod_conditions::{self, Holds};
use crate::attributes::{Operation, User};
use crate::body::Response;
use crate::handlers::Scope;
use crate::inbound::Inbound;
use crate::negotiation::Offer;
use crate::registry::call::Subject;
use crate::registry::{Aspect, Call, Part, Preconditions, Target, timestamp};
use crate::{resources, response, shapes, status};

/// Written by the server itself; the pod's own rules have no say.
static PART: Part = Part {
    name: "binding",
    prepare: |_, _, _| {},
    validate: |_, _, _| Vec::new(),
};

const SCHEDULED: Holds = Holds {
    kind: "PodScheduled",
    reason: "",
    message: "",
};

const GVK: (&str, &str, &str) = ("", "v1", "Binding");

pub(super) async fn answer(inbound: Inbound, scope: Scope) -> Result<Response, Status> {
    let name = inbound.info.name.clone();
    bind(inbound, scope, Some(name)).await
}

/// POST to `bindings`: the name is in the body.
pub(super) async fn collection(inbound: Inbound) -> Result<Response, Status> {
    let kind = resources::kind("", "v1", "pods").expect("the table has pods");
    let registry = Arc::clone(inbound.state.resources.builtin("", "pods"));
    bind(
        inbound,
        Scope {
            kind: Arc::clone(kind),
            registry,
        },
        None,
    )
    .await
}

async fn bind(
    mut inbound: Inbound,
    scope: Scope,
    name: Option<String>,
) -> Result<Response, Status> {
    let form = inbound.form(Offer::Documents)?;
    let shape = shapes::builtin("io.k8s.api.core.v1.Binding");
    let mut binding = inbound.read_as(&shape, GVK).await?.object;
    let given = binding["metadata"]["name"]
        .as_str()
        .unwrap_or("")
        .to_owned();
    let name = match name {
        Some(name) if given != name => {
            return Err(status::bad_request(
                "name in URL does not match name in Binding object",
            ));
        }
        Some(name) => name,
        None => given,
    };
    let problems = problems(&binding);
    if !problems.is_empty() {
        // Upstream does not classify this error.
        return Err(status::plain(styr_meta::field::aggregate(&problems)));
    }
    let mut call = inbound.call(Vec::new())?;
    let subject = Subject {
        operation: Operation::Create,
        kind: &scope.kind,
        subresource: "binding",
        name: &name,
    };
    call.admit(&subject, Some(&mut binding), None).await?;
    call.validate(&subject, Some(&mut binding), None).await?;
    let user = User::loopback();
    let mut write = Call::internal(&user, call.namespace);
    write.dry_run = call.dry_run;
    let uid = binding["metadata"]["uid"]
        .as_str()
        .filter(|uid| !uid.is_empty())
        .map(str::to_owned);
    let target = Target {
        name: &name,
        aspect: Aspect::Part(&PART),
        preconditions: Preconditions {
            uid,
            resource_version: None,
        },
    };
    let now = timestamp(inbound.state.clock.now());
    scope
        .registry
        .update(&mut write, &target, |pod| {
            assign(pod, &binding, &now)
                .map_err(|why| Status::conflict(("", "pods/binding"), &name, why))
        })
        .await?;
    let value = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "code": 201,
    });
    Ok(response::document(
        &shapes::meta("Status"),
        &value,
        form,
        StatusCode::CREATED,
    ))
}

fn problems(binding: &Value) -> Vec<FieldError> {
    let mut problems = Vec::new();
    let kind = binding["target"]["kind"].as_str().unwrap_or("");
    if !matches!(kind, "" | "Node") {
        let valid = ["Node", "<empty>"];
        problems.push(FieldError::not_supported("target.kind", kind, &valid));
    }
    if binding["target"]["name"].as_str().unwrap_or("").is_empty() {
        problems.push(FieldError::required("target.name", ""));
    }
    problems
}

/// The pod on its node; or why it cannot be there.
fn assign(pod: &Value, binding: &Value, now: &str) -> Result<Value, String> {
    let name = pod["metadata"]["name"].as_str().unwrap_or("");
    if !pod["metadata"]["deletionTimestamp"].is_null() {
        return Err(format!(
            "pod {name} is being deleted, cannot be assigned to a host"
        ));
    }
    if let Some(node) = pod["spec"]["nodeName"]
        .as_str()
        .filter(|node| !node.is_empty())
    {
        return Err(format!("pod {name} is already assigned to node {node:?}"));
    }
    if pod["spec"]["schedulingGates"]
        .as_array()
        .is_some_and(|gates| !gates.is_empty())
    {
        return Err(format!("pod {name} has non-empty .spec.schedulingGates"));
    }
    let mut pod = pod.clone();
    pod["spec"]["nodeName"] = binding["target"]["name"].clone();
    for field in ["annotations", "labels"] {
        for (key, value) in binding["metadata"][field].as_object().into_iter().flatten() {
            pod["metadata"][field][key] = value.clone();
        }
    }
    pod_conditions::set(&mut pod, &SCHEDULED, now);
    // Where it was to go is said by where it is.
    if let Some(status) = pod["status"].as_object_mut() {
        status.remove("nominatedNodeName");
    }
    Ok(pod)
}
