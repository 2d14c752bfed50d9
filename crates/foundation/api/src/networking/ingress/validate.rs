//! Rules for Ingresses.

use serde_json::Value;
use styr_meta::field::Path;
use styr_meta::{FieldError, names};

use crate::tree;

const PATH_TYPES: [&str; 3] = ["Exact", "ImplementationSpecific", "Prefix"];
const NOT_IN_PATHS: [&str; 6] = ["//", "/./", "/../", "%2f", "%2F", "\\"];
const NOT_AT_END: [&str; 2] = ["/..", "/."];

pub(super) fn check(ingress: &Value) -> Vec<FieldError> {
    let (spec, path) = (tree::at(ingress, "spec"), Path::root("spec"));
    let mut errors = Vec::new();
    let default = tree::at(spec, "defaultBackend");
    let rules = tree::items(spec, "rules");
    if rules.is_empty() && default.is_null() {
        let text = "either `defaultBackend` or `rules` must be specified";
        errors.push(FieldError::invalid(&path, Value::Null, text));
    }
    if !default.is_null() {
        backend(default, &path.child("defaultBackend"), &mut errors);
    }
    for (index, rule) in rules.iter().enumerate() {
        let at = path.child("rules").index(index);
        host(tree::text(rule, "host"), &at.child("host"), &mut errors);
        let http = tree::at(rule, "http");
        if !http.is_null() {
            paths(http, &at.child("http").child("paths"), &mut errors);
        }
    }
    let class = tree::text(spec, "ingressClassName");
    if !tree::at(spec, "ingressClassName").is_null() {
        for text in names::dns1123_subdomain(class) {
            errors.push(FieldError::invalid(
                path.child("ingressClassName"),
                class,
                text,
            ));
        }
    }
    errors
}

fn host(host: &str, path: &Path, errors: &mut Vec<FieldError>) {
    if host.is_empty() {
        return;
    }
    if host.parse::<std::net::IpAddr>().is_ok() {
        errors.push(FieldError::invalid(
            path,
            host,
            "must be a DNS name, not an IP address",
        ));
    }
    let texts = if host.contains('*') {
        names::wildcard_dns1123_subdomain(host)
    } else {
        names::dns1123_subdomain(host)
    };
    for text in texts {
        errors.push(FieldError::invalid(path, host, text));
    }
}

fn paths(http: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let all = tree::items(http, "paths");
    if all.is_empty() {
        errors.push(FieldError::required(path, ""));
    }
    for (index, one) in all.iter().enumerate() {
        let at = path.index(index);
        let target = tree::text(one, "path");
        let mut wrong = |text: String| {
            errors.push(FieldError::invalid(at.child("path"), target, text));
        };
        match tree::text(one, "pathType") {
            "" => {
                let text = "pathType must be specified";
                errors.push(FieldError::required(at.child("pathType"), text));
                continue;
            }
            "Exact" | "Prefix" => {
                if !target.starts_with('/') {
                    wrong("must be an absolute path".to_owned());
                }
                for part in NOT_IN_PATHS.iter().filter(|part| target.contains(**part)) {
                    wrong(format!("must not contain '{part}'"));
                }
                for part in NOT_AT_END.iter().filter(|part| target.ends_with(**part)) {
                    wrong(format!("cannot end with '{part}'"));
                }
            }
            "ImplementationSpecific" => {
                if !target.is_empty() && !target.starts_with('/') {
                    wrong("must be an absolute path".to_owned());
                }
            }
            other => {
                errors.push(FieldError::not_supported(
                    at.child("pathType"),
                    other,
                    &PATH_TYPES,
                ));
            }
        }
        backend(tree::at(one, "backend"), &at.child("backend"), errors);
    }
}

fn backend(backend: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let (service, resource) = (tree::at(backend, "service"), tree::at(backend, "resource"));
    if service.is_null() || !resource.is_null() {
        let text = match (service.is_null(), resource.is_null()) {
            (true, true) => "resource or service backend is required",
            (false, false) => "cannot set both resource and service backends",
            _ => return,
        };
        errors.push(FieldError::invalid(path, "", text));
        return;
    }
    let at = path.child("service");
    match tree::text(service, "name") {
        "" => errors.push(FieldError::required(at.child("name"), "")),
        name => {
            for text in names::dns1123_label(name) {
                errors.push(FieldError::invalid(at.child("name"), name, text));
            }
        }
    }
    let (name, number) = (
        tree::text(service, "port.name"),
        tree::number(service, "port.number"),
    );
    match (name.is_empty(), number == 0) {
        (true, true) => errors.push(FieldError::required(
            path,
            "port name or number is required",
        )),
        (false, false) => {
            errors.push(FieldError::invalid(
                path,
                "",
                "cannot set both port name & port number",
            ));
        }
        (false, true) => {
            for text in names::port_name(name) {
                errors.push(FieldError::invalid(at.child("port.name"), name, text));
            }
        }
        (true, false) => {
            for text in names::port_number(number) {
                errors.push(FieldError::invalid(at.child("port.number"), number, text));
            }
        }
    }
}
