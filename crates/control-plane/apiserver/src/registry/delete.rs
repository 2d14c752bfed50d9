//! Deleting an object: at once, after a grace period, or when the last finalizer has gone.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use styr_api::Graceful;
use styr_meta::Status;

use super::call::{Call, Subject};
use super::create::entry;
use super::entry::Entry;
use super::read::At;
use super::{DeleteOptions, Registry, metadata};
use crate::attributes::Operation;
use crate::status;

/// The garbage collector's finalizers.
const ORPHAN: &str = "orphan";
const PODS_STAY: &str = "child pods are preserved by default when jobs are deleted; \
    set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress \
    this warning";
const FOREGROUND: &str = "foregroundDeletion";
/// Tries against concurrent writers.
const TRIES_MAX: usize = 200;

/// What a deletion came to.
#[derive(Debug)]
pub struct Deleted {
    /// The object as it is now, or was at last.
    pub entry: Arc<Entry>,
    /// Whether it has gone.
    pub gone: bool,
}

/// What is to be done to an object that is to be deleted.
enum Plan {
    Remove,
    /// It is being deleted already; nothing changes.
    Wait,
    /// Write this, and remove it then if `bool`.
    Mark(Value, bool),
}

impl Registry {
    /// Deletes by name.
    pub async fn delete(
        &self,
        call: &mut Call<'_>,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Deleted, Status> {
        let is_unsaid = options.propagation_policy.is_none() && options.orphan_dependents.is_none();
        if is_unsaid && self.kind.plural == "jobs" {
            call.warnings.push(PODS_STAY.to_owned());
        }
        // As with updates, the cache's word is good enough for a first try.
        let mut is_fresh = call.dry_run;
        let at = if is_fresh { At::Latest } else { At::Any };
        let mut current = self.find(call.namespace, name, at).await?;
        for _ in 0..TRIES_MAX {
            let outcome = match current {
                None if is_fresh => break,
                None => None,
                Some(existing) => Some(self.delete_once(call, existing, (name, options)).await),
            };
            match outcome {
                Some(Ok(Next::Done(deleted))) => return Ok(deleted),
                Some(Ok(Next::Waiting(entry))) if is_fresh => {
                    return Ok(Deleted { entry, gone: false });
                }
                Some(Ok(Next::Overtaken(now))) => {
                    current = now;
                    is_fresh = true;
                    continue;
                }
                Some(Err(refused)) if is_fresh => return Err(refused),
                _ => {}
            }
            current = self.find(call.namespace, name, At::Latest).await?;
            is_fresh = true;
        }
        Err(status::not_found(&self.kind, name))
    }

    async fn delete_once(
        &self,
        call: &mut Call<'_>,
        existing: Arc<Entry>,
        (name, options): (&str, &DeleteOptions),
    ) -> Result<Next, Status> {
        let old = existing.value();
        self.check_delete_preconditions(&old, name, options)?;
        let subject = Subject {
            operation: Operation::Delete,
            kind: &self.kind,
            subresource: "",
            name,
        };
        call.admit(&subject, None, Some(&old)).await?;
        call.validate(&subject, None, Some(&old)).await?;
        match self.plan_deletion(old, options, self.clock.now()) {
            Plan::Wait => Ok(Next::Waiting(existing)),
            Plan::Remove => self.remove(call, existing).await,
            Plan::Mark(marked, removes) => self.mark(call, existing, marked, removes).await,
        }
    }

    async fn mark(
        &self,
        call: &Call<'_>,
        existing: Arc<Entry>,
        mut marked: Value,
        removes: bool,
    ) -> Result<Next, Status> {
        let json = self.encode(&mut marked);
        let key = existing.key().to_owned();
        if json == *existing.stored() && !removes {
            return Ok(Next::Waiting(existing));
        }
        if call.dry_run {
            let entry = entry(&key, json, existing.revision());
            return Ok(Next::Done(Deleted {
                entry,
                gone: removes,
            }));
        }
        let stored = self
            .store
            .update(self.store_key(&key), json.clone(), existing.revision(), 0)
            .await;
        let entry = match stored {
            Ok(revision) => entry(&key, json, revision),
            Err(error) => return self.overtaken(&key, error).map(Next::Overtaken),
        };
        if !removes {
            return Ok(Next::Done(Deleted { entry, gone: false }));
        }
        match self.remove(call, Arc::clone(&entry)).await? {
            // Somebody else has removed it in between: as good.
            Next::Overtaken(None) => Ok(Next::Done(Deleted { entry, gone: true })),
            next => Ok(next),
        }
    }

    async fn remove(&self, call: &Call<'_>, existing: Arc<Entry>) -> Result<Next, Status> {
        if call.dry_run {
            return Ok(Next::Done(Deleted {
                entry: existing,
                gone: true,
            }));
        }
        let key = existing.key().to_owned();
        match self
            .store
            .delete(self.store_key(&key), existing.revision())
            .await
        {
            Ok(revision) => {
                if self.hooks.get().is_some() {
                    self.after_delete(&existing.value()).await;
                }
                let entry = Arc::new(existing.at_revision(revision));
                Ok(Next::Done(Deleted { entry, gone: true }))
            }
            Err(error) => self.overtaken(&key, error).map(Next::Overtaken),
        }
    }

    pub(super) async fn after_delete(&self, object: &Value) {
        if let Some(hooks) = self.hooks.get() {
            hooks.after_delete(object).await;
        }
    }

