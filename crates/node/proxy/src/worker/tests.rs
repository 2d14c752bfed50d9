mod affinity;
mod guards;
mod networks;
mod upstream;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::process::Command;

use serde_json::{Value, json};
use styr_kernel::netlink::{Family, Netlink};
use styr_kernel::netns::NetNs;

use super::*;
use crate::bed::{Bed, ask, exchange, ip, is_root, serve, udp};

#[derive(Default)]
struct Fixture {
    services: BTreeMap<Key, Arc<Service>>,
    slices: BTreeMap<Key, Arc<EndpointSlice>>,
}

impl Source for Fixture {
    fn service(&self, key: &Key) -> Option<Arc<Service>> {
        self.services.get(key).cloned()
    }

    fn slices(&self, key: &Key) -> Vec<Arc<EndpointSlice>> {
        self.slices.get(key).cloned().into_iter().collect()
    }
}

fn key() -> Key {
    Key::new("default", "web")
}

impl Fixture {
    /// A service at 10.96.0.10:80 with endpoints on port 8080, given as (node, address, conditions).
    fn set(&mut self, spec: &Value, endpoints: &[(&str, &str, Value)]) {
        let mut full = json!({
            "clusterIP": "10.96.0.10",
            "ports": [
                { "name": "tcp", "port": 80, "protocol": "TCP", "nodePort": 30080 },
                { "name": "udp", "port": 80, "protocol": "UDP", "nodePort": 30080 },
            ],
        });
        let fields = full.as_object_mut().unwrap();
        fields.extend(spec.as_object().unwrap().clone());
        let ingress = full.as_object_mut().unwrap().remove("ingress");
        let service = json!({ "metadata": { "name": "web" }, "spec": full,
            "status": { "loadBalancer": { "ingress": ingress } } });
        let endpoints: Vec<Value> = endpoints
            .iter()
            .map(|(node, address, conditions)| {
                json!({ "addresses": [address], "nodeName": node, "conditions": conditions })
            })
            .collect();
        let slice = json!({
            "metadata": { "name": "web-1" },
            "addressType": "IPv4",
            "ports": [
                { "name": "tcp", "port": 8080, "protocol": "TCP" },
                { "name": "udp", "port": 8080, "protocol": "UDP" },
            ],
            "endpoints": endpoints,
        });
        let service = serde_json::from_value(service).unwrap();
        let slice = serde_json::from_value(slice).unwrap();
        self.services.insert(key(), Arc::new(service));
        self.slices.insert(key(), Arc::new(slice));
    }
}

/// The proxies of both nodes of a bed, with servers in all pods, named by node and pod.
struct Cluster {
    bed: Bed,
    workers: [Worker; 2],
    fixture: Fixture,
}

fn ready() -> Value {
    json!({ "ready": true })
}

impl Cluster {
    fn new() -> Option<Self> {
        if !is_root() {
            return None;
        }
        let bed = Bed::new();
        for (pods, names) in bed.pods.iter().zip([["a1", "a2"], ["b1", "b2"]]) {
            for (pod, name) in pods.iter().zip(names) {
                serve(pod, 8080, name);
            }
        }
        let workers = [worker(&bed.nodes[0], "a"), worker(&bed.nodes[1], "b")];
        Some(Self {
            bed,
            workers,
            fixture: Fixture::default(),
        })
    }

    fn update(&mut self) {
        for worker in &mut self.workers {
            worker.update(&self.fixture, &[key()].into()).unwrap();
            assert!(!worker.is_behind());
        }
    }

    fn set(&mut self, spec: &Value, endpoints: &[(&str, &str, Value)]) {
        self.fixture.set(spec, endpoints);
        self.update();
    }

    /// Who answers, and whom they see, over several connections.
    fn answers(&self, from: &NetNs, to: &str) -> BTreeSet<String> {
        (0..24).map(|_| ask(from, to).unwrap()).collect()
    }
}

fn worker(node: &NetNs, name: &str) -> Worker {
    let frame = Frame {
        inside: vec![(ip("10.244.0.0"), 16)],
        service_networks: vec![(ip("10.96.0.0"), 16)],
        node_addresses: Vec::new(),
        masquerade_all: false,
        masquerade_mark: 0x4000,
        affinities: BTreeSet::new(),
        source_prefixes: BTreeSet::new(),
    };
    let place = Place {
        node: name.to_owned(),
        zone: None,
        ip: None,
    };
    node.run(|| Worker::new(frame, place).unwrap()).unwrap()
}

fn set_of(answers: &[&str]) -> BTreeSet<String> {
    answers.iter().map(|answer| (*answer).to_owned()).collect()
}

