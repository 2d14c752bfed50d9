//! Which secrets a pod may name: none in mirror pods, and only its account's where that asks for it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::{items, text};

/// Why a mirror pod is refused.
pub(super) fn in_mirror(pod: &Value) -> Option<&'static str> {
    if !text(&pod["spec"]["serviceAccountName"]).is_empty() {
        return Some("a mirror pod may not reference service accounts");
    }
    if crate::authorization::references_secrets(pod) {
        return Some("a mirror pod may not reference secrets");
    }
    let mut sources =
        items(&pod["spec"]["volumes"]).flat_map(|volume| items(&volume["projected"]["sources"]));
    sources
        .any(|source| !source["serviceAccountToken"].is_null())
        .then_some("a mirror pod may not use ServiceAccountToken volume projections")
}

/// Why a pod may not name a secret that it names.
pub(super) fn not_allowed(pod: &Value, account: &Value) -> Option<String> {
    let (allowed, owner) = (
        names(&account["secrets"]),
        text(&account["metadata"]["name"]),
    );
    for volume in items(&pod["spec"]["volumes"]) {
        let Some(name) = volume["secret"]["secretName"].as_str() else {
            continue;
        };
        if !allowed.contains(name) {
            return Some(format!(
                "volume with secret.secretName=\"{name}\" is not allowed because service account \
                 {owner} does not reference that secret"
            ));
        }
    }
    let lists = [
        ("initContainers", "init container"),
        ("containers", "container"),
    ];
    let found = lists
        .into_iter()
        .find_map(|(list, what)| in_containers(&pod["spec"][list], what, (&allowed, owner)));
    if found.is_some() {
        return found;
    }
    let pull_secrets = names(&account["imagePullSecrets"]);
    let mut given = items(&pod["spec"]["imagePullSecrets"])
        .map(|it| text(&it["name"]))
        .enumerate();
    let (index, name) = given.find(|(_, name)| !pull_secrets.contains(name))?;
    Some(format!(
        "imagePullSecrets[{index}].name=\"{name}\" is not allowed because service account {owner} \
         does not reference that imagePullSecret"
    ))
}

/// The same for containers that come later.
pub(super) fn not_allowed_ephemeral(pod: &Value, account: &Value) -> Option<String> {
    let (allowed, owner) = (
        names(&account["secrets"]),
        text(&account["metadata"]["name"]),
    );
    let containers = &pod["spec"]["ephemeralContainers"];
    in_containers(containers, "ephemeral container", (&allowed, owner))
}

fn in_containers(
    containers: &Value,
    what: &str,
    (allowed, owner): (&BTreeSet<&str>, &str),
) -> Option<String> {
    for container in items(containers) {
        let container_name = text(&container["name"]);
        let refuse = |how: String, secret: &str| {
            format!(
                "{what} {container_name} with {how} referencing secret.secretName=\"{secret}\" is \
                 not allowed because service account {owner} does not reference that secret"
            )
        };
        for variable in items(&container["env"]) {
            let name = variable["valueFrom"]["secretKeyRef"]["name"].as_str();
            if let Some(name) = name.filter(|name| !allowed.contains(name)) {
                return Some(refuse(format!("envVar {}", text(&variable["name"])), name));
            }
        }
        for source in items(&container["envFrom"]) {
            let name = source["secretRef"]["name"].as_str();
            if let Some(name) = name.filter(|name| !allowed.contains(name)) {
                return Some(refuse("envFrom".to_owned(), name));
            }
        }
    }
    None
}

fn names(references: &Value) -> BTreeSet<&str> {
    items(references)
        .map(|reference| text(&reference["name"]))
        .collect()
}