    fn plan_deletion(&self, mut object: Value, options: &DeleteOptions, now: Timestamp) -> Plan {
        let graceful = match self.grace(&mut object, options, now) {
            Grace::Pending => return Plan::Wait,
            Grace::None => None,
            Grace::Seconds(seconds) => Some(seconds),
        };
        let finalizers = self.finalizers_of_deletion(&object, options);
        let changed = finalizers != metadata::finalizers(&object);
        metadata::set_finalizers(&mut object, finalizers.clone());
        let is_held = self.hooks.get().is_some_and(|hooks| hooks.holds(&object));
        if finalizers.is_empty() && !is_held {
            return match graceful {
                None if changed => Plan::Mark(object, true),
                None => Plan::Remove,
                Some(seconds) => Plan::Mark(object, seconds == 0),
            };
        }
        if graceful.is_none() {
            let is_marked = !metadata::text(&object, "deletionTimestamp").is_empty();
            if is_held && finalizers.is_empty() {
                if !is_marked {
                    metadata::set_deletion_time(&mut object, now);
                }
            } else {
                // Upstream's `markAsDeleting`.
                if !is_marked {
                    metadata::bump_generation(&mut object);
                    metadata::set_deletion_time(&mut object, now);
                }
                metadata::set_grace(&mut object, 0);
            }
        }
        if let Some(hooks) = self.hooks.get() {
            hooks.mark_deleted(&mut object);
        }
        Plan::Mark(object, false)
    }

    /// Upstream's `BeforeDelete`.
    fn grace(&self, object: &mut Value, options: &DeleteOptions, now: Timestamp) -> Grace {
        let requested = options
            .grace_period_seconds
            .map(|it| if it < 0 { 1 } else { it });
        let Graceful::After(seconds) = self.kind.rules.graceful_delete(object, requested) else {
            return Grace::None;
        };
        let at = metadata::text(object, "deletionTimestamp").parse::<Timestamp>();
        let Ok(at) = at else {
            let at = now + SignedDuration::from_secs(seconds);
            metadata::set_deletion_time(object, at);
            metadata::set_grace(object, seconds);
            metadata::bump_generation(object);
            return Grace::Seconds(seconds);
        };
        let pending = object["metadata"]["deletionGracePeriodSeconds"]
            .as_i64()
            .unwrap_or(0);
        if pending == 0 {
            return Grace::None;
        }
        // A grace period can only be made shorter.
        let Some(requested) = requested.filter(|seconds| *seconds < pending) else {
            return Grace::Pending;
        };
        let sooner = at + SignedDuration::from_secs(requested - pending);
        let is_over = sooner < now;
        let seconds = if is_over && requested != 0 {
            1
        } else {
            requested
        };
        metadata::set_deletion_time(object, if is_over { now } else { sooner });
        metadata::set_grace(object, seconds);
        Grace::Seconds(seconds)
    }

    fn finalizers_of_deletion(&self, object: &Value, options: &DeleteOptions) -> Vec<String> {
        let current = metadata::finalizers(object);
        if !self.is_garbage_collected() {
            return current;
        }
        let has = |finalizer: &str| current.iter().any(|it| it == finalizer);
        let policy = options.propagation_policy.as_deref();
        let (orphan, foreground) = match (options.orphan_dependents, policy) {
            (Some(orphan), _) => (orphan, false),
            (None, Some("Orphan")) => (true, false),
            (None, Some("Foreground")) => (false, true),
            (None, Some("Background")) => (false, false),
            _ if has(ORPHAN) => (true, false),
            _ if has(FOREGROUND) => (false, true),
            _ => (self.orphans_by_default(), false),
        };
        let mut wanted: Vec<String> = current
            .iter()
            .filter(|it| *it != ORPHAN && *it != FOREGROUND)
            .cloned()
            .collect();
        wanted.extend(orphan.then(|| ORPHAN.to_owned()));
        wanted.extend(foreground.then(|| FOREGROUND.to_owned()));
        let mut sorted = (wanted.clone(), current.clone());
        sorted.0.sort();
        sorted.1.sort();
        if sorted.0 == sorted.1 {
            current
        } else {
            wanted
        }
    }

    /// Events own nothing and are owned by nothing.
    fn is_garbage_collected(&self) -> bool {
        self.kind.plural != "events"
    }

    /// Kinds whose oldest versions left their dependents alone.
    fn orphans_by_default(&self) -> bool {
        matches!(self.kind.plural.as_str(), "replicationcontrollers" | "jobs")
    }

    fn check_delete_preconditions(
        &self,
        old: &Value,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<(), Status> {
        let (uid, version) = (
            metadata::text(old, "uid"),
            metadata::text(old, "resourceVersion"),
        );
        if let Some(wanted) = options.preconditions.uid.as_deref().filter(|it| *it != uid) {
            let text = format!(
                "the UID in the precondition ({wanted}) does not match the UID in record ({uid}). \
                 The object might have been deleted and then recreated"
            );
            return Err(status::conflict_of_kind(&self.kind, name, &text));
        }
        let wanted = options.preconditions.resource_version.as_deref();
        if let Some(wanted) = wanted.filter(|it| *it != version) {
            let text = format!(
                "the ResourceVersion in the precondition ({wanted}) does not match the \
                 ResourceVersion in record ({version}). The object might have been modified"
            );
            return Err(status::conflict_of_kind(&self.kind, name, &text));
        }
        Ok(())
    }
}

enum Grace {
    None,
    Pending,
    Seconds(i64),
}

enum Next {
    Done(Deleted),
    /// It is being deleted already, and nothing changes.
    Waiting(Arc<Entry>),
    Overtaken(Option<Arc<Entry>>),
}
