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
use crate::registry::chunk::Run;
use crate::registry::page::Continue;
use crate::registry::selection::Selection;
use crate::registry::snapshot::Snapshot;
use crate::{response, shapes, status};

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    pub runs: Vec<Run>,
    pub revision: Revision,
    /// The token of the next page; empty on the last.
    pub next: String,
    /// What remains, where it is known.
    pub remaining: Option<usize>,
}

impl Page {
    /// All that there is of `runs`.
    fn last(runs: Vec<Run>, revision: Revision) -> Self {
        Self {
            runs,
            revision,
            next: String::new(),
            remaining: None,
        }
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.runs.iter().flat_map(Run::entries)
    }
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
    let selected = |run: Run| match selection.is_everything() {
        true => vec![run],
        false => run.filter(|entry| selection.matches(entry, kind)),
    };
    let mut candidates = snapshot.runs(prefix, start).flat_map(selected);
    let Some(limit) = options.page() else {
        return Page::last(candidates.collect(), revision);
    };
    let (runs, rest) = take(&mut candidates, limit);
    let Some(last) = runs.last().and_then(|run| run.entries().last()) else {
        return Page::last(runs, revision);
    };
    let Some(rest) = rest.or_else(|| candidates.next()) else {
        return Page::last(runs, revision);
    };
    let behind = || rest.len() + candidates.map(|run| run.len()).sum::<usize>();
    let remaining = selection.is_everything().then(behind);
    let relative = last
        .key()
        .strip_prefix(prefix)
        .expect("listed by this prefix");
    let next = Continue::behind(relative, revision).encode();
    Page {
        runs,
        revision,
        next,
        remaining,
    }
}

/// The first `limit` entries, and what is left of the run with the last of them.
fn take(runs: &mut impl Iterator<Item = Run>, limit: usize) -> (Vec<Run>, Option<Run>) {
    let (mut taken, mut room) = (Vec::new(), limit);
    while room > 0
        && let Some(run) = runs.next()
    {
        let (head, rest) = run.split(room);
        room -= head.len();
        taken.push(head);
        if !rest.is_empty() {
            return (taken, Some(rest));
        }
    }
    (taken, None)
}

/// A list of a single name, within one namespace or over all.
fn one(
    snapshot: &Snapshot,
    revision: Revision,
    (prefix, name): (&str, &str),
    (scope, selection): (&Scope, &Selection),
) -> Page {
    let kind = &scope.registry.kind;
    let is_wanted = |entry: &&Arc<Entry>| selection.matches(entry, kind);
    let found: Vec<Arc<Entry>> = if prefix.is_empty() && kind.namespaced {
        let named = snapshot.iter().filter(|entry| entry.name() == name);
        named.filter(is_wanted).cloned().collect()
    } else {
        let named = snapshot.get(&format!("{prefix}{name}"));
        named.filter(is_wanted).cloned().into_iter().collect()
    };
    Page::last(vec![Run::of(found)], revision)
}
