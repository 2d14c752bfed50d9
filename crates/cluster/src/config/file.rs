//! The file as it is written, and what of it is refused.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{ConfigError, Mount, PortMapping, Propagation, Role, invalid};

/// kind's way to say "any free port".
const ANY_PORT: i32 = -1;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) api_version: String,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) nodes: Vec<NodeEntry>,
    #[serde(default)]
    pub(super) networking: Networking,
    #[serde(default)]
    pub(super) feature_gates: Value,
    #[serde(default)]
    pub(super) runtime_config: Value,
    #[serde(default)]
    pub(super) kubeadm_config_patches: Value,
    #[serde(default, rename = "kubeadmConfigPatchesJSON6902")]
    pub(super) kubeadm_config_patches_json: Value,
    #[serde(default)]
    pub(super) containerd_config_patches: Value,
    #[serde(default, rename = "containerdConfigPatchesJSON6902")]
    pub(super) containerd_config_patches_json: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NodeEntry {
    #[serde(default)]
    pub(super) role: Role,
    #[serde(default)]
    pub(super) image: Value,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) extra_mounts: Vec<Mount>,
    #[serde(default)]
    pub(super) extra_port_mappings: Vec<PortMapping>,
    #[serde(default)]
    pub(super) kubeadm_config_patches: Value,
    #[serde(default, rename = "kubeadmConfigPatchesJSON6902")]
    pub(super) kubeadm_config_patches_json: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Networking {
    pub(super) ip_family: Option<String>,
    pub(super) api_server_port: Option<i32>,
    pub(super) api_server_address: Option<IpAddr>,
    pub(super) pod_subnet: Option<String>,
    pub(super) service_subnet: Option<String>,
    #[serde(default, rename = "disableDefaultCNI")]
    pub(super) disable_default_cni: bool,
    pub(super) kube_proxy_mode: Option<String>,
    #[serde(default)]
    pub(super) dns_search: Value,
}

/// A port of the host; 0 is any.
pub(super) fn host_port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    use serde::de::Error as _;
    match i32::deserialize(deserializer)? {
        ANY_PORT => Ok(0),
        port => u16::try_from(port)
            .map_err(|_| D::Error::custom(format!("hostPort {port} is not -1 to 65535"))),
    }
}

impl File {
    /// An error that names the first field which is set and not supported.
    pub(super) fn refuse_unsupported(&self) -> Result<(), ConfigError> {
        let whole = self.raw_fields();
        let nodes = self.nodes.iter().enumerate();
        let fields = whole
            .into_iter()
            .chain(nodes.flat_map(|(at, node)| node.raw_fields(at)));
        if let Some((name, _)) = fields.into_iter().find(|(_, value)| is_set(value)) {
            return Err(ConfigError::Unsupported(name));
        }
        let is_other = |value: &Option<String>, supported: &str| {
            value.as_deref().is_some_and(|value| value != supported)
        };
        if is_other(&self.networking.ip_family, "ipv4") {
            return Err(invalid("networking.ipFamily", "only ipv4 is supported"));
        }
        if is_other(&self.networking.kube_proxy_mode, "nftables") {
            let reason = "only nftables is supported";
            return Err(invalid("networking.kubeProxyMode", reason));
        }
        let nodes = self.nodes.iter().enumerate();
        for (at, mount) in
            nodes.flat_map(|(at, node)| node.extra_mounts.iter().map(move |it| (at, it)))
        {
            let field = format!("nodes[{at}].extraMounts[]");
            if mount.selinux_relabel {
                return Err(ConfigError::Unsupported(format!("{field}.selinuxRelabel")));
            }
            if mount.propagation == Propagation::Bidirectional {
                let reason = "Bidirectional is not supported; use HostToContainer or None";
                return Err(invalid(format!("{field}.propagation"), reason));
            }
        }
        Ok(())
    }

    /// Fields of kind's that are never supported, by name.
    fn raw_fields(&self) -> Vec<(String, &Value)> {
        let fields = [
            ("featureGates", &self.feature_gates),
            ("runtimeConfig", &self.runtime_config),
            ("kubeadmConfigPatches", &self.kubeadm_config_patches),
            (
                "kubeadmConfigPatchesJSON6902",
                &self.kubeadm_config_patches_json,
            ),
            ("containerdConfigPatches", &self.containerd_config_patches),
            (
                "containerdConfigPatchesJSON6902",
                &self.containerd_config_patches_json,
            ),
            ("networking.dnsSearch", &self.networking.dns_search),
        ];
        fields.map(|(name, value)| (name.to_owned(), value)).into()
    }
}

impl NodeEntry {
    fn raw_fields(&self, at: usize) -> [(String, &Value); 3] {
        let fields = [
            ("image", &self.image),
            ("kubeadmConfigPatches", &self.kubeadm_config_patches),
            (
                "kubeadmConfigPatchesJSON6902",
                &self.kubeadm_config_patches_json,
            ),
        ];
        fields.map(|(name, value)| (format!("nodes[{at}].{name}"), value))
    }
}

fn is_set(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => true,
    }
}
