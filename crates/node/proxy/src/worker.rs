//! Brings the kernel to what services and endpoints want, change by change.
//!
//! A refused change leads to a table made anew; the same happens at the start, and when the rules
//! themselves depend on something new. Each of these is one transaction, so packets always see
//! either the old or the new state.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use styr_client::Key;
use styr_kernel::netlink::{Conntrack, NetlinkError};
use styr_kernel::nftables::{Batch, Element, Nftables, Table};

use crate::conntrack::{self, Suspects};
use crate::contribution::{Contribution, contribute};
use crate::endpoints::{Place, choose};
use crate::reach::Reach;
use crate::rules::{self, Frame, affinity_name};
use crate::ruleset::{Difference, Ruleset, endpoint_data};
use crate::service;

/// Our own table: rules of upstream's proxy in `kube-proxy` are not touched.
const TABLE: &str = "styr-proxy";

/// Where services and their endpoints are looked up.
pub(crate) trait Source {
    fn service(&self, key: &Key) -> Option<Arc<Service>>;
    fn slices(&self, key: &Key) -> Vec<Arc<EndpointSlice>>;
}

/// The kernel's side of the proxy.
#[derive(Debug)]
pub(crate) struct Worker {
    table: Table,
    nftables: Nftables,
    conntrack: Conntrack,
    reach: Reach,
    frame: Frame,
    place: Place,
    ruleset: Ruleset,
    /// The kernel's table is not ours yet, or not known.
    needs_whole: bool,
    /// The kernel's table has other networks of services than the frame.
    needs_networks: bool,
    /// Front ends whose flows are still to be looked at.
    suspects: Suspects,
}

/// Takes away all that a proxy of ours left in the kernel.
pub(crate) fn clean_up() -> Result<(), NetlinkError> {
    let table = Table::ipv4(TABLE);
    let mut nftables = Nftables::open()?;
    if nftables.has_table(&table)? {
        let mut batch = Batch::new();
        batch.delete_table(&table);
        nftables.commit(batch)?;
    }
    Ok(())
}

impl Worker {
    /// For the network namespace of the calling thread.
    pub(crate) fn new(frame: Frame, place: Place) -> Result<Self, NetlinkError> {
        Ok(Self {
            table: Table::ipv4(TABLE),
            nftables: Nftables::open()?,
            conntrack: Conntrack::open()?,
            reach: Reach::open()?,
            frame,
            place,
            ruleset: Ruleset::default(),
            needs_whole: true,
            needs_networks: false,
            suspects: Suspects::new(),
        })
    }

    /// The node is another than before; every choice may be.
    pub(crate) fn set_place(&mut self, place: Place) -> bool {
        let is_other = self.place != place;
        self.place = place;
        is_other
    }

    /// Where choices are made.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// The networks of the pods have become known.
    pub(crate) fn set_inside(&mut self, inside: Vec<(Ipv4Addr, u8)>) {
        self.needs_whole |= self.frame.inside != inside;
        self.frame.inside = inside;
    }

    /// The networks that cluster addresses are taken from are now these.
    pub(crate) fn set_service_networks(&mut self, networks: Vec<(Ipv4Addr, u8)>) {
        self.needs_networks |= self.frame.service_networks != networks;
        self.frame.service_networks = networks;
    }

    /// Node ports answer at these addresses from now on; whether that is another answer.
    pub(crate) fn set_node_addresses(&mut self, networks: Vec<(Ipv4Addr, u8)>) -> bool {
        let is_other = self.frame.node_addresses != networks;
        self.needs_whole |= is_other;
        self.frame.node_addresses = networks;
        is_other
    }

    /// Whether the kernel lacks something.
    pub(crate) fn is_behind(&self) -> bool {
        self.needs_whole || self.needs_networks
    }

