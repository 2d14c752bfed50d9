//! The desired elements of all maps, and the batches that bring the kernel there.
//!
//! A change of a service touches its own elements only. Elements that several services want are
//! counted; where they want different endpoints for a front, the one that came first has its way.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};

use styr_client::Key;
use styr_kernel::nftables::{Batch, Element, Table, field, slot};

use crate::contribution::{Contribution, Entry, Front, Scope, Shared, View};
use crate::rules::{self, Frame};
use crate::slots::Slots;

/// All services' elements.
#[derive(Debug, Default)]
pub(crate) struct Ruleset {
    services: BTreeMap<Key, Contribution>,
    shared: BTreeMap<Entry, BTreeSet<Key>>,
    /// Who wants slots of a view; the first has its way.
    claims: BTreeMap<View, Vec<Key>>,
}

/// Elements to delete and to add, by set.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    deleted: BTreeMap<String, Vec<Element>>,
    added: BTreeMap<String, Vec<Element>>,
    /// Endpoints that a front with affinity lost.
    pub(crate) lost: Vec<Lost>,
}

/// Clients of this front are no longer bound to this endpoint.
#[derive(Debug)]
pub(crate) struct Lost {
    pub(crate) seconds: u32,
    pub(crate) front: Front,
    pub(crate) endpoint: SocketAddrV4,
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

    /// The lengths of clients' networks that are in use; the rules depend on them.
    pub(crate) fn source_prefixes(&self) -> BTreeSet<u8> {
        let first = (Shared::Sources(0), Vec::new());
        let keys = self.shared.range(first..).map(|((shared, _), _)| *shared);
        keys.map_while(|shared| match shared {
            Shared::Sources(prefix) => Some(prefix),
            _ => None,
        })
        .collect()
    }

    /// The cluster addresses of all services.
    pub(crate) fn cluster_ips(&self) -> BTreeSet<Ipv4Addr> {
        let first = (Shared::ClusterIps, Vec::new());
        let keys = self.shared.range(first..).map(|(entry, _)| entry);
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
        let views: BTreeSet<View> = old.views.keys().chain(new.views.keys()).copied().collect();
        let before: Vec<Slots> = views.iter().map(|view| self.slots(view)).collect();
        for view in &views {
            let claims = self.claims.entry(*view).or_default();
            let is_claimed = claims.contains(service);
            match (new.views.contains_key(view), is_claimed) {
                (true, false) => claims.push(service.clone()),
                (false, _) => claims.retain(|other| other != service),
                (true, true) => {}
            }
            if claims.is_empty() {
                self.claims.remove(view);
            }
        }
        if new == Contribution::default() {
            self.services.remove(service);
        } else {
            self.services.insert(service.clone(), new);
        }
        for (view, before) in views.iter().zip(&before) {
            let after = self.slots(view);
            to.slots(view, before, &after);
            if let Some(seconds) = old.sticky.get(&view.front) {
                // Without slots of its own before, the view's clients had those of all.
                let all = old.views.get(&View {
                    scope: Scope::All,
                    ..*view
                });
                let before = if before.0.is_empty() {
                    all
                } else {
                    Some(before)
                };
                let none = Slots::default();
                to.lost(*seconds, view.front, (before.unwrap_or(&none), &after));
            }
        }
    }

    /// The slots that the kernel is to have of a view.
    fn slots(&self, view: &View) -> Slots {
        let first = self.claims.get(view).and_then(|claims| claims.first());
        let winner = first.and_then(|service| self.services.get(service));
        winner
            .and_then(|service| service.views.get(view))
            .cloned()
            .unwrap_or_default()
    }

    fn replace_shared(
        &mut self,
        service: &Key,
        old: &Contribution,
        new: &Contribution,
        to: &mut Difference,
    ) {
        for entry in old.entries.iter().filter(|it| !new.entries.contains(it)) {
            let owners = self.shared.entry(entry.clone()).or_default();
            if owners.remove(service) && owners.is_empty() {
                self.shared.remove(entry);
                to.delete(entry);
            }
        }
        for entry in new.entries.iter().filter(|it| !old.entries.contains(it)) {
            let owners = self.shared.entry(entry.clone()).or_default();
            if owners.insert(service.clone()) && owners.len() == 1 {
                to.add(entry);
            }
        }
    }

    /// Everything anew: the table with its rules and all elements.
    pub(crate) fn whole(&self, table: &Table, frame: &Frame) -> Batch {
        let mut all = Difference::default();
        for entry in self.shared.keys() {
            all.add(entry);
        }
        for view in self.claims.keys() {
            all.slots(view, &Slots::default(), &self.slots(view));
        }
        let mut batch = Batch::new();
        rules::write(&mut batch, table, frame);
        all.write(&mut batch, table);
        batch
    }
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

    fn add(&mut self, (shared, key): &Entry) {
        let element = Element::key(key.clone());
        self.added.entry(shared.name()).or_default().push(element);
    }

    fn delete(&mut self, (shared, key): &Entry) {
        let element = Element::key(key.clone());
        self.deleted.entry(shared.name()).or_default().push(element);
    }

    fn lost(&mut self, seconds: u32, front: Front, (before, after): (&Slots, &Slots)) {
        let gone = before.0.iter().filter(|one| !after.0.contains(one));
        let gone: BTreeSet<_> = gone.copied().collect();
        self.lost.extend(gone.into_iter().map(|endpoint| Lost {
            seconds,
            front,
            endpoint,
        }));
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
            let set = rules::slots_name(view.scope, before.class());
            self.deleted.entry(set).or_default().extend(gone);
        }
        if !come.is_empty() {
            let set = rules::slots_name(view.scope, after.class());
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
    let mut key = view.front.to_vec();
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
