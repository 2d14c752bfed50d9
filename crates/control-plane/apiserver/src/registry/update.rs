//! Updating an object: upstream's `GuaranteedUpdate`.
//!
//! The change is applied to the object as it is, and anew to the object as it has become if
//! somebody else was quicker; the store's compare-and-swap decides.

use std::sync::Arc;

use serde_json::Value;
use styr_meta::Status;
use styr_schema::managed;
use styr_store::StoreError;

use super::call::{Aspect, Call, Preconditions, Subject, Undo};
use super::create::{context, entry};
use super::entry::Entry;
use super::read::At;
use super::{Registry, metadata};
use crate::attributes::Operation;
use crate::status;

/// Tries of one update before the writer is told of the conflict.
const TRIES_MAX: usize = 200;

/// What an update came to.
#[derive(Debug)]
pub struct Updated {
    pub entry: Arc<Entry>,
    /// The update removed the last thing that kept a deleted object.
    pub deleted: bool,
}

/// Which object, and under which conditions.
#[derive(Debug)]
pub struct Target<'a> {
    pub name: &'a str,
    pub aspect: Aspect,
    pub preconditions: Preconditions,
}

impl Registry {
    /// Applies `change` to the object of that name. `change` gets the object as it is, with its
    /// resourceVersion.
    pub async fn update<F>(
        &self,
        call: &mut Call<'_>,
        target: &Target<'_>,
        mut change: F,
    ) -> Result<Updated, Status>
    where
        F: FnMut(&Value) -> Result<Value, Status> + Send,
    {
        // The cache may be behind: what goes wrong by its word is tried again by the store's. A dry
        // run has no compare-and-swap to tell it.
        let mut is_fresh = call.dry_run;
        let at = if is_fresh { At::Latest } else { At::Any };
        let mut current = self.find(call.namespace, target.name, at).await?;
        let warnings = call.warnings.len();
        for _ in 0..TRIES_MAX {
            let outcome = match &current {
                None if !is_fresh => Ok(Step::Unsure),
                None => return Err(status::not_found(&self.kind, target.name)),
                Some(existing) => self.update_once(call, target, existing, &mut change).await,
            };
            match outcome {
                Ok(Step::Done(updated)) => return Ok(updated),
                Ok(Step::Same(entry)) if is_fresh => return Ok(Updated::of(entry)),
                Ok(Step::Overtaken(now)) => {
                    current = now;
                    is_fresh = true;
                    continue;
                }
                Err(refused) if is_fresh => return Err(refused),
                Ok(Step::Same(_) | Step::Unsure) | Err(_) => {}
            }
            call.warnings.truncate(warnings);
            current = self.find(call.namespace, target.name, At::Latest).await?;
            is_fresh = true;
        }
        Err(status::conflict(&self.kind, target.name, status::MODIFIED))
    }

    async fn update_once<F>(
        &self,
        call: &mut Call<'_>,
        target: &Target<'_>,
        existing: &Arc<Entry>,
        change: &mut F,
    ) -> Result<Step, Status>
    where
        F: FnMut(&Value) -> Result<Value, Status> + Send,
    {
        let old = existing.value();
        self.check_preconditions(&old, target)?;
        let mut new = change(&old)?;
        self.set_type(&mut new);
        self.manage(call, Some(&old), &mut new);
        let subject = Subject {
            operation: Operation::Update,
            kind: &self.kind,
            subresource: target.aspect.subresource(),
            name: target.name,
        };
        call.admit(&subject, Some(&mut new), Some(&old)).await?;
        self.check_version(&mut new, &old, target.name)?;
        let undo = self.prepare_update(call, target, &mut new, &old).await?;
        call.validate(&subject, Some(&mut new), Some(&old)).await?;
        let is_held = self.hooks.get().is_some_and(|hooks| hooks.holds(&new));
        if metadata::is_to_be_removed(&new, &old) && !is_held {
            return self.remove_updated(call, target.name, existing, new).await;
        }
        managed::keep_times(&old, &mut new);
        let step = self.store_changed(call, existing, new).await?;
        if matches!(step, Step::Done(_)) && !call.dry_run {
            undo.commit();
        }
        Ok(step)
    }

    async fn prepare_update(
        &self,
        call: &mut Call<'_>,
        target: &Target<'_>,
        new: &mut Value,
        old: &Value,
    ) -> Result<Undo, Status> {
        let context = context(call, self.clock.now());
        let rules = self.kind.rules;
        let undo = match (self.hooks.get(), target.aspect) {
            (Some(hooks), Aspect::Main) => hooks.before_update(new, old, call.dry_run).await?,
            _ => Undo::nothing(),
        };
        let managers = metadata::take_managers(new);
        metadata::keep_generation(new, old);
        match target.aspect {
            Aspect::Main => rules.prepare_update(new, old, &context),
            Aspect::Status => rules.prepare_status_update(new, old, &context),
            Aspect::Part(part) => (part.prepare)(new, old, &context),
        }
        metadata::keep_system_fields(new, old);
        metadata::put_managers(new, managers);
        let mut problems = metadata::validate_update(&self.kind, new, old);
        problems.extend(match target.aspect {
            Aspect::Main => rules.validate_update(new, old, &context),
            Aspect::Status => rules.validate_status_update(new, old, &context),
            Aspect::Part(part) => (part.validate)(new, old, &context),
        });
        if !problems.is_empty() {
            return Err(status::invalid(&self.kind, target.name, problems));
        }
        if matches!(target.aspect, Aspect::Main) {
            call.warnings
                .extend(rules.warnings(new, Some(old), &context));
        }
        Ok(undo)
    }

