use k8s_openapi::api::core::v1::{PodCondition, PodIP, PodStatus};

use super::can_wait;
use crate::status_writer::Order;

fn status(phase: &str, address: Option<&str>, ready: &str) -> PodStatus {
    let ip = |address: &str| PodIP { ip: address.into() };
    PodStatus {
        phase: Some(phase.into()),
        pod_ip: address.map(Into::into),
        pod_ips: address.map(|address| vec![ip(address)]),
        conditions: Some(vec![PodCondition {
            type_: "Ready".into(),
            status: ready.into(),
            ..PodCondition::default()
        }]),
        ..PodStatus::default()
    }
}

fn order(status: PodStatus) -> Order {
    Order {
        status: Some(status),
        delete: false,
    }
}

#[test]
fn an_address_waits_for_the_containers() {
    let written = status("Pending", None, "False");
    let news = order(status("Pending", Some("10.0.0.7"), "False"));
    assert!(can_wait(&written, &news));
}

#[test]
fn a_pod_that_runs_is_told_at_once() {
    let written = status("Pending", None, "False");
    let news = order(status("Running", Some("10.0.0.7"), "False"));
    assert!(!can_wait(&written, &news));
}

#[test]
fn readiness_is_told_at_once() {
    let written = status("Running", Some("10.0.0.7"), "True");
    let news = order(status("Running", Some("10.0.0.7"), "False"));
    assert!(!can_wait(&written, &news));
}

#[test]
fn a_pod_that_may_go_does_not_wait() {
    let written = status("Pending", None, "False");
    let mut news = order(status("Pending", Some("10.0.0.7"), "False"));
    news.delete = true;
    assert!(!can_wait(&written, &news));
}

#[test]
fn what_is_written_already_is_no_news() {
    let written = status("Running", Some("10.0.0.7"), "True");
    assert!(!can_wait(&written, &order(written.clone())));
}
