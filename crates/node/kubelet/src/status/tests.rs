use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use serde_json::{Value, json};

use super::{Inputs, compute};
use crate::observed::{Container, Observed, Sandbox, State};
use crate::plan::Health;

fn pod() -> Pod {
    serde_json::from_value(json!({
        "metadata": { "name": "a", "uid": "u", "generation": 3 },
        "spec": {
            "restartPolicy": "OnFailure",
            "initContainers": [{ "name": "init" }],
            "containers": [{ "name": "one", "readinessProbe": {} }],
        },
    }))
    .unwrap()
}

fn container(name: &str, state: State, exit_code: i32) -> Container {
    Container {
        id: name.into(),
        name: name.into(),
        sandbox_id: "s".into(),
        state,
        exit_code,
        reason: if exit_code == 0 { "Completed" } else { "Error" }.into(),
        ..Container::default()
    }
}

fn status(containers: Vec<Container>, old: &PodStatus, health: Health) -> Value {
    let sandbox = Sandbox {
        id: "s".into(),
        is_ready: true,
        ips: vec!["10.0.0.1".into()],
        ..Sandbox::default()
    };
    let observed = Observed {
        sandboxes: vec![sandbox],
        containers,
    };
    let inputs = Inputs {
        old,
        health: &move |_| health,
        waiting: &|_| Some(("CrashLoopBackOff".into(), "back-off".into())),
        is_ending: false,
        verdict: None,
        is_evicted: false,
        host_ips: &["192.0.2.1".to_owned()],
        runtime: "fake",
        now: Timestamp::UNIX_EPOCH,
    };
    serde_json::to_value(compute(&pod(), &observed, &inputs)).unwrap()
}

fn condition<'a>(status: &'a Value, kind: &str) -> &'a Value {
    let conditions = status["conditions"].as_array().unwrap();
    conditions
        .iter()
        .find(|condition| condition["type"] == kind)
        .unwrap()
}

#[test]
fn a_pod_waits_for_its_init_container() {
    let running = vec![container("init", State::Running, 0)];
    let status = status(running, &PodStatus::default(), Health::default());
    assert_eq!(status["phase"], "Pending");
    let initialized = condition(&status, "Initialized");
    assert_eq!(initialized["reason"], "ContainersNotInitialized");
    assert_eq!(
        initialized["message"],
        "containers with incomplete status: [init]"
    );
    assert_eq!(initialized["observedGeneration"], 3);
}

#[test]
fn a_pod_is_ready_when_its_probe_says_so() {
    let all = || {
        vec![
            container("one", State::Running, 0),
            container("init", State::Exited, 0),
        ]
    };
    let unready = status(all(), &PodStatus::default(), Health::default());
    assert_eq!(
        condition(&unready, "Ready")["message"],
        "containers with unready status: [one]"
    );
    let health = Health {
        readiness: Some(true),
        ..Health::default()
    };
    let ready = status(all(), &PodStatus::default(), health);
    assert_eq!(condition(&ready, "Ready")["status"], "True");
    assert_eq!(
        (&ready["podIP"], &ready["hostIP"]),
        (&json!("10.0.0.1"), &json!("192.0.2.1"))
    );
}

#[test]
fn a_container_that_comes_back_tells_how_it_ended() {
    let all = vec![
        container("one", State::Exited, 3),
        container("init", State::Exited, 0),
    ];
    let status = status(all, &PodStatus::default(), Health::default());
    let one = &status["containerStatuses"][0];
    assert_eq!(one["state"]["waiting"]["reason"], "CrashLoopBackOff");
    assert_eq!(one["lastState"]["terminated"]["exitCode"], 3);
    assert_eq!(status["phase"], "Running");
}

#[test]
fn a_pod_that_ended_well_has_succeeded() {
    let all = vec![
        container("one", State::Exited, 0),
        container("init", State::Exited, 0),
    ];
    let status = status(all, &PodStatus::default(), Health::default());
    assert_eq!(status["phase"], "Succeeded");
    assert_eq!(condition(&status, "Ready")["reason"], "PodCompleted");
}

#[test]
fn a_final_phase_stays() {
    let old = PodStatus {
        phase: Some("Failed".into()),
        ..PodStatus::default()
    };
    let status = status(
        vec![container("one", State::Running, 0)],
        &old,
        Health::default(),
    );
    assert_eq!(status["phase"], "Failed");
}

#[test]
fn the_time_of_a_condition_changes_only_with_it() {
    let running = || vec![container("init", State::Running, 0)];
    let first = status(running(), &PodStatus::default(), Health::default());
    let mut old: PodStatus = serde_json::from_value(first).unwrap();
    let earlier =
        k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(Timestamp::from_second(-60).unwrap());
    for condition in old.conditions.iter_mut().flatten() {
        condition.last_transition_time = Some(earlier.clone());
    }
    let again = status(running(), &old, Health::default());
    assert_eq!(
        condition(&again, "Ready")["lastTransitionTime"],
        json!(earlier)
    );
}

#[test]
fn an_evicted_pod_says_whose_doing_it_was() {
    let observed = Observed::default();
    let verdict = (
        "Failed".to_owned(),
        "Evicted".to_owned(),
        "The node was low on resource: memory. ".to_owned(),
    );
    let old = PodStatus::default();
    let inputs = Inputs {
        old: &old,
        health: &|_| Health::default(),
        waiting: &|_| None,
        is_ending: false,
        verdict: Some(&verdict),
        is_evicted: true,
        host_ips: &[],
        runtime: "styr",
        now: Timestamp::UNIX_EPOCH,
    };
    let status = compute(&pod(), &observed, &inputs);
    assert_eq!(status.reason.as_deref(), Some("Evicted"));
    let conditions = status.conditions.unwrap();
    let found = conditions.iter().find(|it| it.type_ == "DisruptionTarget");
    let found = found.unwrap();
    assert_eq!(found.reason.as_deref(), Some("TerminationByKubelet"));
    assert_eq!(found.message.as_deref(), Some(verdict.2.as_str()));
}
