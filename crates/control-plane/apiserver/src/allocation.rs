//! Addresses and ports of services: what only one of them can have.
//!
//! The sets live in memory and are rebuilt from the services at the start; a service that cannot be
//! stored gives back what it took.

mod cluster_ip;
mod families;
mod network;
mod node_port;
mod port_set;
mod service_type;
mod services;

use std::sync::Arc;

use anyhow::Context as _;

use crate::server::State;

pub(crate) use services::Services;

/// Hooks the allocators into the services' registry.
pub(crate) fn install(state: &Arc<State>) -> anyhow::Result<()> {
    let config = &state.config;
    let networks = config
        .service_cluster_ip_ranges
        .iter()
        .map(|text| {
            network::Network::parse(text)
                .with_context(|| format!("could not read the service network {text}"))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let services = Services::new(networks, config.service_node_port_range);
    let registry = state.resources.builtin("", "services");
    registry.set_hooks(Arc::new(services));
    Ok(())
}

/// The first address of a network: that of the `kubernetes` service.
pub(crate) fn first_address(network: &str) -> Option<std::net::IpAddr> {
    network::Network::parse(network).map(|network| network.address(0))
}
