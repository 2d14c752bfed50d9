//! `EndpointSlice`: <https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/>.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::{Value, json};
use styr_meta::field::Path;
use styr_meta::{FieldError, names};

use crate::rules::{Context, Rules};
use crate::{cells, tree};

pub(crate) struct EndpointSlice;

const ENDPOINTS_MAX: usize = 1000;
const ADDRESSES_MAX: usize = 100;
const PORTS_MAX: usize = 20_000;
const SHOWN_MAX: usize = 3;
const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
const ADDRESS_TYPES: [&str; 3] = ["FQDN", "IPv4", "IPv6"];

impl Rules for EndpointSlice {
    fn default(&self, object: &mut Value) {
        for port in tree::items_mut(object, "ports") {
            tree::set_default(port, "name", "");
            tree::set_default(port, "protocol", "TCP");
        }
    }

    /// The generation counts every change of what the slice says.
    fn is_new_generation(&self, object: &Value, old: &Value) -> Option<bool> {
        let same = ["addressType", "endpoints", "ports", "metadata.labels"]
            .iter()
            .all(|path| tree::same(tree::at(object, path), tree::at(old, path)));
        Some(!same)
    }

    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let kind = tree::text(object, "addressType");
        if kind.is_empty() {
            errors.push(FieldError::required("addressType", ""));
        } else if !ADDRESS_TYPES.contains(&kind) {
            errors.push(FieldError::not_supported(
                "addressType",
                kind,
                &ADDRESS_TYPES,
            ));
        }
        errors.extend(endpoints(tree::items(object, "endpoints"), kind));
        errors.extend(ports(tree::items(object, "ports")));
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value, cx: &Context) -> Vec<FieldError> {
        let mut errors = self.validate(object, cx);
        if tree::text(object, "addressType") != tree::text(old, "addressType") {
            let text = "field is immutable";
            errors.push(FieldError::invalid("addressType", Value::Null, text));
        }
        errors
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        let texts: Vec<String> = match column {
            "Ports" => tree::items(object, "ports").iter().map(port_text).collect(),
            "Endpoints" => tree::items(object, "endpoints")
                .iter()
                .flat_map(|it| tree::items(it, "addresses"))
                .filter_map(|it| it.as_str().map(str::to_owned))
                .collect(),
            _ => return None,
        };
        Some(match texts.len() {
            0 => json!("<unset>"),
            1..=SHOWN_MAX => cells::or_none(&texts.join(",")),
            count => {
                json!(format!(
                    "{} + {} more...",
                    texts[..SHOWN_MAX].join(","),
                    count - SHOWN_MAX
                ))
            }
        })
    }
}

fn port_text(port: &Value) -> String {
    match (
        tree::at(port, "port").as_i64(),
        tree::at(port, "name").as_str(),
    ) {
        (Some(number), _) => number.to_string(),
        (None, Some(name)) => name.to_owned(),
        (None, None) => "*".to_owned(),
    }
}

fn endpoints(all: &[Value], kind: &str) -> Vec<FieldError> {
    let path = Path::root("endpoints");
    let mut errors = Vec::new();
    if all.len() > ENDPOINTS_MAX {
        errors.push(FieldError::too_many(&path, all.len(), ENDPOINTS_MAX));
        return errors;
    }
    for (index, endpoint) in all.iter().enumerate() {
        let at = path.index(index).child("addresses");
        let addresses = tree::items(endpoint, "addresses");
        if addresses.is_empty() {
            errors.push(FieldError::required(&at, ""));
        } else if addresses.len() > ADDRESSES_MAX {
            errors.push(FieldError::too_many(&at, addresses.len(), ADDRESSES_MAX));
        }
        for (index, address) in addresses.iter().enumerate() {
            errors.extend(address_error(
                address.as_str().unwrap_or_default(),
                kind,
                &at.index(index),
            ));
        }
        if let Some(host) = tree::at(endpoint, "hostname").as_str() {
            for text in names::dns1123_label(host) {
                errors.push(FieldError::invalid(
                    path.index(index).child("hostname"),
                    host,
                    text,
                ));
            }
        }
    }
    errors
}

fn address_error(address: &str, kind: &str, path: &Path) -> Vec<FieldError> {
    let wrong = |text: &str| vec![FieldError::invalid(path, address, text)];
    match kind {
        "IPv4" if address.parse::<Ipv4Addr>().is_err() => wrong("must be an IPv4 address"),
        "IPv6" if address.parse::<Ipv6Addr>().is_err() => wrong("must be an IPv6 address"),
        "FQDN" => names::dns1123_subdomain(address)
            .iter()
            .map(|text| FieldError::invalid(path, address, text.as_str()))
            .collect(),
        _ => Vec::new(),
    }
}

fn ports(all: &[Value]) -> Vec<FieldError> {
    let path = Path::root("ports");
    let mut errors = Vec::new();
    if all.len() > PORTS_MAX {
        errors.push(FieldError::too_many(&path, all.len(), PORTS_MAX));
        return errors;
    }
    let mut seen = BTreeSet::new();
    for (index, port) in all.iter().enumerate() {
        let at = path.index(index);
        let name = tree::text(port, "name");
        if !name.is_empty() {
            for text in names::dns1123_label(name) {
                errors.push(FieldError::invalid(at.child("name"), name, text));
            }
        }
        if !seen.insert(name) {
            errors.push(FieldError::duplicate(at.child("name"), name));
        }
        match tree::at(port, "protocol").as_str() {
            None => errors.push(FieldError::required(at.child("protocol"), "")),
            Some(protocol) if !PROTOCOLS.contains(&protocol) => {
                errors.push(FieldError::not_supported(
                    at.child("protocol"),
                    protocol,
                    &PROTOCOLS,
                ));
            }
            Some(_) => {}
        }
    }
    errors
}
