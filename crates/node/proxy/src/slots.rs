//! Shares the slots of a service port among its endpoints.
//!
//! Each connection draws a slot at random, so an endpoint's share of connections is its share of
//! slots. The class (how many slots) is large enough that shares differ by a third at most; when
//! endpoints change, only the slots that must change do.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;

/// How many slots a port may have.
pub(crate) const CLASSES: [u32; 6] = [1, 4, 16, 64, 256, 1024];
/// The largest class; what is beyond so many endpoints of one port gets no connections.
const ENDPOINTS_MAX: usize = 1024;
/// Each endpoint has at least so many slots, unless the slots divide evenly.
const SHARE_MIN: usize = 3;

/// The slots of one port: slot by slot its endpoint. As long as one of the classes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Slots(pub(crate) Vec<SocketAddrV4>);

impl Slots {
    /// The number of slots.
    pub(crate) fn class(&self) -> u32 {
        u32::try_from(self.0.len()).expect("one of the classes")
    }

    /// Shares slots among endpoints, which must be sorted; as few as possible differ from `old`.
    pub(crate) fn assign(old: &Self, endpoints: &[SocketAddrV4]) -> Self {
        if endpoints.is_empty() {
            return Self::default();
        }
        let endpoints = &endpoints[..endpoints.len().min(ENDPOINTS_MAX)];
        let class = class_for(endpoints.len());
        let (share, more) = (class / endpoints.len(), class % endpoints.len());
        let mut slots: Vec<Option<SocketAddrV4>> = vec![None; class];
        let mut counts: BTreeMap<SocketAddrV4, usize> =
            endpoints.iter().map(|endpoint| (*endpoint, 0)).collect();
        let mut larger = 0;
        if old.0.len() == class {
            for (slot, endpoint) in slots.iter_mut().zip(&old.0) {
                let Some(count) = counts.get_mut(endpoint) else {
                    continue;
                };
                let is_one_more = *count == share && larger < more;
                if *count < share || is_one_more {
                    larger += usize::from(is_one_more);
                    *count += 1;
                    *slot = Some(*endpoint);
                }
            }
        }
        let mut missing: Vec<SocketAddrV4> = Vec::new();
        for round in 0..share {
            let short = counts.iter().filter(|(_, count)| **count <= round);
            missing.extend(short.map(|(endpoint, _)| *endpoint));
        }
        let even = counts.iter().filter(|(_, count)| **count <= share);
        missing.extend(even.map(|(endpoint, _)| *endpoint).take(more - larger));
        let mut missing = missing.into_iter();
        let filled = slots.into_iter().map(|slot| {
            slot.or_else(|| missing.next())
                .expect("shares add up to the class")
        });
        Self(filled.collect())
    }
}

fn class_for(count: usize) -> usize {
    let classes = CLASSES.map(|class| usize::try_from(class).expect("small"));
    classes
        .into_iter()
        .find(|class| class % count == 0 || class / count >= SHARE_MIN)
        .unwrap_or(ENDPOINTS_MAX)
}

#[cfg(test)]
mod tests;
