use super::*;

fn parse(body: &str) -> Result<Config, ConfigError> {
    Config::parse(
        &format!("kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n{body}"),
        None,
    )
}

fn error(body: &str) -> String {
    parse(body).unwrap_err().to_string()
}

#[test]
fn reads_a_file_with_two_nodes() {
    let config = parse(
        "nodes:\n- role: worker\n  labels: {tier: web}\n  extraPortMappings:\n  \
         - {containerPort: 30080, hostPort: 8080}\n- role: control-plane\nnetworking:\n  \
         podSubnet: \"192.168.0.0/16\"\n",
    )
    .unwrap();
    let names: Vec<&str> = config.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["kind-control-plane", "kind-worker"]);
    assert_eq!(config.pod_subnet.to_string(), "192.168.0.0/16");
    assert_eq!(config.nodes[1].ports[0].host_port, 8080);
    assert_eq!(config.nodes[1].labels["tier"], "web");
}

#[test]
fn numbers_workers_from_the_second_on() {
    let config = parse("nodes: [{role: control-plane}, {role: worker}, {role: worker}]").unwrap();
    assert_eq!(config.nodes[2].name, "kind-worker2");
}

#[test]
fn names_the_field_that_is_not_supported() {
    assert!(error("featureGates: {A: true}").contains("field featureGates is not supported"));
    assert!(error("nodes: [{role: control-plane, image: x}]").contains("nodes[0].image"));
    assert!(error("containerdConfigPatches: [a]").contains("containerdConfigPatches"));
}

#[test]
fn refuses_what_it_does_not_know() {
    assert!(error("nods: []").contains("nods"));
    let other = Config::parse("kind: Cluster\napiVersion: v1\n", None).unwrap_err();
    assert!(other.to_string().contains("kind.x-k8s.io/v1alpha4"));
}

#[test]
fn refuses_what_cannot_work() {
    assert!(error("nodes: [{role: worker}]").contains("control-plane"));
    assert!(error("networking: {podSubnet: 10.96.0.0/12}").contains("overlaps"));
    assert!(error("networking: {podSubnet: 10.0.0.0/25}").contains("/24"));
    assert!(error("networking: {ipFamily: ipv6}").contains("only ipv4"));
    assert!(error("name: Big").contains("not a valid cluster name"));
    let twice = "{containerPort: 1, hostPort: 9}";
    let body = format!("nodes: [{{role: control-plane, extraPortMappings: [{twice}, {twice}]}}]");
    assert!(error(&body).contains("mapped twice"));
}

#[test]
fn a_name_on_the_command_line_wins() {
    let text = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nname: a\n";
    assert_eq!(Config::parse(text, Some("b")).unwrap().name, "b");
    assert_eq!(
        Config::single("c").unwrap().control_plane().name,
        "c-control-plane"
    );
}

#[test]
fn a_host_port_of_minus_one_is_any() {
    let mapping = |port| format!("{{containerPort: 1, hostPort: {port}}}");
    let body = |port| {
        format!(
            "nodes: [{{role: control-plane, extraPortMappings: [{}]}}]",
            mapping(port)
        )
    };
    assert_eq!(parse(&body(-1)).unwrap().nodes[0].ports[0].host_port, 0);
    assert!(error(&body(70_000)).contains("hostPort 70000"));
}

#[test]
fn refuses_mounts_that_travel_back() {
    let mount = "{hostPath: /a, containerPath: /b, propagation: Bidirectional}";
    let body = format!("nodes: [{{role: control-plane, extraMounts: [{mount}]}}]");
    assert!(error(&body).contains("nodes[0].extraMounts[].propagation"));
}
