//! The desired elements of all maps, and the batches that bring the kernel there.
//!
//! A change of a service touches its own elements only. Elements that several services want are
//! counted; where they want different data, the service that came first has its way.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};

use styr_client::Key;
use styr_kernel::nftables::{Batch, Element, Table, field, slot};

use crate::contribution::{Contribution, Shared, View};
use crate::rules::{self, Frame};
use crate::slots::Slots;

/// Who wants an element, and with what data; the first has its way.
type Owners = Vec<(Key, Vec<u8>)>;

/// All services' elements.
#[derive(Debug, Default)]
pub(crate) struct Ruleset {
    services: BTreeMap<Key, Contribution>,
    shared: BTreeMap<(Shared, Vec<u8>), Owners>,
}

/// Elements to delete and to add, by set.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    deleted: BTreeMap<String, Vec<Element>>,
    added: BTreeMap<String, Vec<Element>>,
    /// Endpoints that a view with affinity lost: seconds, view, endpoint.
    pub(crate) lost: Vec<(u32, View, SocketAddrV4)>,
}

impl Ruleset {
    /// What a service adds now.
    pub(crate) fn contribution(&self, service: &Key) -> Contribution {
        self.services.get(service).cloned().unwrap_or_default()
    }

    /// All services that add something.
    pub(crate) fn services(&self) -> impl Iterator<Item = (&Key, &Contribution)> {
        self.services.iter()
    }

    /// The seconds of affinity that are in use; the rules depend on them.
    pub(crate) fn affinities(&self) -> BTreeSet<u32> {
        let sticky = self.services.values().flat_map(|one| one.sticky.values());
        sticky.copied().collect()
    }

    /// The cluster addresses of all services.
    pub(crate) fn cluster_ips(&self) -> BTreeSet<Ipv4Addr> {
        let first = (Shared::ClusterIps, Vec::new());
        let keys = self.shared.range(first..).map(|(id, _)| id);
        keys.take_while(|(shared, _)| *shared == Shared::ClusterIps)
            .filter_map(|(_, key)| Some(Ipv4Addr::from(<[u8; 4]>::try_from(&key[..]).ok()?)))
            .collect()
    }

    /// Replaces what a service adds, and writes down what that changes.
    pub(crate) fn replace(&mut self, service: &Key, new: Contribution, to: &mut Difference) {
        let old = self.contribution(service);
        if old == new {
            return;
        }
        self.replace_shared(service, &old, &new, to);
        let views: BTreeSet<&View> = old.views.keys().chain(new.views.keys()).collect();
        let none = Slots::default();
        for view in views {
            let before = old.views.get(view).unwrap_or(&none);
            let after = new.views.get(view).unwrap_or(&none);
            to.slots(view, before, after);
            if let Some(seconds) = old.sticky.get(view) {
                let lost: BTreeSet<_> = before
                    .0
                    .iter()
                    .filter(|one| !after.0.contains(one))
                    .collect();
                to.lost
                    .extend(lost.into_iter().map(|one| (*seconds, *view, *one)));
            }
        }
        if new == Contribution::default() {
            self.services.remove(service);
        } else {
            self.services.insert(service.clone(), new);
        }
    }

    fn replace_shared(
        &mut self,
        service: &Key,
        old: &Contribution,
        new: &Contribution,
        to: &mut Difference,
    ) {
        let gone = old
            .entries
            .iter()
            .filter(|entry| !new.entries.contains(entry));
        let come = new
            .entries
            .iter()
            .filter(|entry| !old.entries.contains(entry));
        let mut before = BTreeMap::new();
        for (shared, key, data) in gone {
            let id = (*shared, key.clone());
            let owners = self.shared.entry(id.clone()).or_default();
            before.entry(id).or_insert_with(|| first(owners));
            owners.retain(|(owner, held)| owner != service || held != data);
        }
        for (shared, key, data) in come {
            let id = (*shared, key.clone());
            let owners = self.shared.entry(id.clone()).or_default();
            before.entry(id).or_insert_with(|| first(owners));
            owners.push((service.clone(), data.clone()));
        }
        for (id, before) in before {
            let owners = self.shared.get(&id).map(Vec::as_slice).unwrap_or_default();
            let after = first(owners);
            if owners.is_empty() {
                self.shared.remove(&id);
            }
            if before == after {
                continue;
            }
            let (shared, key) = id;
            let element = |data| Element::entry(key.clone(), data);
            if let Some(data) = before {
                to.deleted
                    .entry(shared.name())
                    .or_default()
                    .push(element(data));
            }
            if let Some(data) = after {
                to.added
                    .entry(shared.name())
                    .or_default()
                    .push(element(data));
            }
        }
    }

