//! DELETE of a collection: whatever the selectors name, one by one.

use http::StatusCode;
use styr_meta::Status;

use super::list_options::ListOptions;
use super::{Scope, delete, list};
use crate::body::Response;
use crate::inbound::Inbound;
use crate::negotiation::Offer;
use crate::{response, status};

pub(super) async fn delete_collection(
    mut inbound: Inbound,
    scope: Scope,
) -> Result<Response, Status> {
    let form = inbound.form(Offer::Objects)?;
    let list_options = ListOptions::parse(&scope.kind, &inbound.query, false)?;
    let options = delete::options(&mut inbound).await?;
    let mut page = list::page(&scope, &inbound.info.namespace, &list_options).await?;
    let items = std::mem::take(&mut page.items);
    for entry in items {
        let mut call = inbound.call(Vec::new())?;
        call.dry_run = !options.dry_run.is_empty();
        call.namespace = entry.namespace();
        match scope
            .registry
            .delete(&mut call, entry.name(), &options)
            .await
        {
            Ok(deleted) => page.items.push(deleted.entry),
            // Somebody else was quicker; it is gone, which is what was asked for.
            Err(refused) if status::is_not_found(&refused) => {}
            Err(refused) => return Err(refused),
        }
    }
    let now = inbound.state.clock.now();
    let answer = response::list(&scope, page, form, (now, &inbound.query, &inbound.headers))?;
    debug_assert_eq!(answer.status(), StatusCode::OK);
    Ok(answer)
}
