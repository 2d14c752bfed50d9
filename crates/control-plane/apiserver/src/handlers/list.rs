//! GET of a collection: stored bytes, spliced together as they are sent.

use std::sync::Arc;

use http::StatusCode;
use styr_meta::Status;
use styr_store::Revision;

use super::Scope;
use super::list_options::ListOptions;
use crate::body::Response;
use crate::inbound::Inbound;
use crate::negotiation::Offer;
use crate::registry::Entry;
use crate::registry::page::Continue;
use crate::registry::selection::Selection;
use crate::registry::snapshot::Snapshot;
use crate::{response, shapes, status};

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    pub items: Vec<Arc<Entry>>,
    pub revision: Revision,
    /// The token of the next page; empty on the last.
    pub next: String,
    /// What remains, where it is known.
    pub remaining: Option<usize>,
}

pub(super) async fn list(inbound: Inbound, scope: Scope) -> Result<Response, Status> {
    let form = inbound.form(Offer::Objects)?;
    let options = ListOptions::parse(&scope.kind, &inbound.query, false)?;
    let page = match (
        page(&scope, &inbound.info.namespace, &options).await,
        &options.next,
    ) {
        (Err(refused), Some(next)) if status::is_expired(&refused) => {
            let fresh = Continue {
                revision: None,
                start: next.start.clone(),
            };
            let tree = status::continue_expired(&fresh.encode());
            return Ok(response::document(
                &shapes::meta("Status"),
                &tree,
                form,
                StatusCode::GONE,
            ));
        }
        (page, _) => page?,
    };
    let now = inbound.state.clock.now();
    response::list(&scope, page, form, (now, &inbound.query, &inbound.headers))
}

/// What `options` ask for, of one namespace or (empty) of all.
pub(super) async fn page(
    scope: &Scope,
    namespace: &str,
    options: &ListOptions,
) -> Result<Page, Status> {
    let (snapshot, revision) = scope.registry.snapshot(options.at()).await?;
    let prefix = if namespace.is_empty() {
        String::new()
    } else {
        format!("{namespace}/")
    };
    let start = options
        .next
        .as_ref()
        .map(|next| format!("{prefix}{}", next.start));
    let start = start.unwrap_or_default();
    Ok(select(
        &snapshot,
        revision,
        (&prefix, &start),
        (scope, options),
    ))
}

fn select(
    snapshot: &Snapshot,
    revision: Revision,
    (prefix, start): (&str, &str),
    (scope, options): (&Scope, &ListOptions),
) -> Page {
    let kind = &scope.registry.kind;
    let selection: &Selection = &options.selection;
    if let Some(name) = selection.exact_name() {
        return one(snapshot, revision, (prefix, name), (scope, selection));
    }
    let mut candidates = snapshot
        .range(prefix, start)
        .filter(|it| selection.matches(it, kind));
    let Some(limit) = options.page() else {
        let items = candidates.cloned().collect();
        return Page {
            items,
            revision,
            next: String::new(),
            remaining: None,
        };
    };
    let items: Vec<Arc<Entry>> = candidates.by_ref().take(limit).cloned().collect();
    let Some(last) = items.last().filter(|_| candidates.next().is_some()) else {
        return Page {
            items,
            revision,
            next: String::new(),
            remaining: None,
        };
    };
    // One more than the iterator has left: the one that showed that there are more.
    let remaining = selection.is_everything().then(|| candidates.count() + 1);
    let relative = last
        .key()
        .strip_prefix(prefix)
        .expect("listed by this prefix");
    let next = Continue::behind(relative, revision).encode();
    Page {
        items,
        revision,
        next,
        remaining,
    }
}

/// A list of a single name, within one namespace or over all.
fn one(
    snapshot: &Snapshot,
    revision: Revision,
    (prefix, name): (&str, &str),
    (scope, selection): (&Scope, &Selection),
) -> Page {
    let kind = &scope.registry.kind;
    let items = if prefix.is_empty() && kind.namespaced {
        snapshot
            .iter()
            .filter(|it| it.name() == name && selection.matches(it, kind))
            .cloned()
            .collect()
    } else {
        let found = snapshot.get(&format!("{prefix}{name}"));
        found
            .filter(|it| selection.matches(it, kind))
            .cloned()
            .into_iter()
            .collect()
    };
    Page {
        items,
        revision,
        next: String::new(),
        remaining: None,
    }
}
