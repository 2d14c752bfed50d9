//! Rules for the spec of pods, on their own and in templates.

use std::collections::BTreeSet;

use serde_json::Value;
use styr_meta::field::Path;
use styr_meta::{FieldError, names};

use super::{affinity, container, dns, resources, scheduling, security, volume};
use crate::{metadata, tree};

/// What is being checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Pod,
    Template,
}

/// What is wrong with a template of pods.
pub(crate) fn template(template: &Value, path: &Path) -> Vec<FieldError> {
    let metadata = tree::at(template, "metadata");
    let mut errors = metadata::labels(tree::at(metadata, "labels"), &path.child("labels"));
    let annotations = tree::at(metadata, "annotations");
    errors.extend(metadata::annotations(
        annotations,
        &path.child("annotations"),
    ));
    let spec_path = path.child("spec");
    errors.extend(spec(
        tree::at(template, "spec"),
        &spec_path,
        Owner::Template,
    ));
    if !tree::items(template, "spec.ephemeralContainers").is_empty() {
        let text = "ephemeral containers not allowed in pod template";
        errors.push(FieldError::forbidden(
            spec_path.child("ephemeralContainers"),
            text,
        ));
    }
    errors
}

/// What is wrong with the spec of a pod.
pub(crate) fn spec(spec: &Value, path: &Path, owner: Owner) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let volumes = volume::all(
        tree::items(spec, "volumes"),
        &path.child("volumes"),
        &mut errors,
    );
    containers(spec, path, &volumes, &mut errors);
    host_ports(spec, path, owner, &mut errors);
    choices(spec, path, &mut errors);
    let labels = tree::at(spec, "nodeSelector");
    errors.extend(metadata::labels(labels, &path.child("nodeSelector")));
    let context = tree::at(spec, "securityContext");
    security::pod(context, &path.child("securityContext"), &mut errors);
    affinity::check(
        tree::at(spec, "affinity"),
        &path.child("affinity"),
        &mut errors,
    );
    scheduling::gates(spec, path, &mut errors);
    scheduling::spread(spec, path, &mut errors);
    names_of(spec, path, &mut errors);
    numbers(spec, path, &mut errors);
    scheduling::tolerations(spec, path, &mut errors);
    host_aliases(spec, path, &mut errors);
    dns::check(spec, path, &mut errors);
    dns::hostname_override(spec, path, &mut errors);
    pod_level(spec, path, &mut errors);
    errors
}

fn containers(
    spec: &Value,
    path: &Path,
    volumes: &volume::Known<'_>,
    errors: &mut Vec<FieldError>,
) {
    let all = tree::items(spec, "containers");
    let at = path.child("containers");
    if all.is_empty() {
        errors.push(FieldError::required(&at, ""));
    }
    let mut seen = BTreeSet::new();
    for (index, one) in all.iter().enumerate() {
        let path = at.index(index);
        container::common(one, &path, volumes, errors);
        container::lifetime(one, &path, errors);
        unique(&mut seen, one, &path, errors);
    }
    let at = path.child("initContainers");
    for (index, one) in tree::items(spec, "initContainers").iter().enumerate() {
        let path = at.index(index);
        container::common(one, &path, volumes, errors);
        container::initial(one, &path, errors);
        unique(&mut seen, one, &path, errors);
    }
    let at = path.child("ephemeralContainers");
    for (index, one) in tree::items(spec, "ephemeralContainers").iter().enumerate() {
        let path = at.index(index);
        container::common(one, &path, volumes, errors);
        container::ephemeral(one, &path, errors);
        unique(&mut seen, one, &path, errors);
        let target = tree::text(one, "targetContainerName");
        let known = ["containers", "initContainers"].iter().any(|list| {
            tree::items(spec, list)
                .iter()
                .any(|it| tree::text(it, "name") == target)
        });
        if !target.is_empty() && !known {
            errors.push(FieldError::not_found(
                path.child("targetContainerName"),
                target,
            ));
        }
    }
}

fn unique<'a>(
    seen: &mut BTreeSet<&'a str>,
    container: &'a Value,
    path: &Path,
    errors: &mut Vec<FieldError>,
) {
    let name = tree::text(container, "name");
    if !seen.insert(name) {
        errors.push(FieldError::duplicate(path.child("name"), name));
    }
}

/// On the host's network, a port is the host's port; and no host port is taken twice.
fn host_ports(spec: &Value, path: &Path, owner: Owner, errors: &mut Vec<FieldError>) {
    let on_host = tree::is_true(spec, "hostNetwork");
    let mut taken = BTreeSet::new();
    for (index, one) in tree::items(spec, "containers").iter().enumerate() {
        let ports = path.child("containers").index(index).child("ports");
        for (index, port) in tree::items(one, "ports").iter().enumerate() {
            let at = ports.index(index).child("hostPort");
            let number = tree::number(port, "hostPort");
            let wanted = tree::number(port, "containerPort");
            if on_host && (owner == Owner::Pod || number != 0) && number != wanted {
                let text = "must match `containerPort` when `hostNetwork` is true";
                errors.push(FieldError::invalid(&at, number, text));
            }
            let key = (
                number,
                tree::text(port, "hostIP"),
                tree::text(port, "protocol"),
            );
            if number != 0 && !taken.insert(key) {
                let value = format!("{}/{}/{}", key.2, key.1, key.0);
                errors.push(FieldError::duplicate(&at, value));
            }
        }
    }
}