    async fn store_changed(
        &self,
        call: &Call<'_>,
        existing: &Arc<Entry>,
        mut new: Value,
    ) -> Result<Step, Status> {
        let json = self.encode(&mut new);
        if json == *existing.stored() {
            return Ok(Step::Same(Arc::clone(existing)));
        }
        if call.dry_run {
            return Ok(Step::Done(Updated::of(entry(
                existing.key(),
                json,
                existing.revision(),
            ))));
        }
        let key = self.store_key(existing.key());
        let lease = self.lease().await?;
        match self
            .store
            .update(key, json.clone(), existing.revision(), lease)
            .await
        {
            Ok(revision) => Ok(Step::Done(Updated::of(entry(
                existing.key(),
                json,
                revision,
            )))),
            Err(error) => self.overtaken(existing.key(), error).map(Step::Overtaken),
        }
    }

    /// The last finalizer has gone from an object that waits for nothing else.
    async fn remove_updated(
        &self,
        call: &Call<'_>,
        name: &str,
        existing: &Arc<Entry>,
        mut new: Value,
    ) -> Result<Step, Status> {
        let json = self.encode(&mut new);
        let gone = |revision| Updated {
            entry: entry(existing.key(), json, revision),
            deleted: true,
        };
        if call.dry_run {
            return Ok(Step::Done(gone(existing.revision())));
        }
        tracing::debug!(
            name,
            resource = self.kind.plural,
            "removing after its last finalizer"
        );
        match self
            .store
            .delete(self.store_key(existing.key()), existing.revision())
            .await
        {
            Ok(_) => {
                self.after_delete(&new).await;
                // Upstream answers with the revision before the deletion.
                Ok(Step::Done(gone(existing.revision())))
            }
            Err(error) => self.overtaken(existing.key(), error).map(Step::Overtaken),
        }
    }

    /// What the object is now, if the store refused because it had changed.
    pub(super) fn overtaken(
        &self,
        key: &str,
        error: StoreError,
    ) -> Result<Option<Arc<Entry>>, Status> {
        match error {
            StoreError::Conflict { current: None } => Ok(None),
            StoreError::Conflict {
                current: Some(stored),
            } => self
                .read_stored(key, &stored.value, stored.mod_revision)
                .map(|entry| Some(Arc::new(entry)))
                .map_err(|error| status::internal(&error.to_string())),
            error => Err(Self::unavailable(&error)),
        }
    }

    fn check_preconditions(&self, old: &Value, target: &Target<'_>) -> Result<(), Status> {
        let uid = metadata::text(old, "uid");
        let version = metadata::text(old, "resourceVersion");
        let text = match &target.preconditions {
            Preconditions {
                uid: Some(wanted), ..
            } if wanted != uid => format!(
                "Precondition failed: UID in precondition: {wanted}, UID in object meta: {uid}"
            ),
            Preconditions {
                resource_version: Some(wanted),
                ..
            } if wanted != version => format!(
                "Precondition failed: ResourceVersion in precondition: {wanted}, \
                 ResourceVersion in object meta: {version}"
            ),
            _ => return Ok(()),
        };
        let key = self.store_key(&object_key(old));
        let key = String::from_utf8_lossy(&key);
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, \
             AdditionalErrorMsg: {text}"
        );
        Err(status::conflict(&self.kind, target.name, &why))
    }

    fn check_version(&self, new: &mut Value, old: &Value, name: &str) -> Result<(), Status> {
        let wanted = metadata::text(new, "resourceVersion");
        if wanted.is_empty() || wanted == "0" {
            if self.kind.rules.allow_unconditional_update() {
                let current = metadata::text(old, "resourceVersion");
                styr_meta::object::set_resource_version(new, current);
                return Ok(());
            }
            return Err(status::version_required(&self.kind, name));
        }
        if wanted.parse::<u64>().is_err() {
            return Err(status::plain(format!(
                "strconv.ParseUint: parsing {wanted:?}: invalid syntax"
            )));
        }
        if wanted != metadata::text(old, "resourceVersion") {
            return Err(status::conflict(&self.kind, name, status::MODIFIED));
        }
        Ok(())
    }
}

fn object_key(object: &Value) -> String {
    match metadata::text(object, "namespace") {
        "" => metadata::text(object, "name").to_owned(),
        namespace => format!("{namespace}/{}", metadata::text(object, "name")),
    }
}

enum Step {
    Done(Updated),
    /// Nothing would change.
    Same(Arc<Entry>),
    /// Somebody was quicker; the object as it is now.
    Overtaken(Option<Arc<Entry>>),
    /// The cache does not know the object.
    Unsure,
}

impl Updated {
    fn of(entry: Arc<Entry>) -> Self {
        Self {
            entry,
            deleted: false,
        }
    }
}
