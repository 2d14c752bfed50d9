//! What leads from a node to an object: its pods, and what they refer to.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use serde_json::Value;

use super::super::references::{References, volume_secrets};
use crate::objects::{Change, Objects};

const MIRROR: &str = "kubernetes.io/config.mirror";

/// What may be related to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vertex {
    Attachment,
    CertificateRequest,
    Claim,
    ConfigMap,
    Pod,
    ResourceClaim,
    ResourceSlice,
    Secret,
    ServiceAccount,
    Volume,
}

/// Pods by node, then by namespace and name.
pub(super) type Pods = BTreeMap<String, BTreeMap<(String, String), References>>;

/// Follows pods; other objects are looked up.
#[derive(Debug)]
pub(super) struct Graph {
    pods: Arc<RwLock<Pods>>,
    objects: Arc<dyn Objects>,
}

impl Graph {
    pub(super) fn new(objects: &Arc<dyn Objects>) -> Self {
        let pods: Arc<RwLock<Pods>> = Arc::default();
        let followed = Arc::clone(&pods);
        let observer = move |change: Change<'_>| {
            let mut pods = followed.write().expect("no holder of this lock panics");
            follow(&mut pods, change);
        };
        objects.subscribe("", "pods", Box::new(observer));
        Self {
            pods,
            objects: Arc::clone(objects),
        }
    }

    /// Whether something on the node leads to the object.
    pub(super) fn leads(&self, node: &str, to: Vertex, (namespace, name): (&str, &str)) -> bool {
        let by_pod = |has: &dyn Fn(&References) -> bool| {
            self.any_pod(node, |(of, _), references| {
                of == namespace && has(references)
            })
        };
        match to {
            Vertex::Pod => self.any_pod(node, |(of, pod), _| of == namespace && pod == name),
            Vertex::ConfigMap => by_pod(&|it| it.config_maps.contains(name)),
            Vertex::Claim => by_pod(&|it| it.claims.contains(name)),
            Vertex::ResourceClaim => by_pod(&|it| it.resource_claims.contains(name)),
            Vertex::ServiceAccount => by_pod(&|it| it.service_account == name),
            Vertex::Secret => {
                by_pod(&|it| it.secrets.contains(name))
                    || self.is_secret_of_volume(node, (namespace, name))
            }
            Vertex::Volume => {
                let volume = self.objects.get("", "persistentvolumes", None, name);
                volume.is_some_and(|volume| self.uses_volume(node, &volume))
            }
            Vertex::Attachment => {
                self.names_node(node, ("storage.k8s.io", "volumeattachments"), (None, name))
            }
            Vertex::ResourceSlice => {
                self.names_node(node, ("resource.k8s.io", "resourceslices"), (None, name))
            }
            Vertex::CertificateRequest => {
                let resource = ("certificates.k8s.io", "podcertificaterequests");
                self.names_node(node, resource, (Some(namespace), name))
            }
        }
    }

    /// Whether some pod of the node fits.
    fn any_pod(&self, node: &str, fits: impl Fn(&(String, String), &References) -> bool) -> bool {
        let pods = self.pods.read().expect("no holder of this lock panics");
        let Some(pods) = pods.get(node) else {
            return false;
        };
        pods.iter().any(|(key, references)| fits(key, references))
    }

    fn names_node(
        &self,
        node: &str,
        (group, resource): (&str, &str),
        (namespace, name): (Option<&str>, &str),
    ) -> bool {
        let found = self.objects.get(group, resource, namespace, name);
        found.is_some_and(|found| found["spec"]["nodeName"] == node)
    }

    /// Whether a pod of the node claims the volume.
    fn uses_volume(&self, node: &str, volume: &Value) -> bool {
        let claim = &volume["spec"]["claimRef"];
        let text = |field: &str| claim[field].as_str().unwrap_or_default();
        self.any_pod(node, |(namespace, _), references| {
            namespace == text("namespace") && references.claims.contains(text("name"))
        })
    }

    /// Rarely asked: the secret of a storage system that a volume names.
    fn is_secret_of_volume(&self, node: &str, (namespace, name): (&str, &str)) -> bool {
        let volumes = self.objects.list("", "persistentvolumes", None);
        volumes.iter().any(|volume| {
            let own = volume["spec"]["claimRef"]["namespace"]
                .as_str()
                .unwrap_or_default();
            let mut secrets = volume_secrets(&volume["spec"]);
            let names = secrets.any(|(place, it)| it == name && place.unwrap_or(own) == namespace);
            names && self.uses_volume(node, volume)
        })
    }
}

/// Takes a change of a pod over.
pub(super) fn follow(pods: &mut Pods, change: Change<'_>) {
    let (old, new) = match change {
        Change::Applied { old, new } => (old, Some(new)),
        Change::Deleted(last) => (Some(last), None),
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let key = |pod: &Value| {
        (
            text(&pod["metadata"]["namespace"]),
            text(&pod["metadata"]["name"]),
        )
    };
    if let Some(old) = old {
        let node = text(&old["spec"]["nodeName"]);
        if let Some(of_node) = pods.get_mut(&node) {
            of_node.remove(&key(old));
            if of_node.is_empty() {
                pods.remove(&node);
            }
        }
    }
    let Some(new) = new else { return };
    let node = text(&new["spec"]["nodeName"]);
    if node.is_empty() {
        return;
    }
    let is_mirror = !new["metadata"]["annotations"][MIRROR].is_null();
    // A node writes mirror pods itself, so what they refer to must not open anything.
    let references = if is_mirror {
        References::default()
    } else {
        References::of_pod(new)
    };
    pods.entry(node).or_default().insert(key(new), references);
}
