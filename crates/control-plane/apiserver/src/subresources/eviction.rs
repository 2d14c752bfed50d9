//! `pods/eviction`: a deletion that asks the pod's disruption budget first.

use serde_json::Value;
use styr_meta::{Status, StatusCause, StatusDetails, labels};

use super::pod_conditions::{self, Holds};
use crate::attributes::User;
use crate::body::Response;
use crate::handlers::Scope;
use crate::inbound::Inbound;
use crate::registry::read::At;
use crate::registry::{Aspect, Call, DeleteOptions, Part, Preconditions, Target, timestamp};
use crate::{shapes, status};

const GVK: (&str, &str, &str) = ("policy", "v1", "Eviction");

const EVICTED: Holds = Holds {
    kind: "DisruptionTarget",
    reason: "EvictionByEvictionAPI",
    message: "Eviction API: evicting",
};

static PART: Part = Part {
    name: "eviction",
    prepare: |_, _, _| {},
    validate: |_, _, _| Vec::new(),
};

pub(super) async fn answer(mut inbound: Inbound, scope: Scope) -> Result<Response, Status> {
    let shape = shapes::builtin("io.k8s.api.policy.v1.Eviction");
    let eviction = inbound.read_as(&shape, GVK).await?.object;
    let name = inbound.info.name.clone();
    let given = eviction["metadata"]["name"].as_str().unwrap_or("");
    if !given.is_empty() && given != name {
        return Err(status::bad_request(
            "name in URL does not match name in Eviction object",
        ));
    }
    let mut options = DeleteOptions::from_body(&eviction["deleteOptions"]);
    let pod = scope
        .registry
        .get(&inbound.info.namespace, &name, At::Latest)
        .await?
        .value();
    let mut call = inbound.call(Vec::new())?;
    call.dry_run |= !options.dry_run.is_empty();
    if !ignores_budgets(&pod) {
        spend_budget(&inbound, &pod, call.dry_run).await?;
        let uid = pod["metadata"]["uid"].as_str().map(str::to_owned);
        options.preconditions.uid = options.preconditions.uid.take().or(uid);
    }
    if !call.dry_run {
        mark(&inbound, &scope, &mut options).await?;
    }
    scope.registry.delete(&mut call, &name, &options).await?;
    super::created(&inbound)
}

/// Says in the pod's status why it goes.
async fn mark(inbound: &Inbound, scope: &Scope, options: &mut DeleteOptions) -> Result<(), Status> {
    let user = User::loopback();
    let mut write = Call::internal(&user, &inbound.info.namespace);
    let target = Target {
        name: &inbound.info.name,
        aspect: Aspect::Part(&PART),
        preconditions: options.preconditions.clone(),
    };
    let now = timestamp(inbound.state.clock.now());
    let marked = scope.registry.update(&mut write, &target, |pod| {
        let mut pod = pod.clone();
        pod_conditions::set(&mut pod, &EVICTED, &now);
        Ok(pod)
    });
    let marked = marked.await?;
    if options.preconditions.resource_version.is_some() {
        options.preconditions.resource_version = Some(marked.entry.revision().to_string());
    }
    Ok(())
}

/// A pod that does not run disturbs nobody by going.
fn ignores_budgets(pod: &Value) -> bool {
    let phase = pod["status"]["phase"].as_str().unwrap_or("");
    matches!(phase, "Succeeded" | "Failed" | "Pending")
        || !pod["metadata"]["deletionTimestamp"].is_null()
}

async fn spend_budget(inbound: &Inbound, pod: &Value, dry_run: bool) -> Result<(), Status> {
    let registry = inbound
        .state
        .resources
        .builtin("policy", "poddisruptionbudgets");
    let namespace = inbound.info.namespace.as_str();
    let (snapshot, _) = registry.snapshot(At::Latest).await?;
    let prefix = format!("{namespace}/");
    let mut matching: Vec<Value> = snapshot
        .range(&prefix, "")
        .map(|entry| entry.value())
        .filter(|budget| selects(budget, pod))
        .collect();
    let budget = match matching.len() {
        0 => return Ok(()),
        1 => matching.remove(0),
        _ => {
            return Err(Status::internal(
                "This pod has more than one PodDisruptionBudget, which the eviction subresource \
                 does not support.",
            ));
        }
    };
    if is_unready_and_unhealthy_allowed(&budget, pod) {
        return Ok(());
    }
    let name = budget["metadata"]["name"].as_str().unwrap_or("").to_owned();
    let user = User::loopback();
    let mut call = Call::internal(&user, namespace);
    call.dry_run = dry_run;
    let target = Target {
        name: &name,
        aspect: Aspect::Part(&PART),
        preconditions: Preconditions::default(),
    };
    let pod_name = pod["metadata"]["name"].as_str().unwrap_or("");
    let now = timestamp(inbound.state.clock.now());
    let spent = registry.update(&mut call, &target, |budget| spend(budget, pod_name, &now));
    spent.await.map(drop)
}

fn selects(budget: &Value, pod: &Value) -> bool {
    let Some(selector) = budget["spec"].get("selector") else {
        return false;
    };
    let Ok(selector) = labels::Selector::from_value(selector) else {
        return false;
    };
    selector.matches(pod["metadata"]["labels"].as_object())
}

fn is_unready_and_unhealthy_allowed(budget: &Value, pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    let is_ready = conditions
        .into_iter()
        .flatten()
        .any(|it| it["type"] == "Ready" && it["status"] == "True");
    if is_ready {
        return false;
    }
    let number = |field: &str| budget["status"][field].as_i64().unwrap_or(0);
    match budget["spec"]["unhealthyPodEvictionPolicy"].as_str() {
        Some("AlwaysAllow") => true,
        _ => number("currentHealthy") >= number("desiredHealthy") && number("desiredHealthy") > 0,
    }
}

fn spend(budget: &Value, pod: &str, now: &str) -> Result<Value, Status> {
    let number = |field: &str| budget["status"][field].as_i64().unwrap_or(0);
    let generation = budget["metadata"]["generation"].as_i64().unwrap_or(0);
    let name = budget["metadata"]["name"].as_str().unwrap_or("");
    if number("observedGeneration") < generation {
        return Err(refusal(
            10,
            "The disruption budget is still being processed by the server.",
        ));
    }
    let allowed = number("disruptionsAllowed");
    if allowed <= 0 {
        let detail = format!(
            "The disruption budget {name} needs {} healthy pods and has {} currently",
            number("desiredHealthy"),
            number("currentHealthy")
        );
        return Err(refusal(0, &detail));
    }
    let mut budget = budget.clone();
    budget["status"]["disruptionsAllowed"] = (allowed - 1).into();
    budget["status"]["disruptedPods"][pod] = now.into();
    Ok(budget)
}

fn refusal(retry_after_seconds: i32, detail: &str) -> Status {
    let message = "Cannot evict pod as it would violate the pod's disruption budget.";
    let cause = StatusCause {
        reason: "DisruptionBudget".to_owned(),
        message: detail.to_owned(),
        ..StatusCause::default()
    };
    Status::failure(429, "TooManyRequests", message).with_details(StatusDetails {
        causes: vec![cause],
        retry_after_seconds,
        ..StatusDetails::default()
    })
}
