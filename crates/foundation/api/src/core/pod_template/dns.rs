//! Rules for how a pod resolves names, and for the name that it has itself.

use std::net::IpAddr;

use serde_json::Value;
use styr_meta::field::Path;
use styr_meta::{FieldError, names};

use crate::tree;

const NAMESERVERS_MAX: usize = 3;
const SEARCHES_MAX: usize = 32;
const SEARCH_LENGTH_MAX: usize = 2048;
const HOSTNAME_MAX: usize = 64;

pub(super) fn check(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let config = tree::at(spec, "dnsConfig");
    let path = path.child("dnsConfig");
    let servers = tree::items(config, "nameservers");
    if tree::text(spec, "dnsPolicy") == "None" {
        if config.is_null() {
            let text = "must provide `dnsConfig` when `dnsPolicy` is None";
            errors.push(FieldError::required(&path, text));
            return;
        }
        if servers.is_empty() {
            let text = "must provide at least one DNS nameserver when `dnsPolicy` is None";
            errors.push(FieldError::required(path.child("nameservers"), text));
            return;
        }
    }
    if servers.len() > NAMESERVERS_MAX {
        let text = format!("must not have more than {NAMESERVERS_MAX} nameservers");
        let at = path.child("nameservers");
        errors.push(FieldError::invalid(at, servers.to_vec(), text));
    }
    for (index, server) in servers.iter().filter_map(Value::as_str).enumerate() {
        if server.parse::<IpAddr>().is_err() {
            let text = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
            let at = path.child("nameservers").index(index);
            errors.push(FieldError::invalid(at, server, text));
        }
    }
    searches(config, &path.child("searches"), errors);
    for (index, option) in tree::items(config, "options").iter().enumerate() {
        if tree::text(option, "name").is_empty() {
            let at = path.child("options").index(index);
            errors.push(FieldError::required(at, "must not be empty"));
        }
    }
}

fn searches(config: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let all = tree::items(config, "searches");
    if all.len() > SEARCHES_MAX {
        let text = format!("must not have more than {SEARCHES_MAX} search paths");
        errors.push(FieldError::invalid(path, all.to_vec(), text));
    }
    let texts: Vec<&str> = all.iter().filter_map(Value::as_str).collect();
    if texts.join(" ").len() > SEARCH_LENGTH_MAX {
        let text = format!(
            "must not have more than {SEARCH_LENGTH_MAX} characters (including spaces) in the search list"
        );
        errors.push(FieldError::invalid(path, all.to_vec(), text));
    }
    for (index, search) in texts
        .iter()
        .enumerate()
        .filter(|(_, search)| **search != ".")
    {
        let search = search.strip_suffix('.').unwrap_or(search);
        for text in names::dns1123_subdomain_with_underscore(search) {
            errors.push(FieldError::invalid(path.index(index), search, text));
        }
    }
}

/// A name that stands for the one that would follow from the pod's.
pub(super) fn hostname_override(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let Some(name) = tree::at(spec, "hostnameOverride").as_str() else {
        return;
    };
    let at = path.child("hostnameOverride");
    for field in ["setHostnameAsFQDN", "hostNetwork"] {
        if tree::is_true(spec, field) {
            let text = format!("may not be specified when {field} is true");
            errors.push(FieldError::forbidden(&at, text));
        }
    }
    if name.len() > HOSTNAME_MAX {
        errors.push(FieldError::too_long(&at, HOSTNAME_MAX));
    }
    for text in names::dns1123_subdomain(name) {
        errors.push(FieldError::invalid(&at, name, text));
    }
}