    /// Everything anew: the table with its rules and all elements.
    pub(crate) fn whole(&self, table: &Table, frame: &Frame) -> Batch {
        let mut all = Difference::default();
        for ((shared, key), owners) in &self.shared {
            if let Some(data) = first(owners) {
                let element = Element::entry(key.clone(), data);
                all.added.entry(shared.name()).or_default().push(element);
            }
        }
        let none = Slots::default();
        let mut seen = BTreeSet::new();
        let views = self.services.values().flat_map(|one| &one.views);
        for (view, slots) in views {
            // Two services with one address must not keep all others from working.
            if seen.insert(view) {
                all.slots(view, &none, slots);
            }
        }
        let mut batch = Batch::new();
        rules::write(&mut batch, table, frame);
        all.write(&mut batch, table);
        batch
    }
}

fn first(owners: &[(Key, Vec<u8>)]) -> Option<Vec<u8>> {
    owners.first().map(|(_, data)| data.clone())
}

impl Difference {
    /// Whether there is nothing to tell the kernel.
    pub(crate) fn is_empty(&self) -> bool {
        self.deleted.is_empty() && self.added.is_empty()
    }

    /// Whether a cluster address comes or goes.
    pub(crate) fn changes_addresses(&self) -> bool {
        let name = Shared::ClusterIps.name();
        self.deleted.contains_key(&name) || self.added.contains_key(&name)
    }

    fn slots(&mut self, view: &View, before: &Slots, after: &Slots) {
        let is_same_class = before.0.len() == after.0.len();
        let changed = |slots: &Slots, other: &Slots| -> Vec<Element> {
            let numbered = slots.0.iter().enumerate();
            numbered
                .filter(|(at, endpoint)| !is_same_class || other.0.get(*at) != Some(endpoint))
                .map(|(at, endpoint)| slot_element(view, slots.class(), at, *endpoint))
                .collect()
        };
        let (gone, come) = (changed(before, after), changed(after, before));
        if !gone.is_empty() {
            let set = rules::slots_name(before.class());
            self.deleted.entry(set).or_default().extend(gone);
        }
        if !come.is_empty() {
            let set = rules::slots_name(after.class());
            self.added.entry(set).or_default().extend(come);
        }
    }

    /// Puts the changes into a batch: what goes first, as keys may come again with other data.
    pub(crate) fn write(&self, batch: &mut Batch, table: &Table) {
        for (set, elements) in &self.deleted {
            batch.delete_elements(table, set, elements);
        }
        for (set, elements) in &self.added {
            batch.add_elements(table, set, elements);
        }
    }
}

fn slot_element(view: &View, class: u32, at: usize, endpoint: SocketAddrV4) -> Element {
    let mut key = view.to_vec();
    if class > 1 {
        slot(
            &mut key,
            u32::try_from(at).expect("below the largest class"),
        );
    }
    Element::entry(key, endpoint_data(endpoint))
}

/// An endpoint as the maps hold it.
pub(crate) fn endpoint_data(endpoint: SocketAddrV4) -> Vec<u8> {
    let mut data = Vec::with_capacity(8);
    field(&mut data, &endpoint.ip().octets());
    field(&mut data, &endpoint.port().to_be_bytes());
    data
}
