//! What pods and the templates of pods have in common.

mod affinity;
mod container;
mod dns;
mod env;
mod image;
mod mount;
pub(crate) mod probe;
mod projected;
pub(crate) mod resources;
mod restart;
mod scheduling;
mod security;
pub(crate) mod validate;
mod volume;

pub(crate) use affinity::node_selector;
use serde_json::{Value, json};
pub(crate) use volume::host_path;

use crate::tree;

/// Defaults of a pod's spec that depend on other fields.
pub(crate) fn default_spec(spec: &mut Value) {
    let named = tree::text(spec, "serviceAccountName").to_owned();
    let deprecated = tree::text(spec, "serviceAccount").to_owned();
    let name = if named.is_empty() { deprecated } else { named };
    if !name.is_empty() {
        spec["serviceAccountName"] = name.as_str().into();
        spec["serviceAccount"] = name.into();
    }
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        for container in tree::items_mut(spec, list) {
            default_container(container);
        }
    }
    for volume in tree::items_mut(spec, "volumes") {
        default_volume(volume);
    }
}

/// Defaults of a template: those of its spec.
pub(crate) fn default(template: &mut Value) {
    if let Some(spec) = template.get_mut("spec") {
        default_spec(spec);
    }
}

fn default_container(container: &mut Value) {
    let policy = image::pull_policy(tree::text(container, "image"));
    tree::set_if_zero(container, "imagePullPolicy", policy);
    tree::set_if_zero(container, "terminationMessagePath", "/dev/termination-log");
    tree::set_if_zero(container, "terminationMessagePolicy", "File");
}

fn default_volume(volume: &mut Value) {
    let sources = volume.as_object().into_iter().flatten();
    if sources
        .filter(|(key, value)| *key != "name" && !value.is_null())
        .count()
        == 0
    {
        volume["emptyDir"] = json!({});
    }
    if let Some(image) = volume.get_mut("image").filter(|it| it.is_object()) {
        let policy = image::pull_policy(tree::text(image, "reference"));
        tree::set_if_zero(image, "pullPolicy", policy);
    }
    if let Some(sources) = volume.get_mut("projected") {
        for source in tree::items_mut(sources, "sources") {
            if let Some(token) = source
                .get_mut("serviceAccountToken")
                .filter(|it| it.is_object())
            {
                tree::set_default(token, "expirationSeconds", 3600);
            }
        }
    }
}
