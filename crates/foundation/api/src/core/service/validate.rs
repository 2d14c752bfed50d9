//! Rules for Services.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::Value;
use styr_meta::field::Path;
use styr_meta::{FieldError, names};

use crate::core::pod_template::probe;
use crate::core::pod_template::validate::one_of;
use crate::{metadata, tree};

const TYPES: [&str; 4] = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
const HEADLESS: &str = "None";
const AFFINITY_MAX: i64 = 86400;
const NO_ADDRESS: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";

pub(super) fn check(service: &Value) -> Vec<FieldError> {
    let path = Path::root("spec");
    let spec = tree::at(service, "spec");
    let kind = tree::text(spec, "type");
    let mut errors = Vec::new();
    if kind == "LoadBalancer" && is_headless(spec) {
        let text = "may not be set to 'None' for LoadBalancer services";
        errors.push(FieldError::invalid(
            path.child("clusterIPs").index(0),
            HEADLESS,
            text,
        ));
    }
    match kind {
        "NodePort" if is_headless(spec) => {
            let text = "may not be set to 'None' for NodePort services";
            errors.push(FieldError::invalid(
                path.child("clusterIPs").index(0),
                HEADLESS,
                text,
            ));
        }
        "ExternalName" => external_name(spec, &path, &mut errors),
        _ => {}
    }
    ports(spec, &path, &mut errors);
    let selector = tree::at(spec, "selector");
    errors.extend(metadata::labels(selector, &path.child("selector")));
    affinity(spec, &path, &mut errors);
    addresses(spec, &path, &mut errors);
    one_of(spec, &path, ("type", &TYPES), &mut errors);
    policies(spec, &path, &mut errors);
    source_ranges(spec, &path, &mut errors);
    if kind != "LoadBalancer" {
        if !tree::items(spec, "loadBalancerSourceRanges").is_empty() {
            let text = "may only be used when `type` is 'LoadBalancer'";
            errors.push(FieldError::forbidden(
                path.child("LoadBalancerSourceRanges"),
                text,
            ));
        }
        for field in ["allocateLoadBalancerNodePorts", "loadBalancerClass"] {
            if !tree::at(spec, field).is_null() {
                let text = "may only be used when `type` is 'LoadBalancer'";
                errors.push(FieldError::forbidden(path.child(field), text));
            }
        }
    }
    errors
}

/// Ranges whose clients a load balancer serves. Upstream names the field by its Go name.
fn source_ranges(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let path = path.child("LoadBalancerSourceRanges");
    let ranges = tree::items(spec, "loadBalancerSourceRanges")
        .iter()
        .filter_map(Value::as_str);
    for (index, range) in ranges.enumerate() {
        let text = match range
            .trim()
            .split_once('/')
            .map(|(ip, bits)| (ip.parse(), bits.parse()))
        {
            Some((Ok(IpAddr::V4(ip)), Ok(bits @ 0..=32_u32))) => {
                match ip.to_bits().checked_shl(bits).unwrap_or(0) {
                    0 => continue,
                    _ => "must not have bits set beyond the prefix length",
                }
            }
            Some((Ok(IpAddr::V6(ip)), Ok(bits @ 0..=128_u32))) => {
                match ip.to_bits().checked_shl(bits).unwrap_or(0) {
                    0 => continue,
                    _ => "must not have bits set beyond the prefix length",
                }
            }
            _ => "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
        };
        errors.push(FieldError::invalid(path.index(index), range, text));
    }
}

fn is_headless(spec: &Value) -> bool {
    tree::items(spec, "clusterIPs")
        .first()
        .is_some_and(|ip| ip == HEADLESS)
        || tree::text(spec, "clusterIP") == HEADLESS
}

fn external_name(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    if !tree::items(spec, "clusterIPs").is_empty() {
        let text = "may not be set when type is 'ExternalName'";
        let value = tree::at(spec, "clusterIPs").clone();
        errors.push(FieldError::invalid(path.child("clusterIPs"), value, text));
    }
    let name = tree::text(spec, "externalName").trim_end_matches('.');
    if name.is_empty() {
        errors.push(FieldError::required(path.child("externalName"), ""));
        return;
    }
    for text in names::dns1123_subdomain(name) {
        errors.push(FieldError::invalid(path.child("externalName"), name, text));
    }
}

