use super::*;

fn kinds(file: &str) -> Vec<String> {
    let text = format!("kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n{file}");
    let config = Config::parse(&text, None).unwrap();
    let token = Token::new("0001-01-01T00:00:00Z".to_owned());
    let address = std::net::Ipv4Addr::new(172, 18, 0, 2);
    let facts = Facts {
        address,
        authority_pem: "pem",
        token: &token,
    };
    objects(&config, &facts)
        .unwrap()
        .iter()
        .map(|object| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            format!(
                "{}/{}",
                text(&object["kind"]),
                text(&object["metadata"]["name"])
            )
        })
        .collect()
}

#[test]
fn every_cluster_has_network_proxy_dns_and_storage() {
    let kinds = kinds("");
    for expected in [
        "DaemonSet/styr-network",
        "DaemonSet/kube-proxy",
        "Deployment/coredns",
        "Deployment/local-path-provisioner",
        "StorageClass/standard",
    ] {
        assert!(kinds.iter().any(|kind| kind == expected), "{expected}");
    }
}

#[test]
fn the_network_can_be_left_to_the_user() {
    let kinds = kinds("networking: {disableDefaultCNI: true}");
    assert!(!kinds.iter().any(|kind| kind == "DaemonSet/styr-network"));
    assert!(kinds.iter().any(|kind| kind == "DaemonSet/kube-proxy"));
}
