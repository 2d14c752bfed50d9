//! Rules for volumes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use styr_meta::field::Path;
use styr_meta::{FieldError, Quantity, names};

use super::{env, projected};
use crate::tree;

/// The volumes that are valid: name and source.
pub(super) type Known<'a> = BTreeMap<&'a str, &'a str>;

const MODE: &str = "must be a number between 0 and 0777 (octal), both inclusive";
const MODE_MAX: i64 = 0o777;
/// Fields of a pod that a volume of the downward API may hold.
const FIELDS: [&str; 5] = [
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
];
/// All sources in upstream's order, and the names by which it shows them.
const SOURCES: [(&str, &str); 30] = [
    ("emptyDir", "emptyDir"),
    ("hostPath", "hostPath"),
    ("gitRepo", "gitRepo"),
    ("gcePersistentDisk", "gcePersistentDisk"),
    ("awsElasticBlockStore", "awsElasticBlockStore"),
    ("secret", "secret"),
    ("nfs", "nfs"),
    ("iscsi", "iscsi"),
    ("glusterfs", "glusterfs"),
    ("flocker", "flocker"),
    ("persistentVolumeClaim", "persistentVolumeClaim"),
    ("rbd", "rbd"),
    ("cinder", "cinder"),
    ("cephfs", "cephFS"),
    ("quobyte", "quobyte"),
    ("downwardAPI", "downwarAPI"),
    ("fc", "fc"),
    ("flexVolume", "flexVolume"),
    ("configMap", "configMap"),
    ("azureFile", "azureFile"),
    ("vsphereVolume", "vsphereVolume"),
    ("photonPersistentDisk", "photonPersistentDisk"),
    ("portworxVolume", "portworxVolume"),
    ("azureDisk", "azureDisk"),
    ("storageos", "storageos"),
    ("projected", "projected"),
    ("scaleIO", "scaleIO"),
    ("csi", "csi"),
    ("ephemeral", "ephemeral"),
    ("image", "image"),
];
const HOST_PATH_TYPES: [&str; 8] = [
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
];

pub(super) fn all<'a>(
    volumes: &'a [Value],
    path: &Path,
    errors: &mut Vec<FieldError>,
) -> Known<'a> {
    let mut known = Known::new();
    for (index, volume) in volumes.iter().enumerate() {
        let at = path.index(index);
        let mut wrong = Vec::new();
        let kind = source(volume, &at, &mut wrong);
        let name = tree::text(volume, "name");
        if name.is_empty() {
            wrong.push(FieldError::required(at.child("name"), ""));
        } else {
            for text in names::dns1123_label(name) {
                wrong.push(FieldError::invalid(at.child("name"), name, text));
            }
        }
        if known.contains_key(name) {
            wrong.push(FieldError::duplicate(at.child("name"), name));
        }
        if wrong.is_empty() {
            known.insert(name, kind);
        }
        errors.append(&mut wrong);
    }
    known
}

/// Exactly one source; answers which.
fn source(volume: &Value, path: &Path, errors: &mut Vec<FieldError>) -> &'static str {
    let mut sources = SOURCES
        .iter()
        .filter(|(kind, _)| !tree::at(volume, kind).is_null());
    let Some((kind, _)) = sources.next() else {
        errors.push(FieldError::required(path, "must specify a volume type"));
        return "";
    };
    for (_, shown) in sources {
        let text = "may not specify more than 1 volume type";
        errors.push(FieldError::forbidden(path.child(shown), text));
    }
    let value = tree::at(volume, kind);
    check(kind, value, &path.child(kind), errors);
    kind
}