const EVERYWHERE: [(&str, &str); 3] = [
    ("a", "10.244.1.2"),
    ("b", "10.244.2.2"),
    ("b", "10.244.2.3"),
];

fn everywhere() -> Vec<(&'static str, &'static str, Value)> {
    EVERYWHERE
        .iter()
        .map(|(node, address)| (*node, *address, ready()))
        .collect()
}

#[test]
fn a_cluster_address_leads_to_all_endpoints_from_pods_and_nodes() {
    let Some(mut cluster) = Cluster::new() else {
        return;
    };
    cluster.set(&json!({}), &everywhere());
    let bed = &cluster.bed;
    let from_pod = cluster.answers(&bed.pods[0][1], "10.96.0.10:80");
    let expected = ["a1 10.244.1.3", "b1 10.244.1.3", "b2 10.244.1.3"];
    assert_eq!(from_pod, set_of(&expected), "pods keep their address");
    let from_node = cluster.answers(&bed.nodes[0], "10.96.0.10:80");
    let expected = ["a1 192.0.2.1", "b1 192.0.2.1", "b2 192.0.2.1"];
    assert_eq!(from_node, set_of(&expected));
}

#[test]
fn a_pod_reaches_itself_through_its_service() {
    let Some(mut cluster) = Cluster::new() else {
        return;
    };
    cluster.set(&json!({}), &[("a", "10.244.1.2", ready())]);
    let pod = &cluster.bed.pods[0][0];
    assert_eq!(ask(pod, "10.96.0.10:80").unwrap(), "a1 192.0.2.1");
}

#[test]
fn a_node_port_answers_on_every_node() {
    let Some(mut cluster) = Cluster::new() else {
        return;
    };
    cluster.set(&json!({}), &[("b", "10.244.2.2", ready())]);
    let bed = &cluster.bed;
    assert_eq!(
        ask(&bed.outside, "192.0.2.1:30080").unwrap(),
        "b1 192.0.2.1"
    );
    assert!(
        ask(&bed.outside, "192.0.2.2:30080")
            .unwrap()
            .starts_with("b1 ")
    );
    assert_eq!(
        ask(&bed.nodes[0], "192.0.2.1:30080").unwrap(),
        "b1 192.0.2.1"
    );
    assert!(
        ask(&bed.pods[0][0], "192.0.2.1:30080")
            .unwrap()
            .starts_with("b1 ")
    );
    let socket = udp(&bed.outside, "192.0.2.1:30080");
    assert_eq!(exchange(&socket).unwrap(), "b1 192.0.2.1");
}

#[test]
fn an_external_address_leads_to_the_service() {
    let Some(mut cluster) = Cluster::new() else {
        return;
    };
    let spec = json!({ "externalIPs": ["203.0.113.5"] });
    cluster.set(&spec, &[("a", "10.244.1.2", ready())]);
    let bed = &cluster.bed;
    assert_eq!(ask(&bed.outside, "203.0.113.5:80").unwrap(), "a1 192.0.2.2");
    assert!(
        ask(&bed.pods[0][1], "203.0.113.5:80")
            .unwrap()
            .starts_with("a1 ")
    );
}

#[test]
fn external_policy_local_keeps_the_client_and_stays_on_the_node() {
    let Some(mut cluster) = Cluster::new() else {
        return;
    };
    let spec = json!({ "externalTrafficPolicy": "Local", "externalIPs": ["203.0.113.5"] });
    cluster.set(
        &spec,
        &[("b", "10.244.2.2", ready()), ("a", "10.244.1.2", ready())],
    );
    let bed = &cluster.bed;
    let outside = |to: &str| cluster.answers(&bed.outside, to);
    assert_eq!(outside("192.0.2.2:30080"), set_of(&["b1 192.0.2.254"]));
    assert_eq!(outside("203.0.113.5:80"), set_of(&["b1 192.0.2.254"]));
    let inside = cluster.answers(&bed.pods[0][1], "192.0.2.1:30080");
    assert_eq!(inside.len(), 2, "pods see all endpoints: {inside:?}");
    cluster.set(&spec, &[("b", "10.244.2.2", ready())]);
    let bed = &cluster.bed;
    let dropped = ask(&bed.outside, "192.0.2.1:30080").unwrap_err();
    assert_eq!(dropped.kind(), ErrorKind::TimedOut);
    assert!(ask(&bed.pods[0][1], "192.0.2.1:30080").is_ok());
    assert!(ask(&bed.nodes[0], "192.0.2.1:30080").is_ok());
}

#[test]
fn internal_policy_local_stays_on_the_node() {
    let Some(mut cluster) = Cluster::new() else {
        return;
    };
    let spec = json!({ "internalTrafficPolicy": "Local" });
    cluster.set(&spec, &everywhere());
    let answers = cluster.answers(&cluster.bed.pods[0][1], "10.96.0.10:80");
    assert_eq!(answers, set_of(&["a1 10.244.1.3"]));
}

