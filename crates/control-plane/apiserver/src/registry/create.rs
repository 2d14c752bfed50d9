//! Creating an object: names, system fields, rules, admission, and one compare-and-swap.

use std::sync::Arc;

use serde_json::Value;
use styr_api::Context;
use styr_meta::Status;
use styr_store::StoreError;

use super::call::{Call, Subject, Undo};
use super::entry::Entry;
use super::{Registry, metadata};
use crate::attributes::Operation;
use crate::status;

/// Names that are tried for one `generateName`, as upstream does.
const NAMES_MAX: usize = 8;

impl Registry {
    /// Creates an object, given in the stored version.
    pub async fn create(&self, call: &mut Call<'_>, object: Value) -> Result<Arc<Entry>, Status> {
        let generates = metadata::text(&object, "name").is_empty()
            && !metadata::text(&object, "generateName").is_empty();
        if !generates {
            return self.create_once(call, object).await;
        }
        let mut tried = 1;
        loop {
            let mut named = object.clone();
            metadata::generate_name(&mut named);
            match self.create_once(call, named).await {
                Err(refused) if status::is_already_exists(&refused) && tried < NAMES_MAX => {
                    tried += 1;
                }
                Err(refused) if status::is_already_exists(&refused) => {
                    return Err(status::generated_name_conflict(&self.kind, &refused));
                }
                answer => return answer,
            }
        }
    }

    async fn create_once(
        &self,
        call: &mut Call<'_>,
        mut object: Value,
    ) -> Result<Arc<Entry>, Status> {
        let name = metadata::text(&object, "name").to_owned();
        self.manage(call, None, &mut object);
        let revision = metadata::text(&object, "resourceVersion").parse::<u64>();
        let is_old = revision.is_ok_and(|revision| revision > 0);
        let subject = Subject {
            operation: Operation::Create,
            kind: &self.kind,
            subresource: "",
            name: &name,
        };
        call.admit(&subject, Some(&mut object), None).await?;
        let undo = self.prepare_create(call, &mut object).await?;
        let name = metadata::text(&object, "name").to_owned();
        let subject = Subject {
            name: &name,
            ..subject
        };
        call.validate(&subject, Some(&mut object), None).await?;
        if is_old {
            // The store says so upstream, in an error that has no reason.
            let text = "resourceVersion should not be set on objects to be created";
            return Err(Status::failure(500, "", text));
        }
        let entry = self.store_new(call, object).await?;
        if !call.dry_run {
            undo.commit();
        }
        Ok(entry)
    }

    /// Everything between the two rounds of admission.
    pub(super) async fn prepare_create(
        &self,
        call: &mut Call<'_>,
        object: &mut Value,
    ) -> Result<Undo, Status> {
        let now = self.clock.now();
        metadata::initialize(object, now);
        self.set_type(object);
        let undo = match self.hooks.get() {
            Some(hooks) => hooks.before_create(object, call.dry_run).await?,
            None => Undo::nothing(),
        };
        let context = context(call, now);
        let requester = styr_api::Requester {
            name: call.user.name.clone(),
            uid: call.user.uid.clone(),
            groups: call.user.groups.clone(),
            extra: call.user.extra.clone(),
        };
        self.kind.rules.set_requester(object, &requester);
        let managers = metadata::take_managers(object);
        self.kind.rules.prepare_create(object, &context);
        metadata::put_managers(object, managers);
        let mut problems = metadata::validate_create(&self.kind, object);
        problems.extend(self.kind.rules.validate(object, &context));
        if !problems.is_empty() {
            let name = metadata::text(object, "name");
            return Err(status::invalid(&self.kind, name, problems));
        }
        call.warnings
            .extend(self.kind.rules.warnings(object, None, &context));
        Ok(undo)
    }

    /// Stores what has been prepared.
    pub(super) async fn store_new(
        &self,
        call: &Call<'_>,
        mut object: Value,
    ) -> Result<Arc<Entry>, Status> {
        let name = metadata::text(&object, "name").to_owned();
        let key = self.key(call.namespace, &name);
        let json = self.encode(&mut object);
        if call.dry_run {
            if self
                .find(call.namespace, &name, super::read::At::Latest)
                .await?
                .is_some()
            {
                return Err(status::already_exists(&self.kind, &name));
            }
            return Ok(entry(&key, json, 0));
        }
        let lease = self.lease().await?;
        let stored = self
            .store
            .create(self.store_key(&key), json.clone(), lease)
            .await;
        match stored {
            Ok(revision) => Ok(entry(&key, json, revision)),
            Err(StoreError::Exists) => Err(status::already_exists(&self.kind, &name)),
            Err(error) => Err(Self::unavailable(&error)),
        }
    }

    pub(super) async fn lease(&self) -> Result<i64, Status> {
        match &self.leases {
            None => Ok(0),
            Some(leases) => {
                let lease = leases.take(&*self.store, &self.clock).await;
                lease.map_err(|error| Self::unavailable(&error))
            }
        }
    }
}

pub(super) fn entry(key: &str, json: bytes::Bytes, revision: i64) -> Arc<Entry> {
    Arc::new(Entry::new(key, json, revision).expect("encoded from a validated object"))
}

pub(super) fn context(_call: &Call<'_>, now: jiff::Timestamp) -> Context {
    Context { now }
}