    /// Brings the kernel to what these services want now.
    pub(crate) fn update(
        &mut self,
        source: &dyn Source,
        services: &BTreeSet<Key>,
    ) -> Result<(), NetlinkError> {
        let mut difference = Difference::default();
        for key in services {
            let old = self.ruleset.contribution(key);
            let new = self.wanted(source, key, &old);
            conntrack::suspects(&old, &new, &mut self.suspects);
            self.ruleset.replace(key, new, &mut difference);
        }
        self.take_frame();
        if self.needs_whole {
            let batch = self.ruleset.whole(&self.table, &self.frame);
            self.nftables.commit(batch)?;
        } else if !difference.is_empty() || self.needs_networks {
            // Whatever goes wrong from here on, the next try makes the table anew.
            self.needs_whole = true;
            let mut batch = Batch::new();
            if self.needs_networks {
                rules::write_service_networks(&mut batch, &self.table, &self.frame);
            }
            difference.write(&mut batch, &self.table);
            self.nftables.commit(batch)?;
            self.forget_clients(&difference)?;
        }
        self.needs_networks = false;
        let is_first = std::mem::take(&mut self.needs_whole);
        if is_first || difference.changes_addresses() {
            let outcome = self.reach.update(&self.ruleset.cluster_ips());
            if let Err(error) = outcome {
                tracing::warn!(%error, "the node itself may not reach services");
            }
        }
        let suspects = std::mem::take(&mut self.suspects);
        match conntrack::clean(&mut self.conntrack, &suspects) {
            Ok(0) => {}
            Ok(count) => tracing::debug!(count, "deleted stale UDP flows"),
            // New flows go right all the same.
            Err(error) => tracing::warn!(%error, "stale UDP flows stay until they time out"),
        }
        Ok(())
    }

    /// The rules name each set; another set needs other rules.
    fn take_frame(&mut self) {
        let affinities = self.ruleset.affinities();
        let source_prefixes = self.ruleset.source_prefixes();
        self.needs_whole |=
            affinities != self.frame.affinities || source_prefixes != self.frame.source_prefixes;
        self.frame.affinities = affinities;
        self.frame.source_prefixes = source_prefixes;
    }

    fn wanted(&self, source: &dyn Source, key: &Key, old: &Contribution) -> Contribution {
        let Some(service) = source.service(key) else {
            return Contribution::default();
        };
        let ports = service::ports(&service);
        if ports.is_empty() {
            return Contribution::default();
        }
        let slices = source.slices(key);
        let choices: Vec<_> = ports
            .into_iter()
            .map(|port| {
                let choice = choose(&port, &slices, &self.place);
                (port, choice)
            })
            .collect();
        contribute(&choices, &self.place, old)
    }

    /// Clients that were bound to an endpoint that left are free again.
    fn forget_clients(&mut self, difference: &Difference) -> Result<(), NetlinkError> {
        let times: BTreeSet<u32> = difference.lost.iter().map(|lost| lost.seconds).collect();
        let times: Vec<u32> = times
            .intersection(&self.frame.affinities)
            .copied()
            .collect();
        for seconds in times {
            let map = affinity_name(seconds);
            for element in self.nftables.elements(&self.table, &map)? {
                let is_lost = difference.lost.iter().any(|lost| {
                    element.key.starts_with(&lost.front)
                        && element.data == endpoint_data(lost.endpoint)
                });
                if is_lost {
                    self.forget_client(&map, element)?;
                }
            }
        }
        Ok(())
    }

    fn forget_client(&mut self, map: &str, element: Element) -> Result<(), NetlinkError> {
        let mut batch = Batch::new();
        batch.delete_elements(&self.table, map, &[Element::key(element.key)]);
        match self.nftables.commit(batch) {
            // Its time ran out in between.
            Err(error) if error.is_missing() => Ok(()),
            other => other,
        }
    }

    /// All services that the kernel knows.
    pub(crate) fn services(&self) -> BTreeSet<Key> {
        self.ruleset
            .services()
            .map(|(key, _)| key.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests;
