//! Rules for one container.

use std::collections::BTreeSet;

use serde_json::Value;
use styr_meta::field::Path;
use styr_meta::{FieldError, names};

use super::validate::one_of;
use super::{env, mount, probe, resources, restart, security, volume};
use crate::tree;

const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];

/// What holds for containers of every sort.
pub(super) fn common(
    container: &Value,
    path: &Path,
    volumes: &volume::Known<'_>,
    errors: &mut Vec<FieldError>,
) {
    match tree::text(container, "name") {
        "" => errors.push(FieldError::required(path.child("name"), "")),
        name => {
            for text in names::dns1123_label(name) {
                errors.push(FieldError::invalid(path.child("name"), name, text));
            }
        }
    }
    image(tree::text(container, "image"), &path.child("image"), errors);
    let policies = &["File", "FallbackToLogsOnError"];
    one_of(
        container,
        path,
        ("terminationMessagePolicy", policies),
        errors,
    );
    ports(
        tree::items(container, "ports"),
        &path.child("ports"),
        errors,
    );
    env::variables(tree::items(container, "env"), &path.child("env"), errors);
    env::sources(
        tree::items(container, "envFrom"),
        &path.child("envFrom"),
        errors,
    );
    mount::check(container, path, volumes, errors);
    let policies = &["Always", "IfNotPresent", "Never"];
    one_of(container, path, ("imagePullPolicy", policies), errors);
    resources::check(
        tree::at(container, "resources"),
        &path.child("resources"),
        errors,
    );
    restart::resize(container, path, errors);
    let context = tree::at(container, "securityContext");
    security::container(context, &path.child("securityContext"), errors);
}

fn image(image: &str, path: &Path, errors: &mut Vec<FieldError>) {
    if image.is_empty() {
        errors.push(FieldError::required(path, ""));
    } else if image.trim() != image {
        let text = "must not have leading or trailing whitespace";
        errors.push(FieldError::invalid(path, image, text));
    }
}

/// What the main containers may say about their life.
pub(super) fn lifetime(container: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    restart::policy(container, path, errors);
    let lifecycle = tree::at(container, "lifecycle");
    for hook in ["postStart", "preStop"] {
        let handler = tree::at(lifecycle, hook);
        if !handler.is_null() {
            probe::handler(handler, &path.child("lifecycle").child(hook), errors);
        }
    }
    for kind in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let found = tree::at(container, kind);
        if !found.is_null() {
            probe::check(kind, found, &path.child(kind), errors);
        }
    }
}

/// An init container has no life to speak of, unless it runs beside the others.
pub(super) fn initial(container: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    if tree::text(container, "restartPolicy") == "Always" {
        lifetime(container, path, errors);
        return;
    }
    restart::policy(container, path, errors);
    for field in [
        "lifecycle",
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
    ] {
        if !tree::at(container, field).is_null() {
            let text = "may not be set for init containers without restartPolicy=Always";
            errors.push(FieldError::forbidden(path.child(field), text));
        }
    }
}

/// What a container for looking around may not have.
pub(super) fn ephemeral(container: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let text = "cannot be set for an Ephemeral Container";
    let forbidden = [
        "ports",
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
        "lifecycle",
        "resources",
        "resizePolicy",
        "restartPolicy",
        "restartPolicyRules",
    ];
    for field in forbidden {
        let is_set = match tree::at(container, field) {
            Value::Null => false,
            Value::Array(items) => !items.is_empty(),
            Value::Object(members) if field == "resources" => !members.is_empty(),
            _ => true,
        };
        if is_set {
            errors.push(FieldError::forbidden(path.child(field), text));
        }
    }
    for (index, mount) in tree::items(container, "volumeMounts").iter().enumerate() {
        let at = path.child("volumeMounts").index(index);
        for field in ["subPath", "subPathExpr"] {
            if !tree::text(mount, field).is_empty() {
                errors.push(FieldError::forbidden(at.child(field), text));
            }
        }
    }
}

fn ports(ports: &[Value], path: &Path, errors: &mut Vec<FieldError>) {
    let mut seen = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let at = path.index(index);
        let name = tree::text(port, "name");
        if !name.is_empty() {
            let texts = names::port_name(name);
            if texts.is_empty() && !seen.insert(name) {
                errors.push(FieldError::duplicate(at.child("name"), name));
            }
            for text in texts {
                errors.push(FieldError::invalid(at.child("name"), name, text));
            }
        }
        for (field, required) in [("containerPort", true), ("hostPort", false)] {
            match tree::number(port, field) {
                0 if required => errors.push(FieldError::required(at.child(field), "")),
                0 => {}
                number => {
                    for text in names::port_number(number) {
                        errors.push(FieldError::invalid(at.child(field), number, text));
                    }
                }
            }
        }
        one_of(port, &at, ("protocol", &PROTOCOLS), errors);
    }
}
