//! Who owns whom, by uid, as the watches tell it.
//!
//! An owner that was named but not seen is a node too (`is_seen` false) until the server was asked.

use std::collections::{BTreeSet, HashMap};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use styr_client::Address;

pub(super) const FOREGROUND: &str = "foregroundDeletion";
pub(super) const ORPHAN: &str = "orphan";

/// What is known of an object.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Where it is served; unknown for an owner that was only named.
    pub(super) address: Option<Address>,
    pub(super) kind: String,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) owners: Vec<OwnerReference>,
    pub(super) finalizers: Vec<String>,
    pub(super) is_leaving: bool,
    pub(super) is_seen: bool,
    pub(super) dependents: BTreeSet<String>,
}

impl Node {
    /// It waits for its dependents to go.
    pub(super) fn is_foreground(&self) -> bool {
        self.is_leaving
            && self
                .finalizers
                .iter()
                .any(|finalizer| finalizer == FOREGROUND)
    }

    /// It waits for its dependents to be let go.
    pub(super) fn is_orphaning(&self) -> bool {
        self.is_leaving && self.finalizers.iter().any(|finalizer| finalizer == ORPHAN)
    }

    /// Whether it keeps this owner from going in the foreground.
    pub(super) fn blocks(&self, owner: &str) -> bool {
        let mut references = self
            .owners
            .iter()
            .filter(|reference| reference.uid == owner);
        references.any(|reference| reference.block_owner_deletion == Some(true))
    }
}

#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: HashMap<String, Node>,
}

impl Graph {
    pub(super) fn get(&self, uid: &str) -> Option<&Node> {
        self.nodes.get(uid)
    }

    /// The nodes that an object owns.
    pub(super) fn dependents(&self, uid: &str) -> Vec<(String, Node)> {
        let uids = self
            .nodes
            .get(uid)
            .into_iter()
            .flat_map(|node| &node.dependents);
        let found = uids.filter_map(|uid| Some((uid.clone(), self.nodes.get(uid)?.clone())));
        found.collect()
    }

    /// An object is there. Answers the uids to look at.
    pub(super) fn apply(
        &mut self,
        address: &Address,
        kind: &str,
        metadata: &ObjectMeta,
    ) -> Vec<String> {
        let uid = metadata.uid.clone().unwrap_or_default();
        let owners = metadata.owner_references.clone().unwrap_or_default();
        let before = self.nodes.remove(&uid);
        let node = Node {
            address: Some(address.clone()),
            kind: kind.to_owned(),
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
            owners: owners.clone(),
            finalizers: metadata.finalizers.clone().unwrap_or_default(),
            is_leaving: metadata.deletion_timestamp.is_some(),
            is_seen: true,
            dependents: before
                .as_ref()
                .map(|n| n.dependents.clone())
                .unwrap_or_default(),
        };
        let mut look_at = Vec::new();
        let owners_before = before
            .as_ref()
            .map(|n| n.owners.clone())
            .unwrap_or_default();
        let was_seen = before.as_ref().is_some_and(|before| before.is_seen);
        let waits = node.is_foreground() || node.is_orphaning();
        if waits || (!owners.is_empty() && (!was_seen || owners != owners_before)) {
            look_at.push(uid.clone());
        }
        if node.is_foreground() && !before.is_some_and(|before| before.is_foreground()) {
            look_at.extend(node.dependents.iter().cloned());
        }
        let namespace = node.namespace.clone();
        self.nodes.insert(uid.clone(), node);
        for owner in &owners_before {
            if !owners.iter().any(|known| known.uid == owner.uid) {
                self.detach(&owner.uid, &uid);
            }
            // An owner that waits may wait no longer.
            look_at.extend(self.waiting(&owner.uid));
        }
        for owner in &owners {
            self.attach(owner, &uid, &namespace);
        }
        look_at
    }

    fn attach(&mut self, owner: &OwnerReference, dependent: &str, namespace: &str) {
        let node = self.nodes.entry(owner.uid.clone()).or_insert_with(|| Node {
            address: None,
            kind: owner.kind.clone(),
            namespace: namespace.to_owned(),
            name: owner.name.clone(),
            owners: Vec::new(),
            finalizers: Vec::new(),
            is_leaving: false,
            is_seen: false,
            dependents: BTreeSet::new(),
        });
        node.dependents.insert(dependent.to_owned());
    }

    fn detach(&mut self, owner: &str, dependent: &str) {
        let Some(node) = self.nodes.get_mut(owner) else {
            return;
        };
        node.dependents.remove(dependent);
        if !node.is_seen && node.dependents.is_empty() {
            self.nodes.remove(owner);
        }
    }

    fn waiting(&self, uid: &str) -> Option<String> {
        self.nodes
            .get(uid)
            .filter(|node| node.is_foreground())
            .map(|_| uid.to_owned())
    }

    /// An object is gone. Answers the uids to look at: what it owned, and owners that waited for it.
    pub(super) fn remove(&mut self, uid: &str) -> Vec<String> {
        let Some(node) = self.nodes.remove(uid) else {
            return Vec::new();
        };
        let mut look_at: Vec<String> = node.dependents.iter().cloned().collect();
        for owner in &node.owners {
            self.detach(&owner.uid, uid);
            look_at.extend(self.waiting(&owner.uid));
        }
        if !node.dependents.is_empty() {
            // Its dependents still name it, and will until they are gone or let go of it.
            let gone = Node {
                is_seen: false,
                owners: Vec::new(),
                finalizers: Vec::new(),
                is_leaving: false,
                ..node
            };
            self.nodes.insert(uid.to_owned(), gone);
        }
        look_at
    }
}

pub(super) fn api_version(address: &Address) -> String {
    if address.group.is_empty() {
        address.version.to_string()
    } else {
        format!("{}/{}", address.group, address.version)
    }
}

#[cfg(test)]
mod tests;
