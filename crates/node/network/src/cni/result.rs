//! What ADD answers, in the form of the caller's version.

use serde_json::{Value, json};
use styr_kernel::netlink::Mac;

use super::attach::GATEWAY;
use super::request::Request;
use super::state::Attachment;

/// The node's end first, then the pod's.
pub(super) fn of_add(
    version: &str,
    request: &Request,
    attachment: &Attachment,
    (host, pod): (Mac, Mac),
) -> Value {
    let mut ip = json!({
        "address": format!("{}/32", attachment.address),
        "gateway": GATEWAY.to_string(),
        "interface": 1,
    });
    if version.starts_with("0.") {
        ip["version"] = json!("4");
    }
    json!({
        "cniVersion": version,
        "interfaces": [
            { "name": attachment.link, "mac": host.to_string() },
            {
                "name": request.interface,
                "mac": pod.to_string(),
                "sandbox": request.netns.display().to_string(),
            },
        ],
        "ips": [ip],
        "routes": [{ "dst": "0.0.0.0/0", "gw": GATEWAY.to_string() }],
        "dns": {},
    })
}

/// The pod's addresses that ADD answered, for CHECK.
pub(super) fn addresses(previous: &Value) -> Vec<String> {
    let ips = previous["ips"].as_array().into_iter().flatten();
    ips.filter_map(|ip| ip["address"].as_str())
        .map(str::to_owned)
        .collect()
}