fn check(kind: &str, source: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let required = |field: &str, errors: &mut Vec<FieldError>| {
        if tree::text(source, field).is_empty() {
            errors.push(FieldError::required(path.child(field), ""));
        }
    };
    match kind {
        "emptyDir" => {
            let limit = Quantity::from_value(tree::at(source, "sizeLimit"));
            if limit.is_some_and(|limit| limit.is_negative()) {
                let text = "SizeLimit field must be a valid resource quantity";
                errors.push(FieldError::forbidden(path.child("sizeLimit"), text));
            }
        }
        "hostPath" => host_path(source, path, errors),
        "secret" => {
            required("secretName", errors);
            mode(source, "defaultMode", path, errors);
            items(source, path, errors);
        }
        "configMap" => {
            required("name", errors);
            mode(source, "defaultMode", path, errors);
            items(source, path, errors);
        }
        "persistentVolumeClaim" => required("claimName", errors),
        "nfs" => {
            required("server", errors);
            required("path", errors);
            let target = tree::text(source, "path");
            if !target.is_empty() && !target.starts_with('/') {
                let text = "must be an absolute path";
                errors.push(FieldError::invalid(path.child("path"), target, text));
            }
        }
        "csi" => required("driver", errors),
        "image" => required("reference", errors),
        "downwardAPI" => {
            mode(source, "defaultMode", path, errors);
            for file in tree::items(source, "items") {
                downward(file, path, errors);
            }
        }
        "projected" => {
            mode(source, "defaultMode", path, errors);
            projected::sources(source, path, errors);
        }
        "ephemeral" if tree::at(source, "volumeClaimTemplate").is_null() => {
            errors.push(FieldError::required(path.child("volumeClaimTemplate"), ""));
        }
        _ => {}
    }
}

pub(crate) fn host_path(source: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let target = tree::text(source, "path");
    if target.is_empty() {
        errors.push(FieldError::required(path.child("path"), ""));
        return;
    }
    no_steps_back(target, &path.child("path"), errors);
    let kind = tree::text(source, "type");
    if !HOST_PATH_TYPES.contains(&kind) {
        errors.push(FieldError::not_supported(
            path.child("type"),
            kind,
            &HOST_PATH_TYPES,
        ));
    }
}

/// Rights of a file.
pub(super) fn mode(source: &Value, field: &str, path: &Path, errors: &mut Vec<FieldError>) {
    if let Some(mode) = tree::at(source, field).as_i64()
        && !(0..=MODE_MAX).contains(&mode)
    {
        errors.push(FieldError::invalid(path.child(field), mode, MODE));
    }
}

/// Which keys go to which files.
pub(super) fn items(source: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    for (index, item) in tree::items(source, "items").iter().enumerate() {
        let at = path.child("items").index(index);
        for field in ["key", "path"] {
            if tree::text(item, field).is_empty() {
                errors.push(FieldError::required(at.child(field), ""));
            }
        }
        not_reserved(tree::text(item, "path"), &at.child("path"), errors);
        mode(item, "mode", &at, errors);
    }
}

/// A file of the downward API.
pub(super) fn downward(file: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let target = tree::text(file, "path");
    if target.is_empty() {
        errors.push(FieldError::required(path.child("path"), ""));
    }
    not_reserved(target, &path.child("path"), errors);
    let (field, resource) = (
        tree::at(file, "fieldRef"),
        tree::at(file, "resourceFieldRef"),
    );
    match (field.is_null(), resource.is_null()) {
        (true, true) => {
            let text = "one of fieldRef and resourceFieldRef is required";
            errors.push(FieldError::required(path, text));
        }
        (false, false) => {
            let text = "fieldRef and resourceFieldRef can not be specified simultaneously";
            errors.push(FieldError::invalid(path, "resource", text));
        }
        (false, true) => env::field_ref(field, &path.child("fieldRef"), &FIELDS, errors),
        (true, false) => {
            let at = path.child("resourceFieldRef");
            if tree::text(resource, "containerName").is_empty() {
                errors.push(FieldError::required(at.child("containerName"), ""));
            }
            env::resource_ref(resource, &at, errors);
        }
    }
    mode(file, "mode", path, errors);
}

/// A path below a directory, and none that the kubelet uses itself.
pub(super) fn not_reserved(target: &str, path: &Path, errors: &mut Vec<FieldError>) {
    descending(target, path, errors);
    if target.starts_with("..") && !target.starts_with("../") {
        errors.push(FieldError::invalid(
            path,
            target,
            "must not start with '..'",
        ));
    }
}

/// A path below a directory.
pub(super) fn descending(target: &str, path: &Path, errors: &mut Vec<FieldError>) {
    if target.starts_with('/') {
        errors.push(FieldError::invalid(path, target, "must be a relative path"));
    }
    no_steps_back(target, path, errors);
}

fn no_steps_back(target: &str, path: &Path, errors: &mut Vec<FieldError>) {
    let parts: BTreeSet<&str> = target.split('/').collect();
    if parts.contains("..") {
        errors.push(FieldError::invalid(path, target, "must not contain '..'"));
    }
}