fn ports(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let all = tree::items(spec, "ports");
    let path = path.child("ports");
    let kind = tree::text(spec, "type");
    if all.is_empty() && !is_headless(spec) && kind != "ExternalName" {
        errors.push(FieldError::required(&path, ""));
    }
    let (mut named, mut numbered, mut on_nodes) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (index, port) in all.iter().enumerate() {
        let at = path.index(index);
        let (name, protocol) = (tree::text(port, "name"), tree::text(port, "protocol"));
        port_itself(port, &at, all.len() > 1, errors);
        if !name.is_empty() && !named.insert(name) {
            errors.push(FieldError::duplicate(at.child("name"), name));
        }
        let number = tree::number(port, "port");
        if !numbered.insert((protocol, number)) {
            let mut value =
                serde_json::json!({"port": number, "protocol": protocol, "targetPort": 0});
            if protocol.is_empty() {
                tree::remove(&mut value, "protocol");
            }
            errors.push(FieldError::duplicate(&at, value));
        }
        let node_port = tree::number(port, "nodePort");
        if node_port == 0 {
            continue;
        }
        if kind == "ClusterIP" || kind == "ExternalName" {
            let text = format!("may not be used when `type` is '{kind}'");
            errors.push(FieldError::forbidden(at.child("nodePort"), text));
        }
        if !on_nodes.insert((protocol, node_port)) {
            errors.push(FieldError::duplicate(at.child("nodePort"), node_port));
        }
    }
}

fn port_itself(port: &Value, path: &Path, needs_name: bool, errors: &mut Vec<FieldError>) {
    match tree::text(port, "name") {
        "" if needs_name => errors.push(FieldError::required(path.child("name"), "")),
        "" => {}
        name => {
            for text in names::dns1123_label(name) {
                errors.push(FieldError::invalid(path.child("name"), name, text));
            }
        }
    }
    let number = tree::number(port, "port");
    for text in names::port_number(number) {
        errors.push(FieldError::invalid(path.child("port"), number, text));
    }
    one_of(port, path, ("protocol", &PROTOCOLS), errors);
    probe::port(
        tree::at(port, "targetPort"),
        &path.child("targetPort"),
        errors,
    );
    if let Some(protocol) = tree::at(port, "appProtocol").as_str() {
        for text in names::qualified_name(protocol) {
            errors.push(FieldError::invalid(
                path.child("appProtocol"),
                protocol,
                text,
            ));
        }
    }
}

fn affinity(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    one_of(
        spec,
        path,
        ("sessionAffinity", &["ClientIP", "None"]),
        errors,
    );
    let config = tree::at(spec, "sessionAffinityConfig");
    let at = path.child("sessionAffinityConfig");
    match tree::text(spec, "sessionAffinity") {
        "ClientIP" => {
            let seconds = tree::number(config, "clientIP.timeoutSeconds");
            if !(1..=AFFINITY_MAX).contains(&seconds) {
                let text = format!("must be greater than 0 and less than {AFFINITY_MAX}");
                let at = at.child("clientIP").child("timeoutSeconds");
                errors.push(FieldError::invalid(at, seconds, text));
            }
        }
        "None" if !config.is_null() => {
            let text = "must not be set when session affinity is None";
            errors.push(FieldError::forbidden(at, text));
        }
        _ => {}
    }
}

fn addresses(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let text = NO_ADDRESS;
    let first = tree::text(spec, "clusterIP");
    let all = tree::items(spec, "clusterIPs");
    for (index, ip) in all.iter().filter_map(Value::as_str).enumerate() {
        let at = path.child("clusterIPs").index(index);
        if ip == HEADLESS && all.len() > 1 {
            let text = "'None' must be the first and only value";
            errors.push(FieldError::invalid(at, ip, text));
        } else if ip != HEADLESS && ip.parse::<IpAddr>().is_err() {
            errors.push(FieldError::invalid(at, ip, text));
        }
    }
    if let Some(listed) = all.first().and_then(Value::as_str)
        && !first.is_empty()
        && first != listed
    {
        let text = "first value must match `clusterIP`";
        errors.push(FieldError::invalid(
            path.child("clusterIPs"),
            all.to_vec(),
            text,
        ));
    }
    for (index, ip) in tree::items(spec, "externalIPs")
        .iter()
        .filter_map(Value::as_str)
        .enumerate()
    {
        let at = path.child("externalIPs").index(index);
        match ip.parse::<IpAddr>() {
            Err(_) => errors.push(FieldError::invalid(at, ip, text)),
            Ok(parsed) if parsed.is_unspecified() => {
                let text = "may not be unspecified (0.0.0.0 or ::)";
                errors.push(FieldError::invalid(at, ip, text));
            }
            Ok(parsed) if parsed.is_loopback() => {
                let text = "may not be in the loopback range (127.0.0.0/8, ::1/128)";
                errors.push(FieldError::invalid(at, ip, text));
            }
            Ok(_) => {}
        }
    }
}

