//! Rules for probes and hooks of containers.

use serde_json::Value;
use styr_meta::field::Path;
use styr_meta::{FieldError, names};

use crate::tree;

const HANDLERS: [&str; 5] = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"];

pub(super) fn check(kind: &str, probe: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    handler(probe, path, errors);
    for field in [
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ] {
        let number = tree::number(probe, field);
        if number < 0 {
            let text = "must be greater than or equal to 0";
            errors.push(FieldError::invalid(path.child(field), number, text));
        }
    }
    let period = tree::at(probe, "terminationGracePeriodSeconds").as_i64();
    let at = path.child("terminationGracePeriodSeconds");
    if let Some(seconds) = period.filter(|seconds| *seconds <= 0) {
        errors.push(FieldError::invalid(&at, seconds, "must be greater than 0"));
    }
    if kind == "readinessProbe" {
        if let Some(seconds) = period {
            let text = "must not be set for readinessProbes";
            errors.push(FieldError::invalid(&at, seconds, text));
        }
    } else if tree::number(probe, "successThreshold") != 1 {
        let number = tree::number(probe, "successThreshold");
        errors.push(FieldError::invalid(
            path.child("successThreshold"),
            number,
            "must be 1",
        ));
    }
}

/// Exactly one way to find out.
pub(super) fn handler(handler: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let mut found = 0;
    for name in HANDLERS {
        let action = tree::at(handler, name);
        if action.is_null() {
            continue;
        }
        let at = path.child(name);
        found += 1;
        if found > 1 {
            errors.push(FieldError::forbidden(
                at,
                "may not specify more than 1 handler type",
            ));
            continue;
        }
        match name {
            "exec" if tree::items(action, "command").is_empty() => {
                errors.push(FieldError::required(at.child("command"), ""));
            }
            "httpGet" => http(action, &at, errors),
            "tcpSocket" => port(tree::at(action, "port"), &at.child("port"), errors),
            "grpc" => {
                let number = tree::number(action, "port");
                for text in names::port_number(number) {
                    errors.push(FieldError::invalid(at.child("port"), number, text));
                }
            }
            _ => {}
        }
    }
    if found == 0 {
        errors.push(FieldError::required(path, "must specify a handler type"));
    }
}

fn http(action: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    if tree::text(action, "path").is_empty() {
        errors.push(FieldError::required(path.child("path"), ""));
    }
    port(tree::at(action, "port"), &path.child("port"), errors);
    let scheme = tree::text(action, "scheme");
    let schemes = ["HTTP", "HTTPS"];
    if !schemes.contains(&scheme) {
        errors.push(FieldError::not_supported(
            path.child("scheme"),
            scheme,
            &schemes,
        ));
    }
    for header in tree::items(action, "httpHeaders") {
        let name = tree::text(header, "name");
        for text in names::http_header_name(name) {
            errors.push(FieldError::invalid(path.child("httpHeaders"), name, text));
        }
    }
}

/// A port by its number, or by its name.
pub(crate) fn port(port: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let texts = match port {
        Value::String(name) => names::port_name(name),
        number => names::port_number(number.as_i64().unwrap_or(0)),
    };
    for text in texts {
        let value = if port.is_null() {
            Value::from(0)
        } else {
            port.clone()
        };
        errors.push(FieldError::invalid(path, value, text));
    }
}
