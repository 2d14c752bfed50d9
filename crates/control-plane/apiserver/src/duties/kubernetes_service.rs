//! The service `kubernetes` in `default`, by which pods find this server, and its endpoints.

use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;

use serde_json::{Value, json};
use styr_meta::Status;

use super::ensure_object;
use crate::attributes::User;
use crate::registry::{Aspect, Call, Preconditions, Registry, Target};
use crate::server::State;

const NAMESPACE: &str = "default";
const NAME: &str = "kubernetes";
/// The port of the service.
const PORT: u16 = 443;

pub(super) async fn ensure(state: &State) {
    let services = state.resources.builtin("", "services");
    let service = json!({
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            "labels": { "component": "apiserver", "provider": "kubernetes" },
        },
        "spec": {
            "type": "ClusterIP",
            "clusterIP": first_address(state),
            "sessionAffinity": "None",
            "ports": [{
                "name": "https",
                "protocol": "TCP",
                "port": PORT,
                "targetPort": state.config.secure_port,
            }],
        },
    });
    ensure_object(services, NAMESPACE, service).await;
    let Some(address) = advertised(state) else {
        return;
    };
    let endpoints = state.resources.builtin("", "endpoints");
    put(
        endpoints,
        endpoints_of(address, state.config.secure_port),
        "subsets",
    )
    .await;
    let slices = state
        .resources
        .builtin("discovery.k8s.io", "endpointslices");
    put(
        slices,
        slice_of(address, state.config.secure_port),
        "endpoints",
    )
    .await;
}

/// Makes them again whenever somebody has deleted one of them.
pub(super) async fn keep(state: &Arc<State>) {
    let resources = &state.resources;
    let watched = [
        resources.builtin("", "services"),
        resources.builtin("", "endpoints"),
        resources.builtin("discovery.k8s.io", "endpointslices"),
    ];
    let mut heads = watched.map(|registry| registry.cache.head());
    let key = format!("{NAMESPACE}/{NAME}");
    loop {
        let [services, endpoints, slices] = &mut heads;
        let changed = tokio::select! {
            changed = services.changed() => changed,
            changed = endpoints.changed() => changed,
            changed = slices.changed() => changed,
            () = state.shutdown.requested() => return,
        };
        if changed.is_err() {
            return;
        }
        let is_missing = watched
            .iter()
            .any(|registry| registry.cache.get(&key).is_none());
        if is_missing && (advertised(state).is_some() || watched[0].cache.get(&key).is_none()) {
            ensure(state).await;
        }
    }
}

fn first_address(state: &State) -> Value {
    let network = state.config.service_cluster_ip_ranges.first();
    let first = network.and_then(|text| crate::allocation::first_address(text));
    first.map_or(Value::Null, |address| address.to_string().into())
}

/// The address by which others reach this server: as told, or that of the way out.
fn advertised(state: &State) -> Option<IpAddr> {
    let config = &state.config;
    let is_real = |address: &IpAddr| !address.is_unspecified() && !address.is_loopback();
    config
        .advertise_address
        .filter(is_real)
        .or_else(|| Some(config.bind_address).filter(is_real))
        .or_else(|| way_out().filter(is_real))
}

/// The address that the machine would send from; nothing is sent.
fn way_out() -> Option<IpAddr> {
    const ANYWHERE: &str = "192.0.2.1:9";
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect(ANYWHERE).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

fn endpoints_of(address: IpAddr, port: u16) -> Value {
    json!({
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            "labels": { "endpointslice.kubernetes.io/skip-mirror": "true" },
        },
        "subsets": [{
            "addresses": [{ "ip": address.to_string() }],
            "ports": [{ "name": "https", "port": port, "protocol": "TCP" }],
        }],
    })
}

fn slice_of(address: IpAddr, port: u16) -> Value {
    json!({
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            "labels": { "kubernetes.io/service-name": NAME },
        },
        "addressType": if address.is_ipv4() { "IPv4" } else { "IPv6" },
        "endpoints": [{
            "addresses": [address.to_string()],
            "conditions": { "ready": true },
        }],
        "ports": [{ "name": "https", "port": port, "protocol": "TCP" }],
    })
}

/// Creates the object, or sets `field` of the one that there is.
async fn put(registry: &Registry, object: Value, field: &str) {
    if registry.cache.get(&registry.key(NAMESPACE, NAME)).is_none() {
        ensure_object(registry, NAMESPACE, object).await;
        return;
    }
    let user = User::loopback();
    let mut call = Call::of_server(&user, NAMESPACE);
    let target = Target {
        name: NAME,
        aspect: Aspect::Main,
        preconditions: Preconditions::default(),
    };
    let set = registry.update(&mut call, &target, |old| {
        let mut new = old.clone();
        new[field] = object[field].clone();
        new["ports"] = object["ports"].clone();
        if object["ports"].is_null()
            && let Some(new) = new.as_object_mut()
        {
            new.remove("ports");
        }
        Ok::<_, Status>(new)
    });
    if let Err(error) = set.await {
        tracing::error!(%error, resource = registry.kind.plural, "could not set the endpoints");
    }
}
