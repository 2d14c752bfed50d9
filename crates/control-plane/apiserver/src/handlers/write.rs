//! What writes of one object have in common: the version of the request, and creating what is not
//! there yet.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;
use styr_meta::Status;

use super::Scope;
use super::create::{from_storage, to_storage};
use crate::inbound::Inbound;
use crate::registry::{Call, Entry, Target, Updated, metadata};
use crate::{chain, status};

/// Others may create and delete the object at the same time.
const TRIES_MAX: usize = 5;

/// What a write of one object came to.
#[derive(Debug)]
pub(super) struct Written {
    pub entry: Arc<Entry>,
    /// There was no such object.
    pub created: bool,
}

/// Updates an object by a change in the version of the request.
pub(super) async fn update(
    scope: &Scope,
    target: &Target<'_>,
    call: &mut Call<'_>,
    mut change: impl FnMut(&Value) -> Result<Value, Status> + Send,
) -> Result<Updated, Status> {
    let change = |stored: &Value| {
        let live = shown(scope, stored);
        change(&live).map(|new| to_storage(scope, new))
    };
    scope.registry.update(call, target, change).await
}

/// Updates an object or, if there is none, creates it: for that the sender must be allowed to.
pub(super) async fn update_or_create(
    inbound: &Inbound,
    scope: &Scope,
    (target, call): (&Target<'_>, &mut Call<'_>),
    mut change: impl FnMut(Option<&Value>) -> Result<Value, Status> + Send,
) -> Result<Written, Status> {
    for _ in 0..TRIES_MAX {
        match update(scope, target, call, |live| change(Some(live))).await {
            Err(refused) if status::is_not_found(&refused) => {}
            outcome => {
                let entry = outcome?.entry;
                let created = false;
                return Ok(Written { entry, created });
            }
        }
        chain::authorize_creation(inbound).await?;
        let mut object = to_storage(scope, change(None)?);
        metadata::wipe_system_fields(&mut object);
        match scope.registry.create(call, object).await {
            Err(refused) if status::is_already_exists(&refused) => {}
            outcome => {
                let (entry, created) = (outcome?, true);
                return Ok(Written { entry, created });
            }
        }
    }
    let name = &inbound.info.name;
    Err(status::conflict(&scope.kind, name, status::MODIFIED))
}

/// A stored object in the version of the request.
fn shown<'a>(scope: &Scope, stored: &'a Value) -> Cow<'a, Value> {
    if scope.is_stored_version() {
        Cow::Borrowed(stored)
    } else {
        Cow::Owned(from_storage(scope, stored))
    }
}
