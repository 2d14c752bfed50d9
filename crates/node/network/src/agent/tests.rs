use k8s_openapi::api::core::v1::{NodeAddress, NodeSpec, NodeStatus};
use serde_json::json;

use super::*;
use crate::bed::{self, Node as BedNode, ask, bridge, serve};

fn node(name: &str, pod_cidr: &str, address: &str) -> Arc<Node> {
    let mut node = Node::default();
    node.metadata.name = Some(name.to_owned());
    node.spec = Some(NodeSpec {
        pod_cidr: Some(pod_cidr.to_owned()),
        ..NodeSpec::default()
    });
    node.status = Some(NodeStatus {
        addresses: Some(vec![NodeAddress {
            type_: "InternalIP".to_owned(),
            address: address.to_owned(),
        }]),
        ..NodeStatus::default()
    });
    Arc::new(node)
}

#[test]
fn waits_until_the_node_has_a_network() {
    let nodes = [
        node("one", "", "192.0.2.1"),
        node("two", "10.244.2.0/24", "192.0.2.2"),
    ];
    assert_eq!(plan::plan(&nodes, "one", &[]), None);
    assert_eq!(plan::plan(&nodes, "three", &[]), None);
    let plan = plan::plan(&nodes, "two", &[]).unwrap();
    assert_eq!(plan.peers, []);
    assert_eq!(plan.cluster, [plan.own]);
}

fn two_nodes(backend: Backend) {
    if !bed::is_root() {
        return;
    }
    let bridge = bridge();
    let beds = [BedNode::new(&bridge, 1), BedNode::new(&bridge, 2)];
    let nodes = [
        node("one", "10.244.1.0/24", "192.0.2.1"),
        node("two", "10.244.2.0/24", "192.0.2.2"),
    ];
    for (bed, name) in beds.iter().zip(["one", "two"]) {
        let plan = plan::plan(&nodes, name, &[]).unwrap();
        // Twice, because the second time must change nothing.
        for _ in 0..2 {
            bed.netns
                .run(|| {
                    routes::apply(&plan, backend).unwrap();
                    masquerade::apply(&plan).unwrap();
                })
                .unwrap();
        }
    }
    let one = beds[0].pod("one", &json!({}));
    let two = beds[1].pod("two", &json!({}));
    serve(&two.netns, 80);
    assert_eq!(ask(&one.netns, (two.address, 80)).unwrap(), "10.244.1.2");
    assert!(ask(&beds[0].netns, (two.address, 80)).is_ok());
    // Beyond the cluster, a pod has its node's address.
    serve(&bridge, 80);
    assert_eq!(
        ask(&one.netns, ([192, 0, 2, 254].into(), 80)).unwrap(),
        "192.0.2.1"
    );
    assert_eq!(
        ask(&beds[1].netns, ([192, 0, 2, 254].into(), 80)).unwrap(),
        "192.0.2.2"
    );
    // An address that no pod has is refused at once.
    let nobody = ask(&one.netns, ([10, 244, 1, 99].into(), 80)).unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::HostUnreachable);
}

#[test]
fn pods_reach_each_other_across_nodes_by_routes() {
    two_nodes(Backend::Auto);
}

#[test]
fn pods_reach_each_other_across_nodes_through_vxlan() {
    two_nodes(Backend::Vxlan);
}

#[test]
fn a_node_that_leaves_takes_its_route_with_it() {
    if !bed::is_root() {
        return;
    }
    let bridge = bridge();
    let bed = BedNode::new(&bridge, 1);
    let nodes = [
        node("one", "10.244.1.0/24", "192.0.2.1"),
        node("two", "10.244.2.0/24", "192.0.2.2"),
    ];
    let count = |nodes: &[Arc<Node>]| {
        let plan = plan::plan(nodes, "one", &[]).unwrap();
        bed.netns
            .run(|| {
                routes::apply(&plan, Backend::Auto).unwrap();
                let mut netlink = styr_kernel::netlink::Netlink::open().unwrap();
                let routes = netlink.routes(styr_kernel::netlink::Family::V4).unwrap();
                routes.iter().filter(|route| route.protocol == 83).count()
            })
            .unwrap()
    };
    assert_eq!(count(&nodes), 2);
    assert_eq!(count(&nodes[..1]), 1);
}

#[test]
fn the_plugin_and_its_configuration_are_installed_once() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own");
    std::fs::write(&own, "program").unwrap();
    let programs = folder.path().join("bin");
    for _ in 0..2 {
        install::program(&own, &programs).unwrap();
        install::configuration(folder.path(), "10.244.1.0/24", 1500).unwrap();
    }
    assert_eq!(std::fs::read(programs.join("styr")).unwrap(), b"program");
    assert_eq!(
        std::fs::read(programs.join("loopback")).unwrap(),
        b"program"
    );
    std::fs::remove_file(&own).unwrap();
    std::fs::write(&own, "changed").unwrap();
    install::program(&own, &programs).unwrap();
    assert_eq!(std::fs::read(programs.join("styr")).unwrap(), b"changed");
    assert_eq!(
        std::fs::read(programs.join("loopback")).unwrap(),
        b"changed"
    );
    let text = std::fs::read(folder.path().join("10-styr.conflist")).unwrap();
    let list: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(list["plugins"][0]["podCidr"], "10.244.1.0/24");
}
