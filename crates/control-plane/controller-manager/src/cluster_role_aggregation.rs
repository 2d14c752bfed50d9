//! A ClusterRole with an aggregation rule has the rules of all that it selects.
//!
//! Watches ClusterRoles, writes their rules. Where upstream applies, this patches: the rules of such
//! a role have no other owner.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use serde_json::json;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::{Cache, Change, Scope};

use crate::context::Context;
use crate::shared::selector;

/// Registers the controller.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let roles = context.caches.cache::<ClusterRole>(Scope::all());
    let reconciler = Aggregation {
        context: context.clone(),
        roles: roles.clone(),
    };
    let registration = Registration::new("clusterrole-aggregation-controller", reconciler)
        .primary::<ClusterRole>()
        .watches::<ClusterRole>(move |change: &Change<ClusterRole>| {
            let all = roles.list();
            let aggregated = all.iter().filter(|role| role.aggregation_rule.is_some());
            match change {
                Change::Synced => Vec::new(),
                _ => aggregated.map(|role| Key::of(&**role)).collect(),
            }
        });
    Ok(vec![registration])
}

struct Aggregation {
    context: Context,
    roles: Cache<ClusterRole>,
}

#[async_trait]
impl Reconciler for Aggregation {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let Some(role) = self.roles.get_key(key) else {
            return Ok(Next::Wait);
        };
        let Some(rules) = plan(&role, &self.roles.list()) else {
            return Ok(Next::Wait);
        };
        let patch = json!({
            "metadata": { "resourceVersion": role.metadata.resource_version }, "rules": rules,
        });
        self.context
            .client
            .merge_patch::<ClusterRole>("", &key.name, &patch)
            .await?;
        Ok(Next::Wait)
    }
}

/// The rules that the role ought to have, if it has others.
fn plan(role: &ClusterRole, all: &[Arc<ClusterRole>]) -> Option<Vec<PolicyRule>> {
    let aggregation = role.aggregation_rule.as_ref()?;
    let mut wanted: Vec<PolicyRule> = Vec::new();
    for selector in aggregation.cluster_role_selectors.iter().flatten() {
        let selector = selector::of(selector);
        // By name: caches list in that order.
        for other in all {
            let is_self = other.metadata.name == role.metadata.name;
            if is_self || !selector::matches(&selector, other.metadata.labels.as_ref()) {
                continue;
            }
            for rule in other.rules.iter().flatten() {
                if !wanted.contains(rule) {
                    wanted.push(rule.clone());
                }
            }
        }
    }
    (role.rules.as_deref().unwrap_or_default() != wanted).then_some(wanted)
}
