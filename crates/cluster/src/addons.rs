//! What runs in every cluster besides the control plane: YAML, in the order in which it is needed.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::config::Config;
use crate::join::Token;
use crate::manifests;
use crate::template::fill;

/// Where the network agent answers its probes, at the node's loopback.
const NETWORK_HEALTH_PORT: u16 = 10_261;

/// One file per addon; a name is a place in the order.
const ADDONS: [(&str, &str); 5] = [
    (
        "10-bootstrap",
        include_str!("addons/yaml/10-bootstrap.yaml"),
    ),
    ("20-network", include_str!("addons/yaml/20-network.yaml")),
    ("30-proxy", include_str!("addons/yaml/30-proxy.yaml")),
    ("40-dns", include_str!("addons/yaml/40-dns.yaml")),
    (
        "50-local-path",
        include_str!("addons/yaml/50-local-path.yaml"),
    ),
];

/// What the addons need to know besides the configuration.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    /// The control plane's address on the bridge.
    pub(crate) address: std::net::Ipv4Addr,
    /// The cluster's certificate authority, PEM.
    pub(crate) authority_pem: &'a str,
    /// The token by which nodes join.
    pub(crate) token: &'a Token,
}

/// All objects, in order.
pub(crate) fn objects(config: &Config, facts: &Facts<'_>) -> anyhow::Result<Vec<Value>> {
    let mut values = manifests::values(config, facts.address);
    values.extend([
        ("ca_base64", BASE64_STANDARD.encode(facts.authority_pem)),
        ("network_health_port", NETWORK_HEALTH_PORT.to_string()),
        ("token_expiration", facts.token.expiration.clone()),
        ("token_id", facts.token.id.clone()),
        ("token_secret", facts.token.secret.clone()),
    ]);
    let mut objects = Vec::new();
    for (name, text) in ADDONS {
        if name == "20-network" && config.disable_default_cni {
            continue;
        }
        let documents: Vec<Value> = serde_saphyr::from_multiple(&fill(text, &values))
            .map_err(|error| anyhow::anyhow!("addon {name} is not valid YAML: {error}"))?;
        objects.extend(documents);
    }
    Ok(objects)
}

#[cfg(test)]
mod tests;
