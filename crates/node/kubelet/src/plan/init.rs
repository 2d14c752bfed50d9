//! The part of a plan that concerns init containers.

use k8s_openapi::api::core::v1::Pod;

use super::{HealthOf, Kill, KillReason, Plan, trouble};
use crate::observed::{Observed, State};
use crate::pod;

/// Adds what init containers need. Answers whether ordinary containers may run.
pub(super) fn plan(pod: &Pod, observed: &Observed, health: HealthOf<'_>, plan: &mut Plan) -> bool {
    if was_initialized(pod, observed) {
        keep_sidecars(pod, observed, health, plan);
        return true;
    }
    let containers = pod::init_containers(pod);
    for (index, container) in containers.iter().enumerate() {
        let Some(active) = observed.active(&container.name) else {
            plan.init.push(container.name.clone());
            return false;
        };
        let sidecar = pod::is_sidecar(container);
        let later_ones = &containers[index + 1..];
        match active.state {
            State::Unknown => {
                plan.kill.push(Kill {
                    id: active.id.clone(),
                    name: container.name.clone(),
                    message:
                        "Init container is in \"unknown\" state, try killing it before restart"
                            .into(),
                    reason: KillReason::Other,
                });
                plan.init.push(container.name.clone());
                return false;
            }
            State::Created => {
                plan.init.push(container.name.clone());
                return false;
            }
            State::Running if !sidecar => return false,
            State::Running => {
                if let Some((kill, _)) = trouble(pod, container, active, health) {
                    plan.kill.push(kill);
                    plan.init.push(container.name.clone());
                    return false;
                }
                let probed = container.startup_probe.is_some();
                if probed && health(&active.id).startup != Some(true) {
                    return false;
                }
            }
            State::Exited if sidecar => {
                plan.init.push(container.name.clone());
                let later = later_ones
                    .iter()
                    .any(|c| observed.active(&c.name).is_some());
                if !later {
                    return false;
                }
            }
            State::Exited if active.exit_code == 0 => {}
            State::Exited => {
                if pod::restarts_after(pod, container, active.exit_code) {
                    plan.init.push(container.name.clone());
                } else {
                    plan.kill_pod = true;
                }
                return false;
            }
        }
    }
    // A side-car that has ended is back before ordinary containers begin.
    plan.init.is_empty()
}

/// Whether an ordinary container was ever made in this sandbox.
pub(crate) fn was_initialized(pod: &Pod, observed: &Observed) -> bool {
    let mut containers = pod::containers(pod).iter();
    containers.any(|container| observed.active(&container.name).is_some())
}

fn keep_sidecars(pod: &Pod, observed: &Observed, health: HealthOf<'_>, plan: &mut Plan) {
    // Once every ordinary container has ended for good, side-cars are not brought back.
    let mut ordinary = pod::containers(pod).iter();
    let some_go_on = ordinary.any(|container| match observed.active(&container.name) {
        Some(active) if active.state == State::Running => true,
        _ => super::should_start(pod, container, observed),
    });
    if !some_go_on {
        return;
    }
    for container in pod::init_containers(pod)
        .iter()
        .filter(|c| pod::is_sidecar(c))
    {
        match observed.active(&container.name) {
            Some(active) if active.state == State::Running => {
                if let Some((kill, _)) = trouble(pod, container, active, health) {
                    plan.kill.push(kill);
                    plan.init.push(container.name.clone());
                }
            }
            _ => plan.init.push(container.name.clone()),
        }
    }
}
