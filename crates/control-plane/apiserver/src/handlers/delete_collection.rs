//! DELETE of a collection: whatever the selectors name, some at a time.

use std::sync::Arc;

use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use http::StatusCode;
use styr_meta::Status;

use super::list_options::ListOptions;
use super::{Scope, delete, list};
use crate::body::Response;
use crate::inbound::Inbound;
use crate::negotiation::Offer;
use crate::registry::chunk::Run;
use crate::registry::{DeleteOptions, Entry};
use crate::{response, status};

/// Deletions of one request that run side by side.
const AT_ONCE: usize = 32;

pub(super) async fn delete_collection(
    mut inbound: Inbound,
    scope: Scope,
) -> Result<Response, Status> {
    let form = inbound.form(Offer::Objects)?;
    let list_options = ListOptions::parse(&scope.kind, &inbound.query, false)?;
    let options = delete::options(&mut inbound).await?;
    let mut page = list::page(&scope, &inbound.info.namespace, &list_options).await?;
    // Each waits for the disk, and the disk takes many at once.
    let entries: Vec<Arc<Entry>> = page.entries().cloned().collect();
    let one = |entry| delete_one(&inbound, &scope, entry, &options).boxed();
    let deleted: Vec<Option<Arc<Entry>>> = stream::iter(entries)
        .map(one)
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let deleted = deleted.into_iter().flatten().collect();
    page.runs = vec![Run::of(deleted)];
    let now = inbound.state.clock.now();
    let answer = response::list(&scope, page, form, (now, &inbound.query, &inbound.headers))?;
    debug_assert_eq!(answer.status(), StatusCode::OK);
    Ok(answer)
}

/// Deletes an object; `None` if somebody else was quicker: it is gone, which is what was asked for.
async fn delete_one(
    inbound: &Inbound,
    scope: &Scope,
    entry: Arc<Entry>,
    options: &DeleteOptions,
) -> Result<Option<Arc<Entry>>, Status> {
    let mut call = inbound.call(Vec::new())?;
    call.dry_run = !options.dry_run.is_empty();
    call.namespace = entry.namespace();
    let outcome = scope
        .registry
        .delete(&mut call, entry.name(), options)
        .await;
    match outcome {
        Ok(deleted) => Ok(Some(deleted.entry)),
        Err(refused) if status::is_not_found(&refused) => Ok(None),
        Err(refused) => Err(refused),
    }
}
