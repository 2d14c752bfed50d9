//! Decides what has to happen next to a pod that is meant to run. Touches nothing.
//!
//! Rules are upstream's: a sandbox first, init containers one after the other, side-cars beside
//! them, then all ordinary containers; a container whose probe failed or whose definition changed
//! is killed, and started again if its restart policy says so.

use k8s_openapi::api::core::v1::{Container, Pod};

use crate::identity::hash_container;
use crate::observed::{self, Observed, State};
use crate::pod;

mod init;
#[cfg(test)]
mod tests;

/// What probes say about a running container; `None` while there is no result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Health {
    pub(crate) startup: Option<bool>,
    pub(crate) liveness: Option<bool>,
    pub(crate) readiness: Option<bool>,
}

/// Answers the health of a container by its runtime id.
pub(crate) type HealthOf<'a> = &'a dyn Fn(&str) -> Health;

/// Why a container is killed, as far as that changes how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KillReason {
    Liveness,
    Startup,
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kill {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Told in the event.
    pub(crate) message: String,
    pub(crate) reason: KillReason,
}

/// One pass over a pod, in the order in which it is carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Stop whatever runs, sandbox included, before all else.
    pub(crate) kill_pod: bool,
    pub(crate) kill: Vec<Kill>,
    /// A new sandbox, with this attempt number.
    pub(crate) sandbox: Option<u32>,
    pub(crate) ephemeral: Vec<String>,
    pub(crate) init: Vec<String>,
    pub(crate) start: Vec<String>,
}

/// Whether the pod needs a new sandbox, and its attempt number; upstream's reason with it.
pub(crate) fn sandbox_changed(pod: &Pod, observed: &Observed) -> Option<(u32, &'static str)> {
    let Some(newest) = observed.sandboxes.first() else {
        return Some((0, "no pod sandbox exists"));
    };
    let ready = observed
        .sandboxes
        .iter()
        .filter(|sandbox| sandbox.is_ready)
        .count();
    let next = newest.attempt + 1;
    if ready > 1 {
        let reason = "multiple pod sandboxes are ready and need to be reconciled";
        return Some((next, reason));
    }
    if !newest.is_ready {
        return Some((next, "pod sandbox is not ready"));
    }
    if newest.uses_host_network != pod::is_host_network(pod) {
        let reason = "network namespace mode changed and sandbox needs to be recreated";
        return Some((next, reason));
    }
    if !pod::is_host_network(pod) && newest.ips.is_empty() {
        return Some((next, "pod sandbox has no IP address"));
    }
    None
}

pub(crate) fn plan(pod: &Pod, observed: &Observed, health: HealthOf<'_>) -> Plan {
    if let Some((attempt, _)) = sandbox_changed(pod, observed) {
        return with_new_sandbox(pod, observed, attempt);
    }
    let mut plan = Plan::default();
    for container in pod::ephemeral_containers(pod) {
        if observed.latest(&container.name).is_none() {
            plan.ephemeral.push(container.name);
        }
    }
    if !init::plan(pod, observed, health, &mut plan) || plan.kill_pod {
        return plan;
    }
    let mut kept = 0;
    for container in pod::containers(pod) {
        let running = observed
            .active(&container.name)
            .filter(|c| c.state == State::Running);
        match running {
            Some(running) => match trouble(pod, container, running, health) {
                Some((kill, restart)) => {
                    plan.kill.push(kill);
                    if restart {
                        plan.start.push(container.name.clone());
                    }
                }
                None => kept += 1,
            },
            None if should_start(pod, container, observed) => {
                kill_unknown(container, observed, &mut plan);
                plan.start.push(container.name.clone());
            }
            None => {}
        }
    }
    if kept == 0 && plan.start.is_empty() {
        plan = Plan {
            kill_pod: true,
            ephemeral: Vec::new(),
            ..Plan::default()
        };
    }
    plan
}

fn with_new_sandbox(pod: &Pod, observed: &Observed, attempt: u32) -> Plan {
    let mut plan = Plan {
        kill_pod: true,
        ..Plan::default()
    };
    let never = pod::restart_policy(pod) == "Never";
    if never && attempt != 0 && !observed.containers.is_empty() {
        return plan;
    }
    let mut start = Vec::new();
    for container in pod::containers(pod) {
        let latest = observed.latest(&container.name);
        let succeeded = latest.is_some_and(|c| c.state == State::Exited && c.exit_code == 0);
        if !(succeeded && pod::restart_policy(pod) == "OnFailure") {
            start.push(container.name.clone());
        }
    }
    if start.is_empty() {
        return plan;
    }
    plan.sandbox = Some(attempt);
    // Nothing runs: what there is to kill is a dead sandbox.
    plan.kill_pod = attempt != 0;
    match pod::init_containers(pod).first() {
        Some(first) => plan.init.push(first.name.clone()),
        None => plan.start = start,
    }
    plan
}

/// Whether a container that does not run is to be started.
pub(crate) fn should_start(pod: &Pod, container: &Container, observed: &Observed) -> bool {
    if pod::is_deleted(pod) {
        return false;
    }
    match observed.latest(&container.name) {
        None => true,
        Some(latest) => match latest.state {
            State::Running => false,
            State::Unknown | State::Created => true,
            State::Exited => pod::restarts_after(pod, container, latest.exit_code),
        },
    }
}

fn kill_unknown(container: &Container, observed: &Observed, plan: &mut Plan) {
    let latest = observed.latest(&container.name);
    if let Some(unknown) = latest.filter(|latest| latest.state == State::Unknown) {
        plan.kill.push(Kill {
            id: unknown.id.clone(),
            name: container.name.clone(),
            message: format!(
                "Container is in \"{}\" state, try killing it before restart",
                "unknown"
            ),
            reason: KillReason::Other,
        });
    }
}

/// Why a running container must go, and whether it comes back.
fn trouble(
    pod: &Pod,
    container: &Container,
    running: &observed::Container,
    health: HealthOf<'_>,
) -> Option<(Kill, bool)> {
    let mut restart = pod::restart_policy(pod) != "Never" || pod::is_sidecar(container);
    let health = health(&running.id);
    let name = &container.name;
    let (mut message, reason) = if running
        .hash
        .is_some_and(|hash| hash != hash_container(container))
    {
        restart = true;
        (
            format!("Container {name} definition changed"),
            KillReason::Other,
        )
    } else if health.liveness == Some(false) {
        (
            format!("Container {name} failed liveness probe"),
            KillReason::Liveness,
        )
    } else if health.startup == Some(false) {
        (
            format!("Container {name} failed startup probe"),
            KillReason::Startup,
        )
    } else {
        return None;
    };
    if restart {
        message.push_str(", will be restarted");
    }
    let (id, name) = (running.id.clone(), name.clone());
    Some((
        Kill {
            id,
            name,
            message,
            reason,
        },
        restart,
    ))
}
