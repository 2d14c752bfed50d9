//! Addresses that services could have, and that none has.

use super::*;
use crate::bed::ip_route;

fn cluster() -> Option<Cluster> {
    let mut cluster = Cluster::new()?;
    cluster.set(&json!({}), &everywhere());
    cluster.bed.add_stranger();
    Some(cluster)
}

fn is_dropped(from: &NetNs, to: &str) {
    let answer = ask(from, to);
    let kind = answer.as_ref().map_err(std::io::Error::kind);
    assert_eq!(kind, Err(ErrorKind::TimedOut), "{to}: {answer:?}");
}

#[test]
fn an_address_that_no_service_has_leads_nowhere() {
    let Some(cluster) = cluster() else {
        return;
    };
    let bed = &cluster.bed;
    is_dropped(&bed.pods[0][0], "10.96.0.99:8080");
    is_dropped(&bed.nodes[0], "10.96.0.99:8080");
    let socket = udp(&bed.pods[0][0], "10.96.0.99:8080");
    assert_eq!(exchange(&socket).unwrap_err().kind(), ErrorKind::WouldBlock);
    let elsewhere = ask(&bed.pods[0][0], "10.97.0.99:8080").unwrap();
    assert!(elsewhere.starts_with("stranger "), "{elsewhere}");
}

#[test]
fn a_port_that_a_service_does_not_have_refuses() {
    let Some(cluster) = cluster() else {
        return;
    };
    for from in [&cluster.bed.pods[0][0], &cluster.bed.nodes[0]] {
        let error = ask(from, "10.96.0.10:8080").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }
}

#[test]
fn networks_of_services_come_and_go_without_the_services() {
    let Some(mut cluster) = cluster() else {
        return;
    };
    // One within another, and one beside it.
    let networks = [("10.96.0.0", 16), ("10.96.1.0", 24), ("10.97.0.0", 16)];
    let networks = networks.map(|(start, prefix)| (ip(start), prefix));
    let mut set = |networks: &[(Ipv4Addr, u8)]| {
        let worker = &mut cluster.workers[0];
        worker.set_service_networks(networks.to_vec());
        assert!(worker.is_behind());
        worker.update(&cluster.fixture, &BTreeSet::new()).unwrap();
        assert!(!worker.is_behind());
    };
    set(&networks);
    let node = &cluster.bed.nodes[0];
    is_dropped(node, "10.96.1.1:8080");
    is_dropped(node, "10.97.0.99:8080");
    set(&networks[1..2]);
    assert!(ask(node, "10.97.0.99:8080").is_ok());
    assert!(ask(node, "10.96.0.99:8080").is_ok());
    is_dropped(node, "10.96.1.1:8080");
    assert!(ask(node, "10.96.0.10:80").is_ok());
}

#[test]
fn a_node_may_have_an_address_among_those_of_services() {
    let Some(cluster) = cluster() else {
        return;
    };
    let node = &cluster.bed.nodes[1];
    ip_route(node, "add local 10.96.0.77/32 dev lo");
    serve(node, 8081, "node");
    let outside = ask(&cluster.bed.pods[1][0], "10.96.0.77:8081").unwrap();
    assert!(outside.starts_with("node "), "{outside}");
}
