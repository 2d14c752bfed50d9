//! The files of a node: static pods, the kubelet's configuration, names and resolvers.

use std::net::Ipv4Addr;

use crate::config::{Config, Node, Role};
use crate::template::{Values, fill};

/// The name of our own image; it is put together around the running program.
pub(crate) const IMAGE: &str = concat!("localhost/styr:v", env!("CARGO_PKG_VERSION"));

/// Static pods by file name.
const STATIC_PODS: [(&str, &str); 4] = [
    ("etcd.yaml", include_str!("manifests/static-pods/etcd.yaml")),
    (
        "kube-apiserver.yaml",
        include_str!("manifests/static-pods/kube-apiserver.yaml"),
    ),
    (
        "kube-controller-manager.yaml",
        include_str!("manifests/static-pods/kube-controller-manager.yaml"),
    ),
    (
        "kube-scheduler.yaml",
        include_str!("manifests/static-pods/kube-scheduler.yaml"),
    ),
];

/// Taint of a control plane that has workers beside it.
const CONTROL_PLANE_TAINT: &str = "registerWithTaints:\n\
    - {key: node-role.kubernetes.io/control-plane, effect: NoSchedule}\n";

/// The control plane's static pods: file name and text.
pub(crate) fn static_pods(config: &Config, address: Ipv4Addr) -> Vec<(&'static str, String)> {
    let values = values(config, address);
    STATIC_PODS
        .iter()
        .map(|(name, text)| (*name, fill(text, &values)))
        .collect()
}

/// What every embedded text may name.
pub(crate) fn values(config: &Config, address: Ipv4Addr) -> Values {
    vec![
        ("address", address.to_string()),
        ("cluster", config.name.clone()),
        ("dns_address", dns_address(config).to_string()),
        ("image", IMAGE.to_owned()),
        ("node", config.control_plane().name.clone()),
        ("pod_subnet", config.pod_subnet.to_string()),
        ("service_subnet", config.service_subnet.to_string()),
    ]
}

/// The tenth address of the services, as kubeadm has it.
pub(crate) fn dns_address(config: &Config) -> Ipv4Addr {
    config.service_subnet.address(10)
}

/// The first address of the services: `kubernetes.default`.
pub(crate) fn kubernetes_address(config: &Config) -> Ipv4Addr {
    config.service_subnet.address(1)
}

/// The kubelet's configuration file.
pub(crate) fn kubelet_configuration(config: &Config, node: &Node) -> String {
    let tainted = node.role == Role::ControlPlane && config.nodes.len() > 1;
    let taints = if tainted {
        CONTROL_PLANE_TAINT.to_owned()
    } else {
        String::new()
    };
    let mut values = values(config, Ipv4Addr::UNSPECIFIED);
    values.push(("taints", taints));
    fill(include_str!("manifests/kubelet.yaml"), &values)
}

/// Labels that a node registers with.
pub(crate) fn node_labels(config: &Config, node: &Node) -> String {
    let mut labels: Vec<String> = node
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    if node.role == Role::ControlPlane && config.nodes.len() > 1 {
        labels.push("node.kubernetes.io/exclude-from-external-load-balancers=".to_owned());
    }
    labels.join(",")
}

/// The node's `/etc/hosts`.
pub(crate) fn hosts(node: &Node, address: Ipv4Addr) -> String {
    format!(
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n\
         fe00::0\tip6-localnet\nff00::0\tip6-mcastprefix\n{address}\t{}\n",
        node.name
    )
}

#[cfg(test)]
mod tests;
