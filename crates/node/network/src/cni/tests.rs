use serde_json::json;

use super::*;
use crate::bed::{self, Node, ask, bridge, serve};

fn environment(command: &str) -> BTreeMap<String, String> {
    [("CNI_COMMAND".to_owned(), command.to_owned())].into()
}

#[test]
fn version_names_what_we_speak() {
    let answer = answer(&environment("VERSION"), br#"{"cniVersion":"1.0.0"}"#).unwrap();
    assert_eq!(answer["cniVersion"], "1.0.0");
    assert_eq!(answer["supportedVersions"][4], "1.1.0");
}

#[test]
fn refusals_carry_the_numbers_of_the_specification() {
    let refusal = |command: &str, input: &[u8]| {
        let error = answer(&environment(command), input).unwrap_err();
        error.to_json("1.1.0")["code"].clone()
    };
    assert_eq!(refusal("ADD", b"{"), 6);
    assert_eq!(refusal("ADD", br#"{"cniVersion":"9.0.0"}"#), 1);
    assert_eq!(refusal("ADD", br#"{"cniVersion":"1.1.0"}"#), 4);
    assert_eq!(refusal("NONE", br#"{"cniVersion":"1.1.0"}"#), 4);
    assert_eq!(
        refusal("STATUS", br#"{"cniVersion":"1.1.0","podCidr":"x"}"#),
        50
    );
}

#[test]
fn pods_of_a_node_reach_each_other_and_the_node() {
    if !bed::is_root() {
        return;
    }
    let bridge = bridge();
    let node = Node::new(&bridge, 1);
    let (one, two) = (node.pod("one", &json!({})), node.pod("two", &json!({})));
    assert_eq!(one.address.to_string(), "10.244.1.2");
    assert_eq!(two.address.to_string(), "10.244.1.3");
    serve(&one.netns, 80);
    assert_eq!(ask(&two.netns, (one.address, 80)).unwrap(), "10.244.1.3");
    assert_eq!(ask(&node.netns, (one.address, 80)).unwrap(), "192.0.2.1");
    assert_eq!(ask(&one.netns, (one.address, 80)).unwrap(), "10.244.1.2");
    serve(&node.netns, 81);
    assert_eq!(ask(&two.netns, (node.address, 81)).unwrap(), "10.244.1.3");
}

#[test]
fn an_attachment_is_checked_released_twice_and_collected() {
    if !bed::is_root() {
        return;
    }
    let bridge = bridge();
    let node = Node::new(&bridge, 1);
    let pod = node.pod("one", &json!({}));
    let previous = json!({ "prevResult": { "ips": [{ "address": "10.244.1.2/32" }] } });
    assert_eq!(node.call("CHECK", &pod, &previous), Ok(Value::Null));
    let other = json!({ "prevResult": { "ips": [{ "address": "10.244.1.9/32" }] } });
    assert_eq!(node.call("CHECK", &pod, &other).unwrap_err()["code"], 100);
    assert_eq!(node.call("DEL", &pod, &json!({})), Ok(Value::Null));
    assert_eq!(node.call("DEL", &pod, &json!({})), Ok(Value::Null));
    assert_eq!(node.call("CHECK", &pod, &json!({})).unwrap_err()["code"], 3);
    // The freed address is not the next one to be given.
    let next = node.pod("two", &json!({}));
    assert_eq!(next.address.to_string(), "10.244.1.3");
    let kept = json!({ "cni.dev/valid-attachments": [] });
    assert_eq!(node.call("GC", &next, &kept), Ok(Value::Null));
    assert_eq!(
        node.call("CHECK", &next, &json!({})).unwrap_err()["code"],
        3
    );
    assert_eq!(node.call("STATUS", &next, &json!({})), Ok(Value::Null));
}

#[test]
fn a_full_network_says_try_again_later() {
    if !bed::is_root() {
        return;
    }
    let bridge = bridge();
    let mut node = Node::new(&bridge, 1);
    node.pod_cidr = "10.244.1.0/30".to_owned();
    let pod = node.pod("one", &json!({}));
    let error = node.call(
        "ADD",
        &bed::Pod {
            id: "two".to_owned(),
            ..pod
        },
        &json!({}),
    );
    assert_eq!(error.unwrap_err()["code"], 11);
}

#[test]
fn host_ports_lead_to_the_pod_from_everywhere() {
    if !bed::is_root() {
        return;
    }
    let bridge = bridge();
    let node = Node::new(&bridge, 1);
    let ports = json!({ "runtimeConfig": { "portMappings": [
        { "hostPort": 8080, "containerPort": 80, "protocol": "tcp" },
        { "hostPort": 8081, "containerPort": 80, "protocol": "tcp", "hostIP": "127.0.0.1" },
    ] } });
    let pod = node.pod("one", &ports);
    let other = node.pod("two", &json!({}));
    serve(&pod.netns, 80);
    assert_eq!(ask(&bridge, (node.address, 8080)).unwrap(), "192.0.2.254");
    assert_eq!(
        ask(&other.netns, (node.address, 8080)).unwrap(),
        "10.244.1.3"
    );
    assert_eq!(ask(&node.netns, (node.address, 8080)).unwrap(), "192.0.2.1");
    assert_eq!(
        ask(&node.netns, ([127, 0, 0, 1].into(), 8081)).unwrap(),
        "192.0.2.1"
    );
    assert_eq!(ask(&pod.netns, (node.address, 8080)).unwrap(), "192.0.2.1");
    assert!(ask(&bridge, (node.address, 8081)).is_err());
    node.call("DEL", &pod, &json!({})).unwrap();
    assert!(ask(&bridge, (node.address, 8080)).is_err());
}

#[test]
fn reads_host_ports_as_containerd_writes_them() {
    let input = json!({ "cniVersion": "1.1.0", "runtimeConfig": { "portMappings": [
        { "HostPort": 8080, "ContainerPort": 80, "Protocol": "udp", "HostIP": "127.0.0.1" },
    ] } });
    let config = NetworkConfig::parse(input.to_string().as_bytes()).unwrap();
    let port = &config.port_mappings()[0];
    assert_eq!((port.host_port, port.container_port), (8080, 80));
    assert_eq!((&*port.protocol, &*port.host_ip), ("udp", "127.0.0.1"));
}
