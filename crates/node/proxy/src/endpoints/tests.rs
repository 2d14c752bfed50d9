use serde_json::{Value, json};

use super::*;

fn port() -> ServicePort {
    ServicePort {
        name: "web".to_owned(),
        cluster_ip: [10, 96, 0, 1].into(),
        protocol: 6,
        port: 80,
        node_port: None,
        external_ips: Vec::new(),
        guarded_ips: Vec::new(),
        sources: Vec::new(),
        is_internal_local: false,
        is_external_local: false,
        affinity_seconds: None,
    }
}

fn choice(endpoints: &Value) -> Choice {
    let slice = json!({
        "metadata": {},
        "addressType": "IPv4",
        "ports": [{ "name": "other", "port": 1 }, { "name": "web", "port": 8080 }],
        "endpoints": endpoints,
    });
    let slice: EndpointSlice = serde_json::from_value(slice).unwrap();
    let place = Place {
        node: "here".to_owned(),
        zone: Some("east".to_owned()),
        ip: None,
    };
    choose(&port(), &[Arc::new(slice)], &place)
}

fn last(list: &[SocketAddrV4]) -> Vec<u8> {
    list.iter().map(|one| one.ip().octets()[3]).collect()
}

fn check(endpoints: &Value, cluster: &[u8], local: &[u8]) {
    let choice = choice(endpoints);
    assert_eq!(last(&choice.cluster), cluster, "cluster");
    assert_eq!(last(&choice.local), local, "local");
}

#[test]
fn unknown_readiness_counts_as_ready() {
    check(
        &json!([
            { "addresses": ["10.0.0.1"], "conditions": {} },
            { "addresses": ["10.0.0.2"], "conditions": { "ready": false } },
            { "addresses": ["10.0.0.3"], "conditions": {}, "nodeName": "here" },
        ]),
        &[1, 3],
        &[3],
    );
}

#[test]
fn zone_hints_are_kept_to_only_if_all_have_them() {
    let east = json!({ "forZones": [{ "name": "east" }] });
    let west = json!({ "forZones": [{ "name": "west" }] });
    check(
        &json!([
            { "addresses": ["10.0.0.1"], "conditions": {}, "hints": east },
            { "addresses": ["10.0.0.2"], "conditions": {}, "hints": west },
        ]),
        &[1],
        &[],
    );
    check(
        &json!([
            { "addresses": ["10.0.0.1"], "conditions": {}, "hints": east },
            { "addresses": ["10.0.0.2"], "conditions": {} },
        ]),
        &[1, 2],
        &[],
    );
    check(
        &json!([{ "addresses": ["10.0.0.2"], "conditions": {}, "hints": west }]),
        &[2],
        &[],
    );
}

#[test]
fn node_hints_come_before_zones() {
    let here = json!({ "forNodes": [{ "name": "here" }], "forZones": [{ "name": "west" }] });
    let there = json!({ "forNodes": [{ "name": "there" }], "forZones": [{ "name": "east" }] });
    check(
        &json!([
            { "addresses": ["10.0.0.1"], "conditions": {}, "hints": here },
            { "addresses": ["10.0.0.2"], "conditions": {}, "hints": there },
        ]),
        &[1],
        &[],
    );
}

#[test]
fn flows_may_stay_wherever_somebody_still_serves() {
    let ending = json!({ "ready": false, "serving": true, "terminating": true });
    let west = json!({ "forZones": [{ "name": "west" }] });
    let east = json!({ "forZones": [{ "name": "east" }] });
    let choice = choice(&json!([
        { "addresses": ["10.0.0.1"], "conditions": {}, "hints": east },
        { "addresses": ["10.0.0.2"], "conditions": {}, "hints": west },
        { "addresses": ["10.0.0.3"], "conditions": ending },
        { "addresses": ["10.0.0.4"], "conditions": { "ready": false, "serving": false } },
    ]));
    assert_eq!(last(&choice.cluster), [1]);
    assert_eq!(last(&choice.serving), [1, 2, 3]);
}
