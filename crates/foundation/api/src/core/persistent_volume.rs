//! `PersistentVolume`: <https://kubernetes.io/docs/concepts/storage/persistent-volumes/>.

use serde_json::{Value, json};
use styr_meta::field::Path;
use styr_meta::{FieldError, names, object};

use super::pod_template::{host_path, node_selector};
use super::volume_claim;
use crate::rules::{Context, Rules};
use crate::tree;

pub(crate) struct PersistentVolume;

const POLICIES: [&str; 3] = ["Delete", "Recycle", "Retain"];
/// All sources in upstream's order, and the names by which it shows them.
const SOURCES: [(&str, &str); 22] = [
    ("hostPath", "hostPath"),
    ("gcePersistentDisk", "gcePersistentDisk"),
    ("awsElasticBlockStore", "awsElasticBlockStore"),
    ("glusterfs", "glusterfs"),
    ("flocker", "flocker"),
    ("nfs", "nfs"),
    ("rbd", "rbd"),
    ("quobyte", "quobyte"),
    ("cephfs", "cephFS"),
    ("iscsi", "iscsi"),
    ("cinder", "cinder"),
    ("fc", "fc"),
    ("flexVolume", ""),
    ("azureFile", "azureFile"),
    ("vsphereVolume", "vsphereVolume"),
    ("photonPersistentDisk", "photonPersistentDisk"),
    ("portworxVolume", "portworxVolume"),
    ("azureDisk", "azureDisk"),
    ("scaleIO", "scaleIO"),
    ("local", "local"),
    ("storageos", "storageos"),
    ("csi", "csi"),
];

/// The class of a volume was once said in an annotation.
pub(super) const CLASS: &str = "volume.beta.kubernetes.io/storage-class";

impl Rules for PersistentVolume {
    fn prepare_create(&self, object: &mut Value, cx: &Context) {
        object["status"] = json!({"phase": "Pending"});
        object["status"]["lastPhaseTransitionTime"] = styr_meta::time::format(cx.now).into();
    }

    fn prepare_status_update(&self, object: &mut Value, old: &Value, cx: &Context) {
        let phase = tree::text(object, "status.phase");
        if phase != tree::text(old, "status.phase") {
            let sent = tree::at(object, "status.lastPhaseTransitionTime");
            if sent.is_null() || sent == tree::at(old, "status.lastPhaseTransitionTime") {
                let now = styr_meta::time::format(cx.now);
                object["status"]["lastPhaseTransitionTime"] = now.into();
            }
        }
    }

    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        let (spec, path) = (tree::at(object, "spec"), Path::root("spec"));
        let mut errors = Vec::new();
        volume_claim::access_modes(spec, &path, "", &mut errors);
        capacity(
            tree::at(spec, "capacity"),
            &path.child("capacity"),
            &mut errors,
        );
        let policy = tree::text(spec, "persistentVolumeReclaimPolicy");
        if !policy.is_empty() && !POLICIES.contains(&policy) {
            let at = path.child("persistentVolumeReclaimPolicy");
            errors.push(FieldError::not_supported(at, policy, &POLICIES));
        }
        let affinity = tree::at(spec, "nodeAffinity");
        if !affinity.is_null() {
            match tree::at(affinity, "required") {
                Value::Null => {
                    let text = "must specify required node constraints";
                    errors.push(FieldError::required(
                        path.child("nodeAffinity.required"),
                        text,
                    ));
                }
                required => {
                    node_selector(required, &path.child("nodeAffinity.required"), &mut errors);
                }
            }
        }
        source(spec, &path, &mut errors);
        for field in ["storageClassName", "volumeAttributesClassName"] {
            let class = tree::text(spec, field);
            if class.is_empty() {
                continue;
            }
            for text in names::dns1123_subdomain(class) {
                errors.push(FieldError::invalid(path.child(field), class, text));
            }
        }
        volume_claim::volume_mode(spec, &path, &mut errors);
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value, cx: &Context) -> Vec<FieldError> {
        let mut errors = self.validate(object, cx);
        let path = Path::root("spec");
        for (kind, _) in SOURCES {
            let (new, had) = (
                tree::at(&object["spec"], kind),
                tree::at(&old["spec"], kind),
            );
            if !tree::same(new, had) {
                let text = "spec.persistentvolumesource is immutable after creation";
                errors.push(FieldError::forbidden(
                    path.child("persistentvolumesource"),
                    text,
                ));
                break;
            }
        }
        let (mode, had) = (
            tree::at(object, "spec.volumeMode"),
            tree::at(old, "spec.volumeMode"),
        );
        if !tree::same(mode, had) {
            let at = path.child("volumeMode");
            errors.push(FieldError::invalid(at, mode.clone(), "field is immutable"));
        }
        let (new, had) = (
            tree::at(object, "spec.nodeAffinity"),
            tree::at(old, "spec.nodeAffinity"),
        );
        if !had.is_null() && !tree::same(new, had) {
            let at = path.child("nodeAffinity");
            errors.push(FieldError::invalid(at, new.clone(), "field is immutable"));
        }
        errors
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        let or_unset = |path: &str| match tree::at(object, path) {
            Value::String(text) => json!(text),
            _ => json!("<unset>"),
        };
        let cell = match column {
            "Capacity" => match tree::text(object, "spec.capacity.storage") {
                "" => json!("0"),
                size => json!(size),
            },
            "Access Modes" => json!(access_modes(tree::at(object, "spec.accessModes"))),
            "Status" => json!(phase(object)),
            "Claim" => match tree::at(object, "spec.claimRef") {
                Value::Null => json!(""),
                claim => {
                    let (namespace, name) =
                        (tree::text(claim, "namespace"), tree::text(claim, "name"));
                    json!(format!("{namespace}/{name}"))
                }
            },
            "StorageClass" => json!(class(object)),
            "VolumeAttributesClass" => or_unset("spec.volumeAttributesClassName"),
            "VolumeMode" => or_unset("spec.volumeMode"),
            _ => return None,
        };
        Some(cell)
    }
}

