//! Writes that are no apply: whoever changes a field owns it.

use std::borrow::Cow;
use std::sync::LazyLock;

use serde_json::Value;

use super::compare::{Comparison, Unset};
use super::context::{self, Context, Typed};
use super::field_set::FieldSet;
use super::managers::{self, ManagerId, Managers, Operation, Owned};
use super::quick;
use super::revise::{self, Change, Refusal};

/// More managers than this that update are folded into one, the oldest first.
const UPDATE_MANAGERS_MAX: usize = 10;
/// Who owns what the folded ones owned.
const ANCIENT: &str = "ancient-changes";

/// What the server sets, and nobody owns.
static SYSTEM: LazyLock<FieldSet> = LazyLock::new(|| {
    let mut paths: Vec<Vec<&str>> = vec![vec!["apiVersion"], vec!["kind"], vec!["metadata"]];
    let metadata = [
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    ];
    paths.extend(metadata.map(|name| vec!["metadata", name]));
    let paths: Vec<&[&str]> = paths.iter().map(Vec::as_slice).collect();
    FieldSet::of_fields(&paths)
});

/// A set without what the server sets.
pub(super) fn without_system(set: FieldSet) -> FieldSet {
    set.difference(&SYSTEM)
}

/// Brings the managed fields of an object up to date before it is written: a create if there is no
/// live object, otherwise an update or a patch that is no apply.
///
/// Never refuses a write: if the fields of the objects cannot be told, the managers stay.
pub fn update(context: &Context<'_>, live: Option<&Value>, new: &mut Value, manager: &str) {
    if new.get("metadata").is_none_or(|it| !it.is_object()) {
        return;
    }
    let asked = managers::replace(new, None);
    let entries = revised(context, live, (new, asked), manager);
    managers::replace(new, entries);
}

/// The entries after a write.
fn revised(
    context: &Context<'_>,
    live: Option<&Value>,
    (new, asked): (&Value, Option<Value>),
    manager: &str,
) -> Option<Value> {
    let created = live.is_none().then(|| context::empty(context.shape));
    let old = live.or(created.as_ref())?;
    let before = managers::entries(old);
    let scope = (context.api_version, context.subresource);
    let id = ManagerId::new(manager, Operation::Update, scope);
    let Ok(found) = changes(context, (old, new), Unset::Nulls) else {
        return entries_of(before);
    };
    let theirs = asked.as_ref().and_then(Value::as_array).map(Vec::as_slice);
    let is_theirs = context.subresource.is_empty() && theirs.is_some_and(|it| it != before);
    if !before.is_empty() && !is_theirs {
        let author = (&id, context.api_version, context.now);
        if quick::fits(before, &found, author) {
            let entries = match asked {
                Some(Value::Array(entries)) if entries == before => entries,
                _ => before.to_vec(),
            };
            return Some(quick::with_time(entries, &found, author));
        }
    }
    let theirs = asked.as_ref().and_then(Value::as_array).map(Vec::as_slice);
    let known = known(context, before, theirs);
    let exists = old.pointer("/metadata/uid").is_some_and(|uid| uid != "");
    if known.is_empty() && exists {
        // Nobody knows who made what is there; that begins with the first apply.
        return None;
    }
    match track(context, (old, new), found, (known, &id)) {
        Ok(managers) => managers.encode(),
        Err(_) => entries_of(before),
    }
}

fn entries_of(before: &[Value]) -> Option<Value> {
    (!before.is_empty()).then(|| Value::from(before.to_vec()))
}

/// What a write changes.
pub(super) fn changes(
    context: &Context<'_>,
    (old, new): (&Value, &Value),
    unset: Unset,
) -> Result<Comparison, String> {
    let typed = |value| Typed::new(context, Cow::Borrowed(value));
    revise::compare(context, (&typed(old), &typed(new)), unset)
}

