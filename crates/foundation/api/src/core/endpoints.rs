//! Endpoints: the addresses behind a service, in their first form.

use std::net::IpAddr;

use serde_json::{Value, json};
use styr_meta::field::Path;
use styr_meta::{FieldError, names};

use crate::rules::{Context, Rules};
use crate::tree;

pub(crate) struct Endpoints;

/// As many addresses are shown.
const SHOWN_MAX: usize = 3;

impl Rules for Endpoints {
    fn allow_create_on_update(&self) -> bool {
        true
    }

    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let path = Path::root("subsets");
        for (index, subset) in tree::items(object, "subsets").iter().enumerate() {
            check(subset, &path.index(index), &mut errors);
        }
        errors
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        (column == "Endpoints").then(|| json!(addresses(object)))
    }
}

fn addresses(object: &Value) -> String {
    let mut all = Vec::new();
    for subset in tree::items(object, "subsets") {
        let addresses = tree::items(subset, "addresses")
            .iter()
            .map(|it| tree::text(it, "ip"));
        let ports = tree::items(subset, "ports");
        if ports.is_empty() {
            all.extend(addresses.map(str::to_owned));
            continue;
        }
        for port in ports {
            let number = tree::number(port, "port");
            all.extend(addresses.clone().map(|ip| join(ip, number)));
        }
    }
    match all.len() {
        0 if tree::items(object, "subsets").is_empty() => "<none>".to_owned(),
        0..=SHOWN_MAX => all.join(","),
        count => format!(
            "{} + {} more...",
            all[..SHOWN_MAX].join(","),
            count - SHOWN_MAX
        ),
    }
}

fn join(ip: &str, port: i64) -> String {
    if ip.contains(':') {
        format!("[{ip}]:{port}")
    } else {
        format!("{ip}:{port}")
    }
}

fn check(subset: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let lists = ["addresses", "notReadyAddresses"];
    if lists
        .iter()
        .all(|list| tree::items(subset, list).is_empty())
    {
        let text = "must specify `addresses` or `notReadyAddresses`";
        errors.push(FieldError::required(path, text));
    }
    for list in lists {
        for (index, address) in tree::items(subset, list).iter().enumerate() {
            let at = path.child(list).index(index);
            for (field, check) in [
                ("hostname", names::dns1123_label as fn(&str) -> Vec<String>),
                ("nodeName", names::dns1123_subdomain),
            ] {
                let name = tree::text(address, field);
                if name.is_empty() {
                    continue;
                }
                for text in check(name) {
                    errors.push(FieldError::invalid(at.child(field), name, text));
                }
            }
            let ip = tree::text(address, "ip");
            let text = match ip.parse::<IpAddr>() {
                Err(_) => {
                    let text = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
                    errors.push(FieldError::invalid(at.child("ip"), ip, text));
                    "must be a valid IP address"
                }
                Ok(ip) if ip.is_unspecified() => "may not be unspecified (0.0.0.0 or ::)",
                Ok(ip) if ip.is_loopback() => {
                    "may not be in the loopback range (127.0.0.0/8, ::1/128)"
                }
                Ok(_) => continue,
            };
            errors.push(FieldError::invalid(at.child("ip"), ip, text));
        }
    }
    let ports = tree::items(subset, "ports");
    for (index, port) in ports.iter().enumerate() {
        let at = path.child("ports").index(index);
        let name = tree::text(port, "name");
        if name.is_empty() && ports.len() > 1 {
            errors.push(FieldError::required(at.child("name"), ""));
        } else if !name.is_empty() {
            for text in names::dns1123_label(name) {
                errors.push(FieldError::invalid(at.child("name"), name, text));
            }
        }
        let number = tree::number(port, "port");
        for text in names::port_number(number) {
            errors.push(FieldError::invalid(at.child("port"), number, text));
        }
        let (protocol, known) = (tree::text(port, "protocol"), ["SCTP", "TCP", "UDP"]);
        if !known.contains(&protocol) {
            errors.push(FieldError::not_supported(
                at.child("protocol"),
                protocol,
                &known,
            ));
        }
    }
}
