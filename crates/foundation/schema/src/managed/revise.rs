//! What a change does to the fields that others own.
//!
//! Who owns a field that changed loses it; a field that is gone is owned by nobody.

use std::collections::BTreeMap;

use super::collect;
use super::compare::{self, Comparison, Unset};
use super::conflict::{self, Conflict};
use super::context::{Context, Typed};
use super::field_set::FieldSet;
use super::managers::{ManagerId, Managers};

/// Why managers could not be revised.
pub(super) enum Refusal {
    Conflicts(Vec<Conflict>),
    Failed(String),
}

/// A change, and the one who makes it.
pub(super) struct Change<'a, 'c> {
    pub(super) context: &'c Context<'a>,
    pub(super) old: &'c Typed<'a>,
    pub(super) new: &'c Typed<'a>,
    /// What the change changes.
    pub(super) found: Comparison,
    /// Who cannot be in conflict with the change.
    pub(super) by: Option<&'c ManagerId>,
    pub(super) force: bool,
}

/// What a write changes, without what is reset.
pub(super) fn compare(
    context: &Context<'_>,
    (old, new): (&Typed<'_>, &Typed<'_>),
    unset: Unset,
) -> Result<Comparison, String> {
    compare::compare(&old.shape, &old.value, (&new.value, unset))
        .map(|found| found.without(context.reset))
        .map_err(|error| format!("failed to compare objects: {error}"))
}

/// Takes from the managers what a change takes from them.
pub(super) fn revise(change: &Change<'_, '_>, managers: &mut Managers) -> Result<(), Refusal> {
    let mut by_version: BTreeMap<&str, Option<Comparison>> = BTreeMap::new();
    for owned in managers.owned.values() {
        let version = owned.api_version.as_str();
        if version != change.context.api_version && !by_version.contains_key(version) {
            by_version.insert(
                version,
                compare_at(change, version).map_err(Refusal::Failed)?,
            );
        }
    }
    let by_version: BTreeMap<String, Option<Comparison>> = by_version
        .into_iter()
        .map(|(version, found)| (version.to_owned(), found))
        .collect();
    let found = |version: &str| match by_version.get(version) {
        Some(found) => found.as_ref(),
        None => Some(&change.found),
    };
    take(change, managers, found)
}

/// What the change changes in another version; nothing if there is no such version.
fn compare_at(change: &Change<'_, '_>, version: &str) -> Result<Option<Comparison>, String> {
    let both = both_at(change, version)?;
    let found = both.map(|(old, new)| compare(change.context, (&old, &new), Unset::Nothing));
    found.transpose()
}

fn both_at<'a>(
    change: &Change<'a, '_>,
    api_version: &str,
) -> Result<Option<(Typed<'a>, Typed<'a>)>, String> {
    let of = |which: &str, object: &Typed<'a>| {
        let at = object.at(change.context, api_version);
        at.map_err(|error| format!("failed to convert {which} object: {error}"))
    };
    let (old, new) = (of("old", change.old)?, of("new", change.new)?);
    Ok(old.zip(new))
}

fn take<'f>(
    change: &Change<'_, '_>,
    managers: &mut Managers,
    found: impl Fn(&str) -> Option<&'f Comparison>,
) -> Result<(), Refusal> {
    let mut conflicts: BTreeMap<ManagerId, FieldSet> = BTreeMap::new();
    let others = |id: &ManagerId| change.by != Some(id);
    for (id, owned) in managers.owned.iter().filter(|(id, _)| others(id)) {
        let Some(found) = found(&owned.api_version) else {
            continue;
        };
        let modified = owned.set.intersection(&found.modified);
        let set = modified.union(owned.set.intersection(&found.added));
        if !set.is_empty() {
            conflicts.insert(id.clone(), set);
        }
    }
    if !change.force && !conflicts.is_empty() {
        return Err(Refusal::Conflicts(conflict::of_sets(&conflicts)));
    }
    managers.owned.retain(|id, owned| {
        if others(id) {
            // Fields of a version that is gone are owned by nobody.
            let Some(found) = found(&owned.api_version) else {
                return false;
            };
            let mut set = std::mem::take(&mut owned.set);
            if let Some(lost) = conflicts.get(id) {
                set = set.difference(lost);
            }
            owned.set = set.difference(&found.removed);
        }
        !owned.set.is_empty()
    });
    Ok(())
}

/// Makes what the managers own fit the types of today.
pub(super) fn reconcile<'a>(
    context: &Context<'a>,
    live: &Typed<'a>,
    managers: &mut Managers,
) -> Result<(), String> {
    let mut gone = Vec::new();
    for (id, owned) in &mut managers.owned {
        if owned.api_version == live.api_version {
            collect::reconcile(&mut owned.set, &live.shape);
            continue;
        }
        match live.at(context, &owned.api_version)? {
            Some(versioned) => collect::reconcile(&mut owned.set, &versioned.shape),
            None => gone.push(id.clone()),
        }
    }
    managers.owned.retain(|id, _| !gone.contains(id));
    Ok(())
}