pub(super) fn phase(object: &Value) -> &str {
    match object::deletion_timestamp(object) {
        Some(_) => "Terminating",
        None => tree::text(object, "status.phase"),
    }
}

pub(super) fn class(object: &Value) -> &str {
    object::annotation(object, CLASS).unwrap_or_else(|| tree::text(object, "spec.storageClassName"))
}

/// The modes in short, each once.
pub(super) fn access_modes(modes: &Value) -> String {
    let short = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let modes = modes.as_array().map_or(&[][..], Vec::as_slice);
    let named = short
        .iter()
        .filter(|(name, _)| modes.iter().any(|mode| mode == name));
    named.map(|(_, short)| *short).collect::<Vec<_>>().join(",")
}

fn capacity(capacity: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let amounts = capacity.as_object();
    let count = amounts.map_or(0, serde_json::Map::len);
    if count == 0 {
        errors.push(FieldError::required(path, ""));
    }
    if tree::at(capacity, "storage").is_null() || count > 1 {
        errors.push(FieldError::not_supported(
            path,
            capacity.clone(),
            &["storage"],
        ));
    }
    for (name, amount) in amounts.into_iter().flatten() {
        volume_claim::positive(amount, &path.key(name), errors);
    }
}

/// Exactly one kind of volume.
fn source(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let mut found = SOURCES
        .iter()
        .filter(|(kind, _)| !tree::at(spec, kind).is_null());
    let first = found.next().map(|(kind, _)| *kind);
    match first {
        None => errors.push(FieldError::required(path, "must specify a volume type")),
        Some("local") if tree::at(spec, "nodeAffinity").is_null() => {
            let text = "Local volume requires node affinity";
            errors.push(FieldError::required(path.child("nodeAffinity"), text));
        }
        Some("hostPath") => {
            host_path(tree::at(spec, "hostPath"), &path.child("hostPath"), errors);
        }
        Some(_) => {}
    }
    // Upstream does not mind a flex volume beside another.
    for (_, shown) in found.filter(|(_, shown)| !shown.is_empty()) {
        let text = "may not specify more than 1 volume type";
        errors.push(FieldError::forbidden(path.child(shown), text));
    }
}
