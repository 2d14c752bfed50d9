//! `loadBalancerSourceRanges`.

use super::*;

const BALANCED: &str = "203.0.113.5:80";

fn spec(ranges: &[&str]) -> Value {
    json!({ "ingress": [{ "ip": "203.0.113.5" }], "loadBalancerSourceRanges": ranges })
}

fn cluster(ranges: &[&str]) -> Option<Cluster> {
    let mut cluster = Cluster::new()?;
    cluster.set(&spec(ranges), &everywhere());
    Some(cluster)
}

fn is_dropped(from: &NetNs, to: &str) -> bool {
    matches!(ask(from, to), Err(error) if error.kind() == ErrorKind::TimedOut)
}

#[test]
fn only_clients_within_the_ranges_use_the_load_balancer() {
    let Some(mut cluster) = cluster(&["198.51.100.0/24"]) else {
        return;
    };
    let outside = &cluster.bed.outside;
    assert!(is_dropped(outside, BALANCED));
    assert!(is_dropped(&cluster.bed.pods[0][0], BALANCED));
    assert!(is_dropped(&cluster.bed.nodes[0], BALANCED));
    assert!(
        ask(outside, "192.0.2.2:30080").is_ok(),
        "node ports are not guarded"
    );
    assert!(ask(&cluster.bed.pods[0][0], "10.96.0.10:80").is_ok());
    cluster.set(
        &spec(&["198.51.100.0/24", " 192.0.2.254/32 "]),
        &everywhere(),
    );
    assert!(ask(&cluster.bed.outside, BALANCED).is_ok());
    assert!(is_dropped(&cluster.bed.nodes[0], BALANCED));
    cluster.set(&spec(&["192.0.2.0/24", "10.244.1.0/24"]), &everywhere());
    assert!(ask(&cluster.bed.outside, BALANCED).is_ok());
    assert!(ask(&cluster.bed.nodes[0], BALANCED).is_ok());
    assert!(ask(&cluster.bed.pods[0][0], BALANCED).is_ok());
}

#[test]
fn a_range_of_everything_guards_nothing() {
    let Some(mut cluster) = cluster(&["198.51.100.0/24", "0.0.0.0/0"]) else {
        return;
    };
    assert!(ask(&cluster.bed.outside, BALANCED).is_ok());
    cluster.set(&spec(&[]), &everywhere());
    assert!(ask(&cluster.bed.outside, BALANCED).is_ok());
}
