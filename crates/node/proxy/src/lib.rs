//! kube-proxy: services as entries of flat nftables maps.
//!
//! An address, protocol, port and slot lead to an endpoint; the slot is drawn at random for each
//! connection. So a change of a service is a change of its own elements, whatever else there is.
//! Watches Services, EndpointSlices, ServiceCIDRs and its Node; writes nothing to the API. IPv4 only.

#[cfg(test)]
mod bed;
mod command;
mod configuration;
mod conntrack;
mod contribution;
mod endpoints;
mod health;
mod network;
mod reach;
mod rules;
mod ruleset;
mod service;
mod service_health;
mod slots;
mod worker;

pub use command::{Deps, NAME, command, run};
pub use configuration::Config;