fn policies(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let kind = tree::text(spec, "type");
    let known = ["Cluster", "Local"];
    let external = tree::text(spec, "externalTrafficPolicy");
    let at = path.child("externalTrafficPolicy");
    let is_external =
        matches!(kind, "LoadBalancer" | "NodePort") || !tree::items(spec, "externalIPs").is_empty();
    if !is_external && !external.is_empty() {
        let text = "may only be set for externally-accessible services";
        errors.push(FieldError::invalid(&at, external, text));
    } else if is_external && external.is_empty() {
        errors.push(FieldError::required(&at, ""));
    } else if is_external && !known.contains(&external) {
        errors.push(FieldError::not_supported(&at, external, &known));
    }
    if let Some(internal) = tree::at(spec, "internalTrafficPolicy").as_str()
        && !known.contains(&internal)
    {
        errors.push(FieldError::not_supported(
            path.child("internalTrafficPolicy"),
            internal,
            &known,
        ));
    }
    if tree::number(spec, "healthCheckNodePort") != 0
        && !(kind == "LoadBalancer" && external == "Local")
    {
        let text =
            "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
        let number = tree::number(spec, "healthCheckNodePort");
        errors.push(FieldError::invalid(
            path.child("healthCheckNodePort"),
            number,
            text,
        ));
    }
}

/// An address stays, as long as the Service needs one.
pub(super) fn update(service: &Value, old: &Value) -> Vec<FieldError> {
    let mut errors = check(service);
    let path = Path::root("spec");
    let (new, had) = (tree::at(service, "spec"), tree::at(old, "spec"));
    let was_external = tree::text(had, "type") == "ExternalName";
    let is_external = tree::text(new, "type") == "ExternalName";
    if !was_external && !is_external {
        let (first, before) = (tree::text(new, "clusterIP"), tree::text(had, "clusterIP"));
        if !before.is_empty() && first != before {
            let at = path.child("clusterIPs").index(0);
            let value = Value::from(vec![first]);
            errors.push(FieldError::invalid(at, value, "may not change once set"));
        }
    }
    errors
}

/// What a cloud says of its load balancer.
pub(super) fn status(service: &Value) -> Vec<FieldError> {
    let path = Path::root("status").child("loadBalancer").child("ingress");
    let ingress = tree::items(service, "status.loadBalancer.ingress");
    let mut errors = Vec::new();
    if tree::text(service, "spec.type") != "LoadBalancer" && !ingress.is_empty() {
        let text = "may only be used when `spec.type` is 'LoadBalancer'";
        errors.push(FieldError::forbidden(&path, text));
        return errors;
    }
    for (index, entry) in ingress.iter().enumerate() {
        let at = path.index(index);
        let (ip, mode) = (tree::text(entry, "ip"), tree::text(entry, "ipMode"));
        if !ip.is_empty() && ip.parse::<IpAddr>().is_err() {
            errors.push(FieldError::invalid(at.child("ip"), ip, NO_ADDRESS));
        }
        match (ip, mode) {
            ("", "") => {}
            ("", _) => {
                let text = "may not be specified when `ip` is not set";
                errors.push(FieldError::forbidden(at.child("ipMode"), text));
            }
            (_, "") => {
                let text = "must be specified when `ip` is set";
                errors.push(FieldError::required(at.child("ipMode"), text));
            }
            (_, "Proxy" | "VIP") => {}
            (_, mode) => {
                let known = ["Proxy", "VIP"];
                errors.push(FieldError::not_supported(at.child("ipMode"), mode, &known));
            }
        }
        let host = tree::text(entry, "hostname");
        if !host.is_empty() {
            for text in names::dns1123_subdomain(host) {
                errors.push(FieldError::invalid(at.child("hostname"), host, text));
            }
            if host.parse::<IpAddr>().is_ok() {
                let text = "must be a DNS name, not an IP address";
                errors.push(FieldError::invalid(at.child("hostname"), host, text));
            }
        }
    }
    errors
}