/// The managers that a write begins with: those that the client sent, if it sent any.
fn known(context: &Context<'_>, before: &[Value], asked: Option<&[Value]>) -> Managers {
    let of_live = || Managers::decode(before).unwrap_or_default();
    match asked {
        Some(entries) if context.subresource.is_empty() => {
            if is_reset(entries) {
                return Managers::default();
            }
            Managers::decode(entries).unwrap_or_else(|_| of_live())
        }
        _ => of_live(),
    }
}

/// A list that is empty, or has one empty entry, asks to forget all managers.
fn is_reset(entries: &[Value]) -> bool {
    match entries {
        [] => true,
        [Value::Object(entry)] => entry.is_empty(),
        _ => false,
    }
}

/// Gives a manager all that it changes.
pub(super) fn track<'a>(
    context: &Context<'a>,
    (old, new): (&'a Value, &'a Value),
    found: Comparison,
    (mut managers, id): (Managers, &ManagerId),
) -> Result<Managers, String> {
    let old = Typed::new(context, Cow::Borrowed(old));
    let new = Typed::new(context, Cow::Borrowed(new));
    revise::reconcile(context, &old, &mut managers)?;
    let change = Change {
        context,
        old: &old,
        new: &new,
        found,
        by: None,
        force: true,
    };
    revise::revise(&change, &mut managers).map_err(|refusal| match refusal {
        Refusal::Failed(message) => message,
        Refusal::Conflicts(_) => "a forced change has conflicts".to_owned(),
    })?;
    let found = change.found;
    let set = without_system(found.modified.union(found.added));
    if !set.is_empty() {
        let before = managers.owned.remove(id).map(|owned| owned.set);
        let owned = Owned {
            set: set.union(before.unwrap_or_default()),
            api_version: context.api_version.to_owned(),
        };
        managers.owned.insert(id.clone(), owned);
        managers.times.insert(id.clone(), context.now.to_owned());
    }
    cap(&mut managers);
    Ok(managers)
}

/// Folds the oldest of too many managers that update.
fn cap(managers: &mut Managers) {
    let updates = managers
        .owned
        .keys()
        .filter(|id| id.operation == Operation::Update);
    let mut updates: Vec<ManagerId> = updates.cloned().collect();
    if updates.len() <= UPDATE_MANAGERS_MAX {
        return;
    }
    updates.sort_by(|a, b| {
        managers
            .seconds(a)
            .cmp(&managers.seconds(b))
            .then_with(|| a.cmp(b))
    });
    let mut left = updates.len();
    let mut firsts: Vec<(String, ManagerId)> = Vec::new();
    for id in updates {
        if left <= UPDATE_MANAGERS_MAX {
            return;
        }
        let Some(version) = managers
            .owned
            .get(&id)
            .map(|owned| owned.api_version.clone())
        else {
            continue;
        };
        let Some((_, first)) = firsts.iter().find(|(of, _)| *of == version) else {
            firsts.push((version, id));
            continue;
        };
        fold(managers, first, &id, &version);
        left -= 1;
    }
}

/// Puts what a manager owns into the bucket of its version; the first one becomes the bucket.
fn fold(managers: &mut Managers, first: &ManagerId, id: &ManagerId, version: &str) {
    let bucket = ManagerId::new(ANCIENT, Operation::Update, (version, ""));
    if !managers.owned.contains_key(&bucket)
        && let Some(owned) = managers.owned.remove(first)
    {
        managers.owned.insert(bucket.clone(), owned);
    }
    let Some(owned) = managers.owned.remove(id) else {
        return;
    };
    let into = managers.owned.remove(&bucket);
    let set = owned.set.union(into.map(|it| it.set).unwrap_or_default());
    let api_version = owned.api_version;
    managers
        .owned
        .insert(bucket.clone(), Owned { set, api_version });
    // The later of both times: entries come oldest first.
    match managers.times.get(id).cloned() {
        Some(time) => managers.times.insert(bucket, time),
        None => managers.times.remove(&bucket),
    };
}
