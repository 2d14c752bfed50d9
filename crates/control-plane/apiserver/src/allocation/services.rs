//! What a service takes when it is written, and gives back when it goes.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use styr_meta::{FieldError, Status};

use super::cluster_ip::Addresses;
use super::families::{can_have, clear, family, fill, is_headless, needs_cluster_ip, normalize};
use super::network::Network;
use super::node_port::{self, NodePort};
use super::port_set::Ports;
use super::service_type;
use crate::registry::Hooks;
use crate::registry::call::Undo;

/// The allocators of services.
#[derive(Debug)]
pub(crate) struct Services {
    addresses: Arc<[Addresses]>,
    ports: Arc<Ports>,
}

/// What one write has taken.
#[derive(Debug, Default)]
struct Taken {
    addresses: Vec<IpAddr>,
    ports: Vec<NodePort>,
}

impl Services {
    pub(crate) fn new(networks: Vec<Network>, node_ports: (u16, u16)) -> Self {
        let addresses = networks.into_iter().map(Addresses::new).collect();
        Self {
            addresses,
            ports: Arc::new(Ports::new(node_ports)),
        }
    }

    fn networks(&self) -> Vec<Network> {
        self.addresses.iter().map(Addresses::network).collect()
    }

    fn of_family(&self, wanted: &str) -> Option<&Addresses> {
        self.addresses
            .iter()
            .find(|it| family(it.network()) == wanted)
    }

    /// Takes the addresses that a service asks for, or any. On an error nothing stays taken.
    fn take_addresses(&self, service: &mut Value, taken: &mut Taken) -> Result<(), Status> {
        if !needs_cluster_ip(service) || is_headless(service) {
            return Ok(());
        }
        let families: Vec<String> = texts(&service["spec"]["ipFamilies"]);
        let asked: Vec<String> = texts(&service["spec"]["clusterIPs"]);
        let mut given = Vec::new();
        for (index, family) in families.iter().enumerate() {
            let Some(addresses) = self.of_family(family) else {
                let detail = "not configured on this cluster";
                let field = format!("spec.ipFamilies[{index}]");
                return Err(refused(
                    service,
                    FieldError::invalid(field, family.as_str(), detail),
                ));
            };
            let address = match asked.get(index).filter(|text| !text.is_empty()) {
                Some(text) => {
                    // What is no address is found by validation.
                    let Ok(address) = text.parse() else {
                        return Ok(());
                    };
                    addresses.take(address).map_err(|why| {
                        let detail = format!("failed to allocate IP {address}: {why}");
                        let asked = asked.clone();
                        refused(
                            service,
                            FieldError::invalid("spec.clusterIPs", asked, detail),
                        )
                    })?;
                    address
                }
                None => addresses.take_any().map_err(|why| {
                    Status::internal(format!("failed to allocate a serviceIP: {why}"))
                })?,
            };
            taken.addresses.push(address);
            given.push(address.to_string());
        }
        if let Some(first) = given.first() {
            service["spec"]["clusterIP"] = first.clone().into();
            service["spec"]["clusterIPs"] = given.into();
        }
        Ok(())
    }

    /// Takes all that a service wants and `already` is not its own.
    fn take(&self, service: &mut Value, already: &[NodePort]) -> Result<Taken, Status> {
        let mut taken = Taken::default();
        let outcome = self.take_addresses(service, &mut taken).and_then(|()| {
            node_port::take(&self.ports, service, already, &mut taken.ports)
                .map_err(|problem| refused(service, problem))
        });
        if let Err(refused) = outcome {
            give_back(&self.addresses, &self.ports, &taken);
            return Err(refused);
        }
        Ok(taken)
    }

    fn undo(&self, taken: Taken) -> Undo {
        let (addresses, ports) = (Arc::clone(&self.addresses), Arc::clone(&self.ports));
        Undo::new(move || give_back(&addresses, &ports, &taken))
    }
}

fn give_back(addresses: &[Addresses], ports: &Ports, taken: &Taken) {
    for address in &taken.addresses {
        if let Some(set) = addresses.iter().find(|it| it.network().contains(*address)) {
            set.give_back(*address);
        }
    }
    for (port, protocol) in &taken.ports {
        ports.give_back(*port, protocol);
    }
}

