//! Where the deciding parts are put together: authenticators, authorizers, admission, tokens.

use std::sync::Arc;

use anyhow::Result;
use styr_base::SharedClock;

use crate::attributes::{Admission, Authenticator, Authorizer};
use crate::authorization::Escalation;
use crate::config::Config;
use crate::objects::Objects;
use crate::registry::Resources;
use crate::server::State;
use crate::service_account::Tokens;
use crate::{admission, authentication, authorization, bootstrap as objects_of_every_cluster};

/// The parts, in the order in which they are asked.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) authenticators: Vec<Arc<dyn Authenticator>>,
    pub(crate) authorizers: Vec<Arc<dyn Authorizer>>,
    pub(crate) admission: Vec<Arc<dyn Admission>>,
    pub(crate) tokens: Arc<Tokens>,
}

pub(crate) fn build(
    config: &Config,
    resources: &Arc<Resources>,
    clock: &SharedClock,
) -> Result<Built> {
    let objects: Arc<dyn Objects> = Arc::clone(resources) as Arc<dyn Objects>;
    let tokens = Arc::new(Tokens::new(config)?);
    let authorization = authorization::build(&config.authorization_modes, &objects)?;
    let authorizers = authorization.authorizers;
    let mut admission = admission::build(&admission::Parts {
        config,
        objects: &objects,
        authorizers: &authorizers,
        clock,
    })?;
    if let Some(rbac) = authorization.rbac {
        admission.push(Arc::new(Escalation {
            rbac,
            authorizers: authorizers.clone(),
        }));
    }
    Ok(Built {
        authenticators: authentication::build(config, &objects, &tokens, clock)?,
        authorizers,
        admission,
        tokens,
    })
}

/// Creates what authorization and admission need to be there.
pub(crate) async fn bootstrap(state: &Arc<State>) {
    objects_of_every_cluster::run(state).await;
}
