use super::*;

fn config(nodes: &str) -> Config {
    let text = format!("kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: [{nodes}]\n");
    Config::parse(&text, None).unwrap()
}

fn yaml(text: &str) -> serde_json::Value {
    serde_saphyr::from_str(text).unwrap()
}

#[test]
fn static_pods_are_pods_of_our_own_image() {
    let config = config("{role: control-plane}");
    for (name, text) in static_pods(&config, Ipv4Addr::new(172, 18, 0, 2)) {
        let pod = yaml(&text);
        assert_eq!(pod["kind"], "Pod", "{name}");
        assert_eq!(
            format!("{}.yaml", pod["metadata"]["name"].as_str().unwrap()),
            name
        );
        assert_eq!(pod["spec"]["containers"][0]["image"], IMAGE, "{name}");
        assert_eq!(pod["spec"]["hostNetwork"], true, "{name}");
    }
}

#[test]
fn a_control_plane_is_tainted_only_beside_workers() {
    let alone = config("{role: control-plane}");
    let two = config("{role: control-plane}, {role: worker}");
    let taints = |config: &Config, at: usize| {
        yaml(&kubelet_configuration(config, &config.nodes[at]))["registerWithTaints"].clone()
    };
    assert!(taints(&alone, 0).is_null());
    assert_eq!(taints(&two, 0)[0]["effect"], "NoSchedule");
    assert!(taints(&two, 1).is_null());
}
