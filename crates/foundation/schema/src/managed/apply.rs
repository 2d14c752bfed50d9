//! Server-side apply: lays a configuration over the live object, in the name of a manager.

use std::borrow::Cow;

use serde_json::Value;

use super::check::{Duplicates, check};
use super::compare::Unset;
use super::conflict::ApplyError;
use super::context::{self, Context, Typed};
use super::managers::{self, ManagerId, Managers, Operation, Owned};
use super::nulls::with_nulls;
use super::revise::{self, Change, Refusal};
use super::update::{changes, track, without_system};
use super::{last_applied, merge, prune, values};
use crate::decode::{DecodeError, Strictness};

/// Who owned what before anybody applied.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

type Outcome<T> = Result<T, ApplyError>;

/// Whether a manager takes what others own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    No,
    Yes,
}

/// Applies a configuration, which is a tree as it was sent, and answers the whole object with its
/// managed fields; without a live object it is one to create. Defaults are still to be filled in.
pub fn apply(
    context: &Context<'_>,
    live: Option<&Value>,
    configuration: &Value,
    (manager, force): (&str, Force),
) -> Outcome<Value> {
    let created = live.is_none().then(|| context::empty(context.shape));
    let live = live.or(created.as_ref()).expect("one of them is there");
    let managers = Managers::decode(managers::entries(live))
        .map_err(|error| failed(format!("failed to decode managed fields: {error}")))?;
    check_kind(context, configuration)?;
    let request = Request {
        context,
        live,
        configuration,
        id: ManagerId::new(manager, Operation::Apply, ("", context.subresource)),
    };
    let managers = request.with_history(managers)?;
    let applied = match request.apply(managers.clone(), force) {
        Err(ApplyError::Conflicts(conflicts)) if manager == last_applied::KUBECTL => {
            // What `kubectl apply` made before it applied on the server is its own.
            match last_applied::owned(context, live) {
                None => return Err(ApplyError::Conflicts(conflicts)),
                Some(owned) => {
                    let mut left = conflicts;
                    left.retain(|conflict| !owned.contains(&conflict.path));
                    if !left.is_empty() {
                        return Err(ApplyError::Conflicts(left));
                    }
                    request.apply(managers, Force::Yes)?
                }
            }
        }
        other => other?,
    };
    Ok(request.finish(applied, manager))
}

fn failed(message: impl Into<String>) -> ApplyError {
    ApplyError::Failed(message.into())
}

