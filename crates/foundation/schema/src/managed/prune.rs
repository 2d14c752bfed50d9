//! What a manager applied before and applies no more goes, unless somebody else owns it.

use std::collections::BTreeMap;

use super::context::{Context, Typed};
use super::field_set::FieldSet;
use super::managers::{Managers, Owned};
use super::remove;

type Outcome<T> = Result<T, String>;

pub(super) fn prune<'a>(
    context: &Context<'a>,
    merged: Typed<'a>,
    managers: &Managers,
    last: Option<&Owned>,
) -> Outcome<Typed<'a>> {
    let Some(last) = last.filter(|last| !last.set.is_empty()) else {
        return Ok(merged);
    };
    let at = merged.at(context, &last.api_version).map_err(|error| {
        format!("failed to convert merged object to last applied version: {error}")
    })?;
    let Some(merged_at) = at else {
        return Ok(merged);
    };
    let gone = merged_at.named(&last.set);
    let pruned = merged_at.with(remove::remove(&merged_at.shape, &merged_at.value, &gone));
    let pruned = add_back_owned(
        context,
        (merged_at.clone(), pruned),
        managers,
        &last.api_version,
    )
    .map_err(|error| format!("failed add back owned items: {error}"))?;
    let pruned = add_back_dangling(context, &merged_at, &pruned, last)
        .map_err(|error| format!("failed add back dangling items: {error}"))?;
    let back = pruned.at(context, context.api_version)?;
    back.ok_or_else(|| format!("no corresponding type for {}", context.api_version))
}

/// Puts back what any manager owns, the applying one with what it applies now.
fn add_back_owned<'a>(
    context: &Context<'a>,
    (mut merged, mut pruned): (Typed<'a>, Typed<'a>),
    managers: &Managers,
    pruned_version: &str,
) -> Outcome<Typed<'a>> {
    let mut by_version: BTreeMap<&str, FieldSet> = BTreeMap::new();
    for owned in managers.owned.values() {
        let set = by_version.entry(&owned.api_version).or_default();
        *set = std::mem::take(set).union(owned.set.clone());
    }
    // The version at hand comes first, so that conversions have the fields that they need.
    let first = by_version.remove_entry(pruned_version);
    for (version, managed) in first.into_iter().chain(by_version) {
        let at = |which: &str, object: &Typed<'a>| {
            object.at(context, version).map_err(|error| {
                format!("failed to convert {which} object at version {version}: {error}")
            })
        };
        let (Some(merged_at), Some(pruned_at)) = (at("merged", &merged)?, at("pruned", &pruned)?)
        else {
            continue;
        };
        let kept = pruned_at.named_field_set().union(merged_at.named(&managed));
        let gone = merged_at.named_field_set().difference(&kept);
        pruned = merged_at.with(remove::remove(&merged_at.shape, &merged_at.value, &gone));
        merged = merged_at;
    }
    Ok(pruned)
}

/// Puts back what was lost only because something around it was removed.
fn add_back_dangling<'a>(
    context: &Context<'a>,
    merged: &Typed<'a>,
    pruned: &Typed<'a>,
    last: &Owned,
) -> Outcome<Typed<'a>> {
    let at = pruned.at(context, &last.api_version).map_err(|error| {
        format!("failed to convert pruned object to last applied version: {error}")
    })?;
    let Some(pruned) = at else {
        return Ok(merged.clone());
    };
    let lost = merged
        .named_field_set()
        .difference(&merged.named(&pruned.field_set()));
    let gone = lost.intersection(&merged.named(&last.set));
    Ok(merged.with(remove::remove(&merged.shape, &merged.value, &gone)))
}
