//! The KubeletConfiguration file. A field that upstream does not know is an error.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Taint;
use serde::Deserialize;
use styr_meta::Quantity;

use super::fields::FIELDS;
use super::pressure::Pressure;

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct File {
    pub(super) address: String,
    pub(super) allowed_unsafe_sysctls: Vec<String>,
    pub(super) authentication: Authentication,
    pub(super) authorization: Authorization,
    pub(super) cgroup_driver: String,
    pub(super) cgroup_root: String,
    #[serde(rename = "clusterDNS")]
    pub(super) cluster_dns: Vec<String>,
    pub(super) cluster_domain: String,
    pub(super) container_log_max_files: usize,
    pub(super) container_log_max_size: String,
    pub(super) container_runtime_endpoint: String,
    pub(super) healthz_bind_address: String,
    pub(super) healthz_port: u16,
    pub(super) kube_reserved: BTreeMap<String, String>,
    pub(super) max_pods: i64,
    pub(super) node_lease_duration_seconds: i32,
    pub(super) pod_logs_dir: String,
    pub(super) port: u16,
    #[serde(rename = "providerID")]
    pub(super) provider_id: String,
    #[serde(flatten)]
    pub(super) pressure: Pressure,
    pub(super) register_node: bool,
    pub(super) register_with_taints: Vec<Taint>,
    pub(super) resolv_conf: Option<String>,
    pub(super) rotate_certificates: bool,
    #[serde(rename = "serverTLSBootstrap")]
    pub(super) server_tls_bootstrap: bool,
    pub(super) static_pod_path: String,
    pub(super) system_reserved: BTreeMap<String, String>,
    pub(super) tls_cert_file: String,
    pub(super) tls_private_key_file: String,
    /// All of it.
    #[serde(skip)]
    pub(super) shown: serde_json::Value,
}

impl Default for File {
    fn default() -> Self {
        Self {
            address: "0.0.0.0".into(),
            allowed_unsafe_sysctls: Vec::new(),
            authentication: Authentication::default(),
            authorization: Authorization {
                mode: "Webhook".into(),
            },
            cgroup_driver: "cgroupfs".into(),
            cgroup_root: String::new(),
            cluster_dns: Vec::new(),
            cluster_domain: String::new(),
            container_log_max_files: 5,
            container_log_max_size: "10Mi".into(),
            container_runtime_endpoint: "unix:///run/containerd/containerd.sock".into(),
            healthz_bind_address: "127.0.0.1".into(),
            healthz_port: 10248,
            kube_reserved: BTreeMap::new(),
            max_pods: 110,
            node_lease_duration_seconds: 40,
            pod_logs_dir: "/var/log/pods".into(),
            port: 10250,
            provider_id: String::new(),
            pressure: Pressure::default(),
            register_node: true,
            register_with_taints: Vec::new(),
            resolv_conf: None,
            rotate_certificates: false,
            server_tls_bootstrap: false,
            static_pod_path: String::new(),
            system_reserved: BTreeMap::new(),
            tls_cert_file: String::new(),
            tls_private_key_file: String::new(),
            shown: serde_json::Value::Null,
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Authentication {
    pub(super) anonymous: Anonymous,
    pub(super) webhook: Webhook,
    pub(super) x509: X509,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Anonymous {
    pub(super) enabled: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Webhook {
    pub(super) enabled: bool,
    #[serde(rename = "cacheTTL")]
    _cache_ttl: Option<String>,
}

impl Default for Webhook {
    fn default() -> Self {
        Self {
            enabled: true,
            _cache_ttl: None,
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct X509 {
    #[serde(rename = "clientCAFile")]
    pub(super) client_ca_file: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Authorization {
    pub(super) mode: String,
}

pub(super) fn parse(text: &str) -> anyhow::Result<File> {
    let tree: serde_json::Value = serde_saphyr::from_str(text)?;
    let is_it = tree["kind"] == "KubeletConfiguration"
        && tree["apiVersion"] == "kubelet.config.k8s.io/v1beta1";
    anyhow::ensure!(
        is_it,
        "not a KubeletConfiguration of kubelet.config.k8s.io/v1beta1"
    );
    for name in tree.as_object().into_iter().flat_map(serde_json::Map::keys) {
        anyhow::ensure!(FIELDS.contains(&name.as_str()), "unknown field {name:?}");
    }
    refuse_unimplemented(&tree)?;
    let mut merged = serde_json::Map::new();
    // Upstream reads null as absent.
    let given = tree
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_null());
    merged.extend(given.map(|(name, value)| (name.clone(), value.clone())));
    let mut file: File = serde_json::from_value(serde_json::Value::Object(merged))?;
    if file.authorization.mode.is_empty() {
        file.authorization.mode = "Webhook".into();
    }
    file.shown = tree;
    Ok(file)
}

/// Nobody should believe that these took effect.
fn refuse_unimplemented(tree: &serde_json::Value) -> anyhow::Result<()> {
    let is_set = |name: &str| {
        let value = &tree[name];
        !(value.is_null() || *value == 0 || *value == "")
    };
    for name in ["readOnlyPort", "staticPodURL"] {
        anyhow::ensure!(!is_set(name), "field {name:?} is not implemented");
    }
    Ok(())
}

pub(super) fn quantity(text: &str, field: &str) -> anyhow::Result<i64> {
    let quantity = Quantity::parse(text).map_err(|error| anyhow::anyhow!("{field}: {error}"))?;
    Ok(quantity.value())
}