fn choices(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    one_of(
        spec,
        path,
        ("restartPolicy", &["Always", "OnFailure", "Never"]),
        errors,
    );
    let policies = &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    one_of(spec, path, ("dnsPolicy", policies), errors);
    if !tree::at(spec, "preemptionPolicy").is_null() {
        let policies = &["PreemptLowerPriority", "Never"];
        one_of(spec, path, ("preemptionPolicy", policies), errors);
    }
    let shared = tree::is_true(spec, "shareProcessNamespace");
    if shared && tree::is_true(spec, "hostPID") {
        let text = "ShareProcessNamespace and HostPID cannot both be enabled";
        errors.push(FieldError::invalid(
            path.child("shareProcessNamespace"),
            true,
            text,
        ));
    }
}

/// A text that must be one of a few.
pub(crate) fn one_of(
    object: &Value,
    path: &Path,
    (field, values): (&str, &[&str]),
    errors: &mut Vec<FieldError>,
) {
    let value = tree::text(object, field);
    if value.is_empty() {
        errors.push(FieldError::required(path.child(field), ""));
    } else if !values.contains(&value) {
        errors.push(FieldError::not_supported(path.child(field), value, values));
    }
}

/// The operating system, claims, and amounts for the pod as a whole.
fn pod_level(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let (os, known) = (tree::at(spec, "os"), ["linux", "windows"]);
    if !os.is_null() {
        match tree::text(os, "name") {
            "" => errors.push(FieldError::required(path.child("os"), "cannot be empty")),
            name if !known.contains(&name) => {
                errors.push(FieldError::not_supported(path.child("os"), name, &known));
            }
            _ => {}
        }
    }
    let mut seen = BTreeSet::new();
    for (index, claim) in tree::items(spec, "resourceClaims").iter().enumerate() {
        let at = path.child("resourceClaims").index(index).child("name");
        match tree::text(claim, "name") {
            "" => errors.push(FieldError::required(at, "")),
            name if !seen.insert(name) => errors.push(FieldError::duplicate(at, name)),
            name => {
                for text in names::dns1123_label(name) {
                    errors.push(FieldError::invalid(&at, name, text));
                }
            }
        }
    }
    resources::pod(
        tree::at(spec, "resources"),
        &path.child("resources"),
        errors,
    );
}

fn names_of(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    type Check = fn(&str) -> Vec<String>;
    let checks: [(&str, Check); 6] = [
        ("serviceAccountName", names::dns1123_subdomain),
        ("nodeName", names::dns1123_subdomain),
        ("hostname", names::dns1123_label),
        ("subdomain", names::dns1123_label),
        ("priorityClassName", names::dns1123_subdomain),
        ("runtimeClassName", names::dns1123_subdomain),
    ];
    for (field, check) in checks {
        let value = tree::text(spec, field);
        if value.is_empty() {
            continue;
        }
        for text in check(value) {
            errors.push(FieldError::invalid(path.child(field), value, text));
        }
    }
}

fn numbers(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let max = i64::from(i32::MAX);
    if let Some(seconds) = tree::at(spec, "activeDeadlineSeconds").as_i64()
        && !(1..=max).contains(&seconds)
    {
        let text = names::out_of_range(1, max);
        errors.push(FieldError::invalid(
            path.child("activeDeadlineSeconds"),
            seconds,
            text,
        ));
    }
    if let Some(seconds) = tree::at(spec, "terminationGracePeriodSeconds").as_i64()
        && seconds < 0
    {
        let text = "must be greater than or equal to 0";
        errors.push(FieldError::invalid(
            path.child("terminationGracePeriodSeconds"),
            seconds,
            text,
        ));
    }
}

fn host_aliases(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let path = path.child("hostAliases");
    for (index, alias) in tree::items(spec, "hostAliases").iter().enumerate() {
        let at = path.index(index);
        let ip = tree::text(alias, "ip");
        if ip.parse::<std::net::IpAddr>().is_err() {
            let text = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
            errors.push(FieldError::invalid(at.child("ip"), ip, text));
        }
        for (index, host) in tree::items(alias, "hostnames").iter().enumerate() {
            let host = host.as_str().unwrap_or_default();
            for text in names::dns1123_subdomain(host) {
                errors.push(FieldError::invalid(
                    at.child("hostnames").index(index),
                    host,
                    text,
                ));
            }
        }
    }
}