#[test]
fn a_service_without_endpoints_refuses() {
    let Some(mut cluster) = Cluster::new() else {
        return;
    };
    let spec = json!({ "externalIPs": ["203.0.113.5"] });
    cluster.set(&spec, &[]);
    let bed = &cluster.bed;
    for (from, to) in [
        (&bed.pods[0][0], "10.96.0.10:80"),
        (&bed.nodes[0], "10.96.0.10:80"),
        (&bed.outside, "192.0.2.1:30080"),
        (&bed.outside, "203.0.113.5:80"),
        (&bed.nodes[0], "192.0.2.1:30080"),
        (&bed.pods[0][0], "10.96.0.10:81"),
    ] {
        let error = ask(from, to).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{to}");
    }
    let socket = udp(&bed.pods[0][0], "10.96.0.10:80");
    assert_eq!(
        exchange(&socket).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
}

#[test]
fn an_external_address_goes_on_to_the_next_service_that_wants_it() {
    let Some(mut cluster) = Cluster::new() else {
        return;
    };
    let spec = json!({ "externalIPs": ["203.0.113.5"], "ports": [{ "name": "tcp", "port": 80 }] });
    cluster.set(&spec, &[("a", "10.244.1.2", ready())]);
    let twin = Key::new("default", "twin");
    let mut service = (*cluster.fixture.services[&key()]).clone();
    service.spec.as_mut().unwrap().cluster_ip = Some("10.96.0.11".to_owned());
    let slice = Arc::clone(&cluster.fixture.slices[&key()]);
    cluster
        .fixture
        .services
        .insert(twin.clone(), service.into());
    cluster.fixture.slices.insert(twin.clone(), slice);
    let worker = &mut cluster.workers[1];
    worker.update(&cluster.fixture, &[twin].into()).unwrap();
    cluster.fixture.services.remove(&key());
    cluster.update();
    let answer = ask(&cluster.bed.outside, "203.0.113.5:80").unwrap();
    assert_eq!(answer, "a1 192.0.2.2");
}

#[test]
fn a_udp_flow_moves_when_its_endpoint_goes() {
    let Some(mut cluster) = Cluster::new() else {
        return;
    };
    cluster.set(&json!({}), &[("b", "10.244.2.2", ready())]);
    let socket = udp(&cluster.bed.pods[0][1], "10.96.0.10:80");
    assert_eq!(exchange(&socket).unwrap(), "b1 10.244.1.3");
    cluster.set(&json!({}), &[("b", "10.244.2.3", ready())]);
    assert_eq!(exchange(&socket).unwrap(), "b2 10.244.1.3");
}

#[test]
fn a_udp_flow_stays_while_its_endpoint_serves() {
    let Some(mut cluster) = Cluster::new() else {
        return;
    };
    cluster.set(&json!({}), &[("b", "10.244.2.2", ready())]);
    let socket = udp(&cluster.bed.pods[0][1], "10.96.0.10:80");
    assert_eq!(exchange(&socket).unwrap(), "b1 10.244.1.3");
    let ending = json!({ "ready": false, "serving": true, "terminating": true });
    let both = [("b", "10.244.2.2", ending), ("b", "10.244.2.3", ready())];
    cluster.set(&json!({}), &both);
    assert_eq!(exchange(&socket).unwrap(), "b1 10.244.1.3");
    let new = udp(&cluster.bed.pods[0][1], "10.96.0.10:80");
    assert_eq!(exchange(&new).unwrap(), "b2 10.244.1.3");
}

#[test]
fn endpoints_that_end_serve_only_if_no_other_does() {
    let Some(mut cluster) = Cluster::new() else {
        return;
    };
    let ending = json!({ "ready": false, "serving": true, "terminating": true });
    let both = [
        ("b", "10.244.2.2", ending.clone()),
        ("b", "10.244.2.3", ready()),
    ];
    cluster.set(&json!({}), &both);
    let from = &cluster.bed.pods[0][0];
    assert_eq!(
        cluster.answers(from, "10.96.0.10:80"),
        set_of(&["b2 10.244.1.2"])
    );
    cluster.set(&json!({}), &[("b", "10.244.2.2", ending)]);
    let from = &cluster.bed.pods[0][0];
    assert_eq!(
        cluster.answers(from, "10.96.0.10:80"),
        set_of(&["b1 10.244.1.2"])
    );
}

#[test]
fn a_node_without_default_route_reaches_services() {
    let Some(mut cluster) = Cluster::new() else {
        return;
    };
    let mut netlink = cluster.bed.nodes[0]
        .run(|| Netlink::open().unwrap())
        .unwrap();
    let routes = |netlink: &mut Netlink| netlink.routes(Family::V4).unwrap();
    let before = routes(&mut netlink);
    let default = before.iter().find(|route| route.destination.prefix == 0);
    netlink.delete_route(default.unwrap()).unwrap();
    cluster.set(&json!({}), &everywhere());
    let answers = cluster.answers(&cluster.bed.nodes[0], "10.96.0.10:80");
    assert_eq!(answers.len(), 3, "{answers:?}");
    cluster.fixture = Fixture::default();
    cluster.update();
    assert_eq!(routes(&mut netlink).len(), before.len() - 1);
}

#[test]
fn a_service_that_goes_leaves_nothing_behind() {
    let Some(mut cluster) = Cluster::new() else {
        return;
    };
    cluster.set(&json!({ "externalIPs": ["203.0.113.5"] }), &everywhere());
    cluster.fixture = Fixture::default();
    cluster.update();
    let node = &cluster.bed.nodes[0];
    let table = Table::ipv4(TABLE);
    let mut nftables = node.run(|| Nftables::open().unwrap()).unwrap();
    for set in [
        "slots-16",
        "cluster-ports",
        "external-ports",
        "node-ports",
        "refused",
        "hairpin",
    ] {
        assert_eq!(nftables.elements(&table, set).unwrap(), [], "{set}");
    }
    node.run(|| clean_up().unwrap()).unwrap();
    assert!(!nftables.has_table(&table).unwrap());
}

#[test]
fn two_services_with_one_address_do_not_stop_the_others() {
    let Some(mut cluster) = Cluster::new() else {
        return;
    };
    cluster.set(&json!({}), &everywhere());
    let twin = Key::new("default", "twin");
    let service = Arc::clone(&cluster.fixture.services[&key()]);
    cluster.fixture.services.insert(twin.clone(), service);
    let slices = Arc::clone(&cluster.fixture.slices[&key()]);
    cluster.fixture.slices.insert(twin.clone(), slices);
    let worker = &mut cluster.workers[0];
    let _ = worker.update(&cluster.fixture, &[twin].into());
    worker.update(&cluster.fixture, &BTreeSet::new()).unwrap();
    let answers = cluster.answers(&cluster.bed.nodes[0], "10.96.0.10:80");
    assert_eq!(answers.len(), 3, "{answers:?}");
}

#[test]
fn a_thousand_services_change_one_by_one() {
    if !is_root() {
        return;
    }
    let node = NetNs::create().unwrap();
    let mut worker = worker(&node, "a");
    let mut fixture = Fixture::default();
    fixture.set(&json!({}), &everywhere());
    let mut all = BTreeSet::new();
    for number in 0..1000_u16 {
        let key = Key::new("default", format!("web-{number}"));
        let mut service = (*fixture.services[&super::tests::key()]).clone();
        let [high, low] = number.to_be_bytes();
        let spec = service.spec.as_mut().unwrap();
        spec.cluster_ip = Some(Ipv4Addr::new(10, 96, high + 1, low).to_string());
        for port in spec.ports.iter_mut().flatten() {
            port.node_port = Some(31_000 + i32::from(number));
        }
        let slice = Arc::clone(&fixture.slices[&super::tests::key()]);
        fixture.services.insert(key.clone(), Arc::new(service));
        fixture.slices.insert(key.clone(), slice);
        all.insert(key);
    }
    worker.update(&fixture, &all).unwrap();
    fixture.set(&json!({}), &everywhere());
    worker.update(&fixture, &[key()].into()).unwrap();
    let mut nftables = node.run(|| Nftables::open().unwrap()).unwrap();
    let slots = nftables.elements(&Table::ipv4(TABLE), "slots-16").unwrap();
    // Two ports, each with a cluster address and a node port.
    assert_eq!(slots.len(), 1001 * 2 * 2 * 16);
}

#[test]
fn nft_can_show_all_rules() {
    let Some(mut cluster) = Cluster::new() else {
        return;
    };
    let spec = json!({
        "externalTrafficPolicy": "Local",
        "externalIPs": ["203.0.113.5"],
        "sessionAffinity": "ClientIP",
    });
    cluster.set(&spec, &everywhere());
    let mut nft = Command::new("nft");
    nft.args(["list", "ruleset"]);
    let shown = match cluster.bed.nodes[0].run(|| nft.output()).unwrap() {
        Ok(shown) => shown,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("skipped: no nft");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    let errors = String::from_utf8_lossy(&shown.stderr).into_owned();
    assert!(shown.status.success(), "{errors}");
    assert!(text.contains("203.0.113.5 . tcp . 80"), "{text}");
    assert!(text.contains("map @local-slots-4"), "{text}");
}
