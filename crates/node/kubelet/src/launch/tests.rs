use k8s_openapi::api::core::v1::{Container, Pod, ResourceFieldSelector};
use serde_json::json;

use super::dns::{Resolver, config, parse};
use super::hosts::{managed, names};
use super::security::{ImageUser, verify_non_root};
use super::{NodeResources, downward, resources};

fn pod(spec: impl serde::Serialize) -> Pod {
    let metadata = json!({ "name": "a", "namespace": "ns", "uid": "u" });
    serde_json::from_value(json!({ "metadata": metadata, "spec": spec })).unwrap()
}

fn resolver() -> Resolver {
    Resolver {
        cluster_servers: vec!["10.96.0.10".into()],
        cluster_domain: "cluster.local".into(),
        host: parse("nameserver 192.0.2.53\nsearch example.com\noptions ndots:1 # note\n"),
    }
}

#[test]
fn names_of_the_cluster_come_first() {
    let dns = config(&pod(json!({ "containers": [] })), &resolver());
    assert_eq!(dns.servers, ["10.96.0.10"]);
    let searches = [
        "ns.svc.cluster.local",
        "svc.cluster.local",
        "cluster.local",
        "example.com",
    ];
    assert_eq!(dns.searches, searches);
    assert_eq!(dns.options, ["ndots:5"]);
}

#[test]
fn a_pod_in_the_hosts_network_resolves_as_the_host_does() {
    let dns = config(
        &pod(json!({ "containers": [], "hostNetwork": true })),
        &resolver(),
    );
    assert_eq!(dns, resolver().host);
}

#[test]
fn own_settings_are_added() {
    let spec = json!({ "containers": [], "dnsPolicy": "None", "dnsConfig": {
        "nameservers": ["1.1.1.1"], "options": [{ "name": "ndots", "value": "2" }, { "name": "edns0" }],
    } });
    let dns = config(&pod(spec), &resolver());
    assert_eq!(
        (dns.servers, dns.options),
        (
            vec!["1.1.1.1".into()],
            vec!["ndots:2".into(), "edns0".into()]
        )
    );
}

#[test]
fn a_long_name_is_cut() {
    let mut pod = pod(json!({ "containers": [], "subdomain": "sub" }));
    pod.metadata.name = Some(format!("{}-b", "a".repeat(62)));
    let (hostname, domain) = names(&pod, "cluster.local").unwrap();
    assert_eq!(hostname, "a".repeat(62));
    assert_eq!(domain, "sub.ns.svc.cluster.local");
}

#[test]
fn the_hosts_file_names_the_pod() {
    let file = managed(&["10.0.0.1".into()], ("a", "sub.ns.svc.cluster.local"), &[]);
    assert!(file.starts_with("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"));
    assert!(file.ends_with("10.0.0.1\ta.sub.ns.svc.cluster.local\ta\n"));
}

#[test]
fn root_is_refused_where_the_pod_forbids_it() {
    let pod = pod(json!({ "containers": [], "securityContext": { "runAsNonRoot": true } }));
    let container = Container {
        name: "c".into(),
        ..Container::default()
    };
    let image = ImageUser {
        uid: Some(0),
        name: String::new(),
    };
    let failure = verify_non_root(&pod, &container, &image).unwrap_err();
    assert_eq!(
        failure.message,
        "container has runAsNonRoot and image will run as root (pod: \"a_ns(u)\", container: c)"
    );
}

#[track_caller]
fn check_resource(resource: &str, divisor: &str, expected: &str) {
    let container: Container = serde_json::from_value(json!({
        "name": "c", "resources": { "limits": { "cpu": "1500m" }, "requests": { "memory": "100Mi" } },
    }))
    .unwrap();
    let selector: ResourceFieldSelector =
        serde_json::from_value(json!({ "resource": resource, "divisor": divisor })).unwrap();
    let node = NodeResources {
        cpu_milli: 4000,
        memory: 8 << 30,
        ephemeral_storage: 0,
    };
    let pod = pod(json!({ "containers": [] }));
    let value = downward::resource(&pod, &container, &selector, node).unwrap();
    assert_eq!(value, expected);
}

#[test]
fn processors_are_rounded_up() {
    check_resource("limits.cpu", "1", "2");
    check_resource("limits.cpu", "1m", "1500");
}

#[test]
fn without_a_limit_it_is_the_nodes() {
    check_resource("limits.memory", "1Gi", "8");
    check_resource("requests.memory", "1Mi", "100");
}

#[test]
fn the_kernel_is_told_upstreams_figures() {
    let spec = json!({ "containers": [{ "name": "c", "resources": {
        "requests": { "cpu": "100m", "memory": "1Gi" }, "limits": { "cpu": "250m", "memory": "2Gi" },
    } }] });
    let pod = pod(spec);
    let container = &crate::pod::containers(&pod)[0];
    let linux = resources::of_container(&pod, container, 4 << 30);
    assert_eq!(
        (linux.cpu_shares, linux.cpu_quota, linux.cpu_period),
        (102, 25_000, 100_000)
    );
    assert_eq!(
        (linux.memory_limit_in_bytes, linux.oom_score_adj),
        (2 << 30, 750)
    );
}