/// What is applied must be of the kind and version that the request is for.
fn check_kind(context: &Context<'_>, configuration: &Value) -> Outcome<()> {
    let text = |name: &str| {
        configuration
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    if api_version != context.api_version || kind != context.kind {
        let found = shown_kind(api_version, kind);
        return Err(ApplyError::BadRequest(format!(
            "invalid object type: {found}"
        )));
    }
    let entries = configuration.pointer("/metadata/managedFields");
    if entries.is_some_and(Value::is_array) {
        return Err(ApplyError::BadRequest(
            "metadata.managedFields must be nil".to_owned(),
        ));
    }
    Ok(())
}

fn shown_kind(api_version: &str, kind: &str) -> String {
    if api_version.contains('/') {
        format!("{api_version}, Kind={kind}")
    } else {
        format!("/{api_version}, Kind={kind}")
    }
}

struct Request<'a, 'c> {
    context: &'c Context<'a>,
    live: &'a Value,
    configuration: &'a Value,
    id: ManagerId,
}

struct Applied {
    /// Nothing if the configuration changes nothing.
    object: Option<Value>,
    managers: Managers,
}

impl Request<'_, '_> {
    /// The managers, with one for all that is there if nobody knows who made it.
    fn with_history(&self, managers: Managers) -> Outcome<Managers> {
        if !managers.is_empty() {
            return Ok(managers);
        }
        let context = self.context;
        let nothing = context::empty(context.shape);
        let scope = (context.api_version, context.subresource);
        let id = ManagerId::new(BEFORE_FIRST_APPLY, Operation::Update, scope);
        check(context.shape, self.live, Duplicates::Allowed)
            .map_err(|error| {
                let about = self.about(self.live);
                format!("failed to convert new object ({about}) to smd typed: {error}")
            })
            .and_then(|()| changes(context, (&nothing, self.live), Unset::Nulls))
            .and_then(|found| track(context, (&nothing, self.live), found, (managers, &id)))
            .map_err(|error| {
                failed(format!(
                    "failed to create manager for existing fields: {error}"
                ))
            })
    }

    fn apply(&self, mut managers: Managers, force: Force) -> Outcome<Applied> {
        let context = self.context;
        check(context.shape, self.configuration, Duplicates::Refused).map_err(|error| {
            let about = self.about(self.configuration);
            failed(format!(
                "failed to create typed patch object ({about}): {error}"
            ))
        })?;
        check(context.shape, self.live, Duplicates::Allowed).map_err(|error| {
            let about = self.about(self.live);
            failed(format!(
                "failed to create typed live object ({about}): {error}"
            ))
        })?;
        let whole = with_nulls(context.shape, self.live);
        let live = Typed::new(context, Cow::Owned(whole));
        revise::reconcile(context, &live, &mut managers).map_err(failed)?;
        let merged = merge::merge(context.shape, &live.value, self.configuration)
            .map_err(|error| failed(format!("failed to merge config: {error}")))?;
        let new = Typed::new(context, Cow::Borrowed(self.configuration));
        let set = new.field_set().recursive_difference(context.reset);
        let owned = Owned {
            set,
            api_version: context.api_version.to_owned(),
        };
        let last = managers.owned.insert(self.id.clone(), owned);
        let merged = Typed::new(context, Cow::Owned(merged));
        let new = prune::prune(context, merged, &managers, last.as_ref())
            .map_err(|error| failed(format!("failed to prune fields: {error}")))?;
        let found = revise::compare(context, (&live, &new), Unset::Nothing).map_err(failed)?;
        let change = Change {
            context,
            old: &live,
            new: &new,
            found,
            by: Some(&self.id),
            force: force == Force::Yes,
        };
        revise::revise(&change, &mut managers).map_err(|refusal| match refusal {
            Refusal::Conflicts(conflicts) => ApplyError::Conflicts(conflicts),
            Refusal::Failed(message) => failed(message),
        })?;
        self.own(&mut managers);
        let object = if values::equal(&live.value, &new.value) {
            None
        } else {
            Some(self.decoded(new.value.into_owned())?)
        };
        if object.is_some() {
            managers
                .times
                .insert(self.id.clone(), context.now.to_owned());
        }
        Ok(Applied { object, managers })
    }

    /// Nobody owns what the server sets.
    fn own(&self, managers: &mut Managers) {
        if let Some(owned) = managers.owned.get_mut(&self.id) {
            owned.set = without_system(std::mem::take(&mut owned.set));
            if owned.set.is_empty() {
                managers.owned.remove(&self.id);
            }
        }
    }

    /// The merged tree as if it had been read.
    fn decoded(&self, merged: Value) -> Outcome<Value> {
        let about = self.about(&merged);
        let kind = shown_kind(self.context.api_version, self.context.kind);
        let decoded = self.context.shape.check(merged, Strictness::Ignore);
        decoded.map(|it| it.value).map_err(|error| {
            let cause = match error {
                DecodeError::Value(cause) if cause.starts_with("illegal base64") => {
                    format!("error decoding from json: {cause}")
                }
                other => other.to_string(),
            };
            failed(format!(
                "failed to convert new object ({about}) to proper version: unable to convert \
                 unstructured object to {kind}: {cause}"
            ))
        })
    }

    fn about(&self, object: &Value) -> String {
        let text = |name: &str| {
            let found = object.get("metadata").and_then(|it| it.get(name));
            found.and_then(Value::as_str).unwrap_or_default()
        };
        let kind = shown_kind(self.context.api_version, self.context.kind);
        format!("{}/{}; {kind}", text("namespace"), text("name"))
    }

    fn finish(&self, applied: Applied, manager: &str) -> Value {
        let mut object = applied.object.unwrap_or_else(|| self.live.clone());
        managers::replace(&mut object, applied.managers.encode());
        if manager == last_applied::KUBECTL {
            last_applied::refresh(&mut object, self.configuration);
        }
        object
    }
}
