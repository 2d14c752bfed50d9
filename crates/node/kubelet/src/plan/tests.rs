use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use super::{Health, Kill, KillReason, Plan, plan};
use crate::identity::hash_container;
use crate::observed::{Container, Observed, Sandbox, State};
use crate::pod;

fn pod(restart_policy: &str) -> Pod {
    serde_json::from_value(json!({
        "metadata": { "name": "a", "uid": "u" },
        "spec": {
            "restartPolicy": restart_policy,
            "initContainers": [
                { "name": "init" },
                { "name": "side", "restartPolicy": "Always" },
            ],
            "containers": [{ "name": "one" }, { "name": "two" }],
        },
    }))
    .unwrap()
}

fn observed(containers: &[(&str, State, i32)]) -> Observed {
    let sandbox = Sandbox {
        id: "s".into(),
        is_ready: true,
        ips: vec!["10.0.0.1".into()],
        ..Sandbox::default()
    };
    let containers = containers.iter().map(|(name, state, exit_code)| Container {
        id: (*name).into(),
        name: (*name).into(),
        sandbox_id: "s".into(),
        state: *state,
        exit_code: *exit_code,
        ..Container::default()
    });
    Observed {
        sandboxes: vec![sandbox],
        containers: containers.collect(),
    }
}

const DONE: (&str, State, i32) = ("init", State::Exited, 0);
const SIDE: (&str, State, i32) = ("side", State::Running, 0);

#[track_caller]
fn check(policy: &str, containers: &[(&str, State, i32)], expected: &Plan) {
    let healthy = |_: &str| Health::default();
    assert_eq!(
        plan(&pod(policy), &observed(containers), &healthy),
        *expected
    );
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn begins_with_a_sandbox() {
    let healthy = |_: &str| Health::default();
    let plan = plan(&pod("Always"), &Observed::default(), &healthy);
    assert_eq!((plan.sandbox, plan.kill_pod), (Some(0), false));
}

#[test]
fn starts_the_first_init_container_alone() {
    let init = names(&["init"]);
    check(
        "Always",
        &[],
        &Plan {
            init,
            ..Plan::default()
        },
    );
}

#[test]
fn waits_for_a_running_init_container() {
    check("Always", &[("init", State::Running, 0)], &Plan::default());
}

#[test]
fn repeats_an_init_container_that_failed() {
    let init = names(&["init"]);
    check(
        "Always",
        &[("init", State::Exited, 1)],
        &Plan {
            init,
            ..Plan::default()
        },
    );
}

#[test]
fn gives_up_when_an_init_container_fails_for_good() {
    let expected = Plan {
        kill_pod: true,
        ..Plan::default()
    };
    check("Never", &[("init", State::Exited, 1)], &expected);
}

#[test]
fn starts_all_containers_once_the_side_car_runs() {
    let start = names(&["one", "two"]);
    check(
        "Always",
        &[DONE, SIDE],
        &Plan {
            start,
            ..Plan::default()
        },
    );
}

#[test]
fn starts_only_what_has_ended() {
    let start = names(&["two"]);
    let containers = [
        DONE,
        SIDE,
        ("one", State::Running, 0),
        ("two", State::Exited, 0),
    ];
    check(
        "Always",
        &containers,
        &Plan {
            start,
            ..Plan::default()
        },
    );
}

#[test]
fn brings_a_side_car_back() {
    let init = names(&["side"]);
    let side = ("side", State::Exited, 0);
    let containers = [
        DONE,
        side,
        ("one", State::Running, 0),
        ("two", State::Running, 0),
    ];
    check(
        "Always",
        &containers,
        &Plan {
            init,
            ..Plan::default()
        },
    );
}

#[test]
fn ends_the_pod_when_everything_has_ended() {
    let containers = [
        DONE,
        SIDE,
        ("one", State::Exited, 0),
        ("two", State::Exited, 1),
    ];
    check(
        "Never",
        &containers,
        &Plan {
            kill_pod: true,
            ..Plan::default()
        },
    );
}

#[test]
fn kills_and_restarts_what_is_not_alive() {
    let containers = [
        DONE,
        SIDE,
        ("one", State::Running, 0),
        ("two", State::Running, 0),
    ];
    let ill = |id: &str| Health {
        liveness: Some(id != "one"),
        ..Health::default()
    };
    let kill = Kill {
        id: "one".into(),
        name: "one".into(),
        message: "Container one failed liveness probe, will be restarted".into(),
        reason: KillReason::Liveness,
    };
    let expected = Plan {
        kill: vec![kill],
        start: names(&["one"]),
        ..Plan::default()
    };
    assert_eq!(plan(&pod("Always"), &observed(&containers), &ill), expected);
}

#[test]
fn restarts_a_container_whose_image_changed() {
    let mut observed = observed(&[
        DONE,
        SIDE,
        ("one", State::Running, 0),
        ("two", State::Running, 0),
    ]);
    let pod = pod("Never");
    observed.containers[2].hash = Some(hash_container(&pod::containers(&pod)[0]) ^ 1);
    let plan = plan(&pod, &observed, &|_| Health::default());
    assert_eq!(plan.start, names(&["one"]));
    assert_eq!(
        plan.kill[0].message,
        "Container one definition changed, will be restarted"
    );
}

#[test]
fn makes_a_new_sandbox_when_the_old_one_died() {
    let mut observed = observed(&[DONE, SIDE]);
    observed.sandboxes[0].is_ready = false;
    let plan = plan(&pod("Always"), &observed, &|_| Health::default());
    assert_eq!((plan.sandbox, plan.kill_pod), (Some(1), true));
}
