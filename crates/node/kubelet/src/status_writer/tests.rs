use k8s_openapi::api::core::v1::{PodCondition, PodIP, PodStatus};
use serde_json::json;

use super::Written;
use super::difference::patch;

fn status(phase: &str, ip: &str, ready: &str, reason: Option<&str>) -> PodStatus {
    PodStatus {
        phase: Some(phase.into()),
        pod_ips: Some(vec![PodIP { ip: ip.into() }]),
        conditions: Some(vec![PodCondition {
            type_: "Ready".into(),
            status: ready.into(),
            reason: reason.map(Into::into),
            ..PodCondition::default()
        }]),
        ..PodStatus::default()
    }
}

#[test]
fn says_nothing_if_nothing_changed() {
    let one = status("Running", "10.0.0.1", "True", None);
    assert_eq!(patch(&one, &one), None);
}

#[test]
fn names_only_what_changed() {
    let before = status("Running", "10.0.0.1", "False", Some("ContainersNotReady"));
    let after = status("Running", "10.0.0.2", "True", None);
    let expected = json!({
        "podIPs": [{ "$patch": "delete", "ip": "10.0.0.1" }, { "ip": "10.0.0.2" }],
        "conditions": [{ "type": "Ready", "status": "True", "reason": null }],
    });
    assert_eq!(patch(&before, &after), Some(expected));
}

#[test]
fn writes_again_what_somebody_else_has_overwritten() {
    let own = status("Running", "10.0.0.1", "True", None);
    let written = Written {
        uid: "1".into(),
        ordered: own.clone(),
        kept: own.clone(),
    };
    assert!(!written.is_outdated("1", &own, &own));
    let of_others = status("Running", "10.0.0.1", "False", Some("NodeNotReady"));
    assert!(written.is_outdated("1", &own, &of_others));
}

#[test]
fn does_not_fight_with_what_the_server_makes_of_a_status() {
    let own = status("Running", "10.0.0.1", "True", None);
    let kept = status("Running", "10.0.0.1", "True", Some("Added"));
    let written = Written {
        uid: "1".into(),
        ordered: own.clone(),
        kept: kept.clone(),
    };
    assert!(!written.is_outdated("1", &own, &kept));
}
