//! The volume with token, authority and namespace, mounted where clients in pods look for them.

use rand::seq::IndexedRandom as _;
use serde_json::{Value, json};

use super::super::{items, push, text};

const PREFIX: &str = "kube-api-access-";
const PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// An hour and a little: by this number such tokens are known as those that admission asked for.
const EXPIRATION_SECONDS: i64 = 3607;
/// What generated names end in.
const SUFFIX_LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
const SUFFIX_LENGTH: usize = 5;

/// Mounts the volume in all containers that have nothing else there.
pub(super) fn mount(pod: &mut Value) {
    let existing = items(&pod["spec"]["volumes"])
        .map(|volume| text(&volume["name"]))
        .find(|name| name.starts_with(PREFIX))
        .map(str::to_owned);
    let name = existing.clone().unwrap_or_else(generate);
    let mut is_needed = false;
    for list in ["initContainers", "containers"] {
        let containers = pod["spec"].get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let mounts = &mut container["volumeMounts"];
            if items(mounts).any(|mount| mount["mountPath"] == PATH) {
                continue;
            }
            push(
                mounts,
                json!({"name": name, "readOnly": true, "mountPath": PATH}),
            );
            is_needed = true;
        }
    }
    if is_needed && existing.is_none() {
        push(&mut pod["spec"]["volumes"], volume(&name));
    }
}

fn generate() -> String {
    let mut random = rand::rng();
    let letter = |_| {
        let letter = SUFFIX_LETTERS
            .choose(&mut random)
            .expect("there are letters");
        char::from(*letter)
    };
    format!(
        "{PREFIX}{}",
        (0..SUFFIX_LENGTH).map(letter).collect::<String>()
    )
}

fn volume(name: &str) -> Value {
    let namespace = json!({
        "path": "namespace",
        "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
    });
    let authority = json!({
        "name": "kube-root-ca.crt",
        "items": [{"key": "ca.crt", "path": "ca.crt"}],
    });
    let token = json!({"expirationSeconds": EXPIRATION_SECONDS, "path": "token"});
    json!({
        "name": name,
        "projected": {
            "defaultMode": 0o644,
            "sources": [
                {"serviceAccountToken": token},
                {"configMap": authority},
                {"downwardAPI": {"items": [namespace]}},
            ],
        },
    })
}

#[cfg(test)]
mod tests;
