//! The ServiceCIDR that stands for the server's own flag.

use serde_json::json;
use styr_meta::Status;

use super::ensure_object;
use crate::attributes::User;
use crate::registry::{Aspect, Call, Preconditions, Target, timestamp};
use crate::server::State;

const NAME: &str = "kubernetes";

pub(super) async fn ensure(state: &State) {
    let registry = state.resources.builtin("networking.k8s.io", "servicecidrs");
    let object = json!({
        "metadata": { "name": NAME },
        "spec": { "cidrs": state.config.service_cluster_ip_ranges },
    });
    if registry.cache.get(NAME).is_some() {
        return;
    }
    ensure_object(registry, "", object).await;
    let user = User::loopback();
    let mut call = Call::of_server(&user, "");
    let target = Target {
        name: NAME,
        aspect: Aspect::Status,
        preconditions: Preconditions::default(),
    };
    let now = timestamp(state.clock.now());
    let marked = registry.update(&mut call, &target, |old| {
        let mut new = old.clone();
        new["status"]["conditions"] = json!([{
            "type": "Ready",
            "status": "True",
            "lastTransitionTime": now,
            "reason": "",
            "message": "Kubernetes default Service CIDR is ready",
        }]);
        Ok::<_, Status>(new)
    });
    if let Err(error) = marked.await {
        tracing::error!(%error, "could not mark the default ServiceCIDR as ready");
    }
}
