//! What the server does unasked: the objects that every cluster has, and compaction.

mod compaction;
mod config_maps;
mod flow_schemas;
mod kubernetes_service;
mod namespaces;
mod service_cidr;

use std::sync::Arc;

use serde_json::Value;
use styr_meta::Status;

use crate::attributes::User;
use crate::health::Phase;
use crate::plugins;
use crate::registry::{Call, Registry};
use crate::server::State;
use crate::status;

/// Rules of kinds that only the server can keep.
pub(crate) fn install(state: &Arc<State>) {
    let namespaces = state.resources.builtin("", "namespaces");
    namespaces.set_hooks(Arc::new(namespaces::Hooks));
}

/// Brings the server up, then keeps what it has made.
pub(crate) async fn run(state: Arc<State>) {
    tokio::select! {
        () = start(&state) => {}
        () = state.shutdown.requested() => return,
    }
    tokio::join!(
        compaction::run(&state),
        flow_schemas::keep(&state),
        kubernetes_service::keep(&state),
        ending(&state),
    );
}

async fn start(state: &Arc<State>) {
    state.resources.progress().loaded().await;
    for registry in state.resources.all() {
        registry.tell_hooks();
    }
    state.health.reach(Phase::Loaded);
    namespaces::ensure(state).await;
    plugins::bootstrap(state).await;
    config_maps::ensure(state).await;
    service_cidr::ensure(state).await;
    kubernetes_service::ensure(state).await;
    state.health.reach(Phase::Bootstrapped);
    tracing::info!("ready");
}

async fn ending(state: &State) {
    state.shutdown.requested().await;
    state.health.reach(Phase::Ending);
}

/// Creates an object unless there is one; a failure is logged, and whoever needs it will say so.
pub(crate) async fn ensure_object(registry: &Registry, namespace: &str, object: Value) {
    let name = object["metadata"]["name"].as_str().unwrap_or("").to_owned();
    if registry
        .cache
        .get(&registry.key(namespace, &name))
        .is_some()
    {
        return;
    }
    let outcome = create(registry, namespace, object).await;
    if let Err(error) = outcome
        && !status::is_already_exists(&error)
    {
        tracing::error!(resource = registry.kind.plural, name, %error, "could not create");
    }
}

async fn create(registry: &Registry, namespace: &str, mut object: Value) -> Result<(), Status> {
    registry.set_type(&mut object);
    registry.kind.shape.apply_defaults(&mut object);
    registry.kind.rules.default(&mut object);
    let user = User::loopback();
    let mut call = Call::of_server(&user, namespace);
    registry.create(&mut call, object).await.map(drop)
}
