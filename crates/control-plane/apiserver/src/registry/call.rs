//! Who writes, how, and what else has its say.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use styr_api::{Context, Kind};
use styr_meta::{FieldError, Status};

use crate::attributes::{Admission, AdmissionAttributes, Operation, User};

/// One write, from whoever asked for it to the warnings that it is answered with.
#[derive(Debug)]
pub struct Call<'a> {
    pub user: &'a User,
    /// The plugins that judge it, in order; none for the server's own writes.
    pub admission: &'a [Arc<dyn Admission>],
    pub namespace: &'a str,
    pub dry_run: bool,
    /// Who comes to own what it changes, where handlers have not seen to that.
    pub manager: Option<&'static str>,
    pub warnings: Vec<String>,
}

/// What the server calls itself as a manager of fields.
const SERVER: &str = "kube-apiserver";

impl<'a> Call<'a> {
    /// A write of the server on its own account.
    pub fn of_server(user: &'a User, namespace: &'a str) -> Self {
        Self {
            manager: Some(SERVER),
            ..Self::internal(user, namespace)
        }
    }

    /// A write of the server itself, which nobody judges.
    pub fn internal(user: &'a User, namespace: &'a str) -> Self {
        Self {
            user,
            admission: &[],
            namespace,
            dry_run: false,
            manager: None,
            warnings: Vec::new(),
        }
    }
}

/// What a write must find.
#[derive(Debug, Clone, Default)]
pub struct Preconditions {
    pub uid: Option<String>,
    pub resource_version: Option<String>,
}

/// Which part of an object an update is about: it decides what is kept and what is checked.
#[derive(Debug, Clone, Copy)]
pub enum Aspect {
    Main,
    Status,
    /// Another subresource, with its own rules.
    Part(&'static Part),
}

/// The rules of a subresource that writes a part of its object.
#[derive(Debug)]
pub struct Part {
    pub name: &'static str,
    pub prepare: fn(&mut Value, &Value, &Context),
    pub validate: fn(&Value, &Value, &Context) -> Vec<FieldError>,
}

impl Aspect {
    pub fn subresource(self) -> &'static str {
        match self {
            Self::Main => "",
            Self::Status => "status",
            Self::Part(part) => part.name,
        }
    }
}

/// What happens beside a write of a resource: allocation of addresses and the like.
#[async_trait]
pub trait Hooks: Send + Sync + Debug {
    /// Before a new object is prepared and validated. May fill in what it allocates.
    async fn before_create(&self, _object: &mut Value, _dry_run: bool) -> Result<Undo, Status> {
        Ok(Undo::nothing())
    }
    /// Before an update is prepared and validated.
    async fn before_update(
        &self,
        _object: &mut Value,
        _old: &Value,
        _dry_run: bool,
    ) -> Result<Undo, Status> {
        Ok(Undo::nothing())
    }
    /// After an object has gone.
    async fn after_delete(&self, _object: &Value) {}
    /// Whether something other than `metadata.finalizers` keeps a deleted object.
    fn holds(&self, _object: &Value) -> bool {
        false
    }
    /// Called at the start with each object that is stored.
    fn loaded(&self, _object: &Value) {}
    /// An object that is kept is marked as deleted.
    fn mark_deleted(&self, _object: &mut Value) {}
}

/// Takes an allocation back when it is dropped before the write was stored.
#[must_use]
pub struct Undo {
    undo: Option<Box<dyn FnOnce() + Send>>,
    commit: Option<Box<dyn FnOnce() + Send>>,
}

impl Undo {
    pub fn nothing() -> Self {
        Self {
            undo: None,
            commit: None,
        }
    }

    pub fn new(undo: impl FnOnce() + Send + 'static) -> Self {
        Self {
            undo: Some(Box::new(undo)),
            commit: None,
        }
    }

    /// What is to be done only once the write is stored.
    pub fn and_on_commit(mut self, commit: impl FnOnce() + Send + 'static) -> Self {
        self.commit = Some(Box::new(commit));
        self
    }

    /// The write is stored.
    pub fn commit(mut self) {
        self.undo = None;
        if let Some(commit) = self.commit.take() {
            commit();
        }
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        if let Some(undo) = self.undo.take() {
            undo();
        }
    }
}

impl Debug for Undo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Undo").finish_non_exhaustive()
    }
}

/// What admission is asked about.
#[derive(Debug)]
pub struct Subject<'a> {
    pub operation: Operation,
    pub kind: &'a Arc<Kind>,
    pub subresource: &'a str,
    pub name: &'a str,
}

impl Call<'_> {
    /// Lets the plugins change the object.
    pub async fn admit(
        &mut self,
        subject: &Subject<'_>,
        object: Option<&mut Value>,
        old_object: Option<&Value>,
    ) -> Result<(), Status> {
        if self.admission.is_empty() {
            return Ok(());
        }
        let (admission, mut attributes) = self.attributes(subject, object, old_object);
        for plugin in admission.iter().filter(|it| it.handles(subject.operation)) {
            plugin.admit(&mut attributes).await?;
        }
        Ok(())
    }

    /// Lets the plugins refuse.
    pub async fn validate(
        &mut self,
        subject: &Subject<'_>,
        object: Option<&mut Value>,
        old_object: Option<&Value>,
    ) -> Result<(), Status> {
        if self.admission.is_empty() {
            return Ok(());
        }
        let (admission, attributes) = self.attributes(subject, object, old_object);
        for plugin in admission.iter().filter(|it| it.handles(subject.operation)) {
            plugin.validate(&attributes).await?;
        }
        Ok(())
    }

    fn attributes<'b>(
        &'b mut self,
        subject: &'b Subject<'_>,
        object: Option<&'b mut Value>,
        old_object: Option<&'b Value>,
    ) -> (&'b [Arc<dyn Admission>], AdmissionAttributes<'b>) {
        let attributes = AdmissionAttributes {
            user: self.user,
            operation: subject.operation,
            kind: subject.kind,
            subresource: subject.subresource,
            namespace: self.namespace,
            name: subject.name,
            object,
            old_object,
            dry_run: self.dry_run,
            warnings: &mut self.warnings,
        };
        (self.admission, attributes)
    }
}
