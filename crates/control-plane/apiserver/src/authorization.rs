//! May they? A table of authorizers; the first with an opinion decides.
//!
//! `--authorization-mode` names them in order. Members of system:masters are asked nothing.

mod escalation;
mod node;
mod rbac;
mod references;
mod rules;

use std::sync::Arc;

use anyhow::{Result, bail};
use async_trait::async_trait;

use crate::attributes::{Attributes, Authorizer, Decision, RuleSummary, User};
use crate::objects::Objects;

pub(crate) use escalation::Escalation;
pub(crate) use node::node_of;
pub(crate) use references::{references_config_maps, references_secrets};
pub(crate) use rules::missing_rules;

/// The modes that `--authorization-mode` may name.
const MODES: [&str; 4] = ["AlwaysAllow", "AlwaysDeny", "Node", "RBAC"];

/// What was built: the table, and the rules of RBAC for whoever checks what may be granted.
pub(crate) struct Built {
    pub(crate) authorizers: Vec<Arc<dyn Authorizer>>,
    pub(crate) rbac: Option<Arc<rbac::Rbac>>,
}

/// All authorizers of these modes, in order.
pub(crate) fn build(modes: &[String], objects: &Arc<dyn Objects>) -> Result<Built> {
    let mut authorizers: Vec<Arc<dyn Authorizer>> = vec![Arc::new(Masters)];
    let mut built_rbac = None;
    for mode in modes {
        match mode.as_str() {
            "AlwaysAllow" => authorizers.push(Arc::new(Always(true))),
            "AlwaysDeny" => authorizers.push(Arc::new(Always(false))),
            "Node" => authorizers.push(Arc::new(node::Node::new(objects))),
            "RBAC" => {
                let rbac = Arc::new(rbac::Rbac::new(objects));
                built_rbac = Some(Arc::clone(&rbac));
                authorizers.push(rbac);
            }
            other => bail!("--authorization-mode {other:?} is not implemented; known: {MODES:?}"),
        }
    }
    Ok(Built {
        authorizers,
        rbac: built_rbac,
    })
}

/// Members of system:masters may do everything, even when nothing else works.
#[derive(Debug)]
struct Masters;

#[async_trait]
impl Authorizer for Masters {
    async fn authorize(&self, attributes: &Attributes) -> Decision {
        if attributes.user.is_in("system:masters") {
            Decision::Allow(String::new())
        } else {
            Decision::NoOpinion(String::new())
        }
    }

    /// Upstream does not tell of this power either.
    fn rules_for(&self, _: &User, _: &str) -> RuleSummary {
        RuleSummary::default()
    }
}

/// Everybody may do everything, or nobody anything.
#[derive(Debug)]
struct Always(bool);

#[async_trait]
impl Authorizer for Always {
    async fn authorize(&self, _: &Attributes) -> Decision {
        if self.0 {
            Decision::Allow(String::new())
        } else {
            Decision::NoOpinion("alwaysdeny: Everything is forbidden.".to_owned())
        }
    }

    fn rules_for(&self, _: &User, _: &str) -> RuleSummary {
        if self.0 {
            everything()
        } else {
            RuleSummary::default()
        }
    }
}

fn everything() -> RuleSummary {
    let resources = serde_json::json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]});
    let paths = serde_json::json!({"verbs": ["*"], "nonResourceURLs": ["*"]});
    RuleSummary {
        resource_rules: vec![resources],
        non_resource_rules: vec![paths],
        ..RuleSummary::default()
    }
}