/// All that a stored service has.
fn owned(service: &Value) -> Taken {
    let addresses = texts(&service["spec"]["clusterIPs"]);
    Taken {
        addresses: addresses
            .iter()
            .filter_map(|text| text.parse().ok())
            .collect(),
        ports: node_port::owned(service),
    }
}

fn texts(value: &Value) -> Vec<String> {
    let list = value.as_array();
    list.into_iter()
        .flatten()
        .filter_map(|it| it.as_str().map(str::to_owned))
        .collect()
}

fn refused(service: &Value, problem: FieldError) -> Status {
    let name = service["metadata"]["name"].as_str().unwrap_or("");
    Status::invalid(("", "Service"), name, vec![problem])
}

#[async_trait]
impl Hooks for Services {
    async fn before_create(&self, object: &mut Value, dry_run: bool) -> Result<Undo, Status> {
        normalize(object, None);
        can_have(object, &self.networks()).map_err(|problem| refused(object, problem))?;
        fill(object, &self.networks());
        let taken = self.take(object, &[])?;
        if dry_run {
            give_back(&self.addresses, &self.ports, &taken);
            return Ok(Undo::nothing());
        }
        Ok(self.undo(taken))
    }

    async fn before_update(
        &self,
        object: &mut Value,
        old: &Value,
        dry_run: bool,
    ) -> Result<Undo, Status> {
        service_type::drop_dependent(object, old);
        keep_allocated(object, old);
        normalize(object, Some(old));
        fill(object, &self.networks());
        let before = owned(old);
        let had = needs_cluster_ip(old) && !is_headless(old);
        let wants = needs_cluster_ip(object) && !is_headless(object);
        let mut taken = Taken::default();
        if wants && !had {
            taken = self.take(object, &before.ports)?;
        } else {
            let outcome = node_port::take(&self.ports, object, &before.ports, &mut taken.ports);
            if let Err(problem) = outcome {
                give_back(&self.addresses, &self.ports, &taken);
                return Err(refused(object, problem));
            }
        }
        if !needs_cluster_ip(object) {
            clear(&mut object["spec"], &["clusterIP", "clusterIPs"]);
        }
        if dry_run {
            give_back(&self.addresses, &self.ports, &taken);
            return Ok(Undo::nothing());
        }
        let after = owned(object);
        let left = Taken {
            addresses: without(before.addresses, &after.addresses),
            ports: without(before.ports, &after.ports),
        };
        let (addresses, ports) = (Arc::clone(&self.addresses), Arc::clone(&self.ports));
        Ok(self
            .undo(taken)
            .and_on_commit(move || give_back(&addresses, &ports, &left)))
    }

    async fn after_delete(&self, object: &Value) {
        give_back(&self.addresses, &self.ports, &owned(object));
    }

    /// Takes what stored services have.
    fn loaded(&self, object: &Value) {
        let owned = owned(object);
        for address in owned.addresses {
            let set = self
                .addresses
                .iter()
                .find(|it| it.network().contains(address));
            // An address of another network is left alone: the network may have been changed.
            if let Some(Err(why)) = set.map(|set| set.take(address)) {
                tracing::warn!(%address, %why, "an address belongs to several services");
            }
        }
        for (port, protocol) in owned.ports {
            if let Err(why) = self.ports.take(port, &protocol) {
                tracing::warn!(port, protocol, %why, "a node port cannot be kept");
            }
        }
    }
}

fn without<T: PartialEq>(list: Vec<T>, others: &[T]) -> Vec<T> {
    list.into_iter().filter(|it| !others.contains(it)).collect()
}

/// Old clients do not send back what was allocated.
fn keep_allocated(new: &mut Value, old: &Value) {
    if needs_cluster_ip(new) && needs_cluster_ip(old) {
        for field in ["clusterIP", "clusterIPs"] {
            let is_unset = match &new["spec"][field] {
                Value::Null => true,
                Value::String(text) => text.is_empty(),
                Value::Array(list) => list.is_empty(),
                _ => false,
            };
            if is_unset && !old["spec"][field].is_null() {
                new["spec"][field] = old["spec"][field].clone();
            }
        }
        for field in ["ipFamilies", "ipFamilyPolicy"] {
            if new["spec"][field].is_null() && !old["spec"][field].is_null() {
                new["spec"][field] = old["spec"][field].clone();
            }
        }
    }
    node_port::keep(new, old);
}
