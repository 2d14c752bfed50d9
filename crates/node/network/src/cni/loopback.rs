//! The plugin `loopback`, which runtimes other than ours call for every pod: `lo` up and no more.

use serde_json::{Value, json};
use styr_kernel::netlink::{Netlink, NetlinkError};
use styr_kernel::netns::NetNs;

use super::error::{CniError, Code};
use super::request::{NetworkConfig, Request};

const LOOPBACK: u32 = 1;

pub(super) fn answer(
    command: &str,
    request: impl FnOnce() -> Result<Request, CniError>,
    config: &NetworkConfig,
) -> Result<Value, CniError> {
    match command {
        "ADD" => {
            let request = request()?;
            let up = || -> Result<(), NetlinkError> { Netlink::open()?.set_up(LOOPBACK) };
            NetNs::open(&request.netns)?.run(up)??;
            let sandbox = request.netns.display().to_string();
            Ok(json!({
                "cniVersion": config.cni_version,
                "interfaces": [{ "name": "lo", "mac": "00:00:00:00:00:00", "sandbox": sandbox }],
                "ips": [{ "address": "127.0.0.1/8", "interface": 0 }],
                "dns": {},
            }))
        }
        "DEL" | "CHECK" | "GC" | "STATUS" => Ok(Value::Null),
        other => Err(CniError::plain(
            Code::Environment,
            format!("CNI_COMMAND {other:?} is not known"),
        )),
    }
}
