//! What `kubectl get pods` shows: how many containers are ready, and what holds the pod up.

use jiff::Timestamp;
use serde_json::{Value, json};
use styr_meta::object;

use crate::{cells, tree};

pub(super) fn cell(column: &str, pod: &Value, now: Timestamp) -> Option<Value> {
    let cell = match column {
        "Ready" => {
            let row = Row::of(pod);
            json!(format!("{}/{}", row.ready, row.total))
        }
        "Status" => json!(Row::of(pod).reason),
        "Restarts" => json!(Row::of(pod).restarts(now)),
        "IP" => {
            let first = tree::items(pod, "status.podIPs").first();
            cells::or_none(first.map_or("", |it| tree::text(it, "ip")))
        }
        "Node" => cells::or_none(tree::text(pod, "spec.nodeName")),
        "Nominated Node" => cells::or_none(tree::text(pod, "status.nominatedNodeName")),
        "Readiness Gates" => readiness_gates(pod),
        _ => return None,
    };
    Some(cell)
}

struct Row {
    reason: String,
    ready: usize,
    total: usize,
    restarts: i64,
    last_restart: String,
    /// Counts of the init containers that run beside the others.
    sidecar_restarts: i64,
    sidecar_last_restart: String,
}

impl Row {
    fn of(pod: &Value) -> Self {
        let phase = tree::text(pod, "status.phase");
        let reason = tree::text(pod, "status.reason");
        let mut row = Self {
            reason: if reason.is_empty() { phase } else { reason }.to_owned(),
            ready: 0,
            total: tree::items(pod, "spec.containers").len(),
            restarts: 0,
            last_restart: String::new(),
            sidecar_restarts: 0,
            sidecar_last_restart: String::new(),
        };
        if has_condition(pod, "PodScheduled", |it| {
            tree::text(it, "reason") == "SchedulingGated"
        }) {
            "SchedulingGated".clone_into(&mut row.reason);
        }
        row.total += tree::items(pod, "spec.initContainers")
            .iter()
            .filter(|it| is_sidecar(it))
            .count();
        let initializing = row.init_containers(pod);
        let initialized =
            has_condition(pod, "Initialized", |it| tree::text(it, "status") == "True");
        if !initializing || initialized {
            row.containers(pod);
        }
        if object::deletion_timestamp(pod).is_some() {
            if tree::text(pod, "status.reason") == "NodeLost" {
                "Unknown".clone_into(&mut row.reason);
            } else if !matches!(phase, "Succeeded" | "Failed") {
                "Terminating".clone_into(&mut row.reason);
            }
        }
        row
    }

    /// Answers whether the pod is still being initialized.
    fn init_containers(&mut self, pod: &Value) -> bool {
        let specs = tree::items(pod, "spec.initContainers");
        for (index, status) in tree::items(pod, "status.initContainerStatuses")
            .iter()
            .enumerate()
        {
            let name = tree::text(status, "name");
            let sidecar = specs
                .iter()
                .any(|it| tree::text(it, "name") == name && is_sidecar(it));
            let restarts = tree::number(status, "restartCount");
            let finished = tree::text(status, "lastState.terminated.finishedAt");
            self.restarts += restarts;
            later(&mut self.last_restart, finished);
            if sidecar {
                self.sidecar_restarts += restarts;
                later(&mut self.sidecar_last_restart, finished);
            }
            let terminated = tree::at(status, "state.terminated");
            let waiting = tree::text(status, "state.waiting.reason");
            if !terminated.is_null() && tree::number(terminated, "exitCode") == 0 {
                continue;
            }
            if sidecar && tree::is_true(status, "started") {
                self.ready += usize::from(tree::is_true(status, "ready"));
                continue;
            }
            self.reason = if !terminated.is_null() {
                format!("Init:{}", ended(terminated))
            } else if !waiting.is_empty() && waiting != "PodInitializing" {
                format!("Init:{waiting}")
            } else {
                format!("Init:{index}/{}", specs.len())
            };
            return true;
        }
        false
    }

    fn containers(&mut self, pod: &Value) {
        self.restarts = self.sidecar_restarts;
        self.last_restart = std::mem::take(&mut self.sidecar_last_restart);
        let mut running = false;
        let mut error = String::new();
        for status in tree::items(pod, "status.containerStatuses").iter().rev() {
            self.restarts += tree::number(status, "restartCount");
            later(
                &mut self.last_restart,
                tree::text(status, "lastState.terminated.finishedAt"),
            );
            let waiting = tree::text(status, "state.waiting.reason");
            let terminated = tree::at(status, "state.terminated");
            if !waiting.is_empty() {
                waiting.clone_into(&mut self.reason);
            } else if !terminated.is_null() {
                self.reason = ended(terminated);
                if tree::number(terminated, "exitCode") != 0 {
                    self.reason.clone_into(&mut error);
                }
            } else if tree::is_true(status, "ready") && !tree::at(status, "state.running").is_null()
            {
                running = true;
                self.ready += 1;
            }
        }
        if self.reason == "Completed" {
            let ready = has_condition(pod, "Ready", |it| tree::text(it, "status") == "True");
            if running && ready {
                "Running".clone_into(&mut self.reason);
            } else if !error.is_empty() {
                self.reason = error;
            } else if running {
                "NotReady".clone_into(&mut self.reason);
            }
        }
    }

    fn restarts(&self, now: Timestamp) -> String {
        if self.restarts == 0 || self.last_restart.is_empty() {
            return self.restarts.to_string();
        }
        format!(
            "{} ({} ago)",
            self.restarts,
            cells::age(&self.last_restart, now)
        )
    }
}

/// Times are written alike, so their texts can be compared.
fn later(last: &mut String, time: &str) {
    if time > last.as_str() {
        time.clone_into(last);
    }
}

fn is_sidecar(container: &Value) -> bool {
    tree::text(container, "restartPolicy") == "Always"
}

fn ended(terminated: &Value) -> String {
    let reason = tree::text(terminated, "reason");
    let signal = tree::number(terminated, "signal");
    if !reason.is_empty() {
        reason.to_owned()
    } else if signal != 0 {
        format!("Signal:{signal}")
    } else {
        format!("ExitCode:{}", tree::number(terminated, "exitCode"))
    }
}

fn has_condition(pod: &Value, kind: &str, holds: impl Fn(&Value) -> bool) -> bool {
    tree::items(pod, "status.conditions")
        .iter()
        .any(|it| tree::text(it, "type") == kind && holds(it))
}

fn readiness_gates(pod: &Value) -> Value {
    let gates = tree::items(pod, "spec.readinessGates");
    if gates.is_empty() {
        return json!("<none>");
    }
    let is_open = |gate: &&Value| {
        let kind = tree::text(gate, "conditionType");
        has_condition(pod, kind, |it| tree::text(it, "status") == "True")
    };
    json!(format!(
        "{}/{}",
        gates.iter().filter(is_open).count(),
        gates.len()
    ))
}
