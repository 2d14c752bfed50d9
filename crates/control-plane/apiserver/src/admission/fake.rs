//! Objects in memory, and requests that plugins judge in tests.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use styr_base::{SharedClock, SteppedClock};
use styr_meta::Status;

use super::{Make, Parts, select};
use crate::attributes::{AdmissionAttributes, Authorizer, Operation, User};
use crate::config::Config;
use crate::objects::{Objects, Observer};

/// Objects, each with its resource.
#[derive(Debug, Default)]
pub(super) struct FakeObjects(pub(super) Vec<(&'static str, Value)>);

impl FakeObjects {
    fn all(&self, resource: &str) -> impl Iterator<Item = &Value> {
        self.0
            .iter()
            .filter(move |(known, _)| *known == resource)
            .map(|(_, object)| object)
    }
}

#[async_trait]
impl Objects for FakeObjects {
    fn get(
        &self,
        _: &str,
        resource: &str,
        namespace: Option<&str>,
        name: &str,
    ) -> Option<Arc<Value>> {
        let is_it = |object: &&Value| {
            object["metadata"]["name"] == name
                && object["metadata"]["namespace"].as_str() == namespace
        };
        self.all(resource).find(is_it).cloned().map(Arc::new)
    }

    async fn get_latest(
        &self,
        group: &str,
        resource: &str,
        namespace: Option<&str>,
        name: &str,
    ) -> Option<Arc<Value>> {
        self.get(group, resource, namespace, name)
    }

    fn list(&self, _: &str, resource: &str, _: Option<&str>) -> Vec<Arc<Value>> {
        self.all(resource).cloned().map(Arc::new).collect()
    }

    fn subscribe(&self, _: &str, _: &str, _: Observer) {}

    fn is_ready(&self) -> bool {
        true
    }
}

/// A write that a test lets one plugin judge.
#[derive(Debug)]
pub(super) struct Write<'a> {
    pub(super) plugin: &'static str,
    pub(super) objects: Vec<(&'static str, Value)>,
    pub(super) user: &'a str,
    pub(super) operation: Operation,
    /// Group, resource and subresource.
    pub(super) resource: (&'static str, &'static str, &'static str),
    pub(super) object: Value,
    pub(super) old: Option<Value>,
}

impl Default for Write<'_> {
    fn default() -> Self {
        Self {
            plugin: "",
            objects: Vec::new(),
            user: "jane",
            operation: Operation::Create,
            resource: ("", "pods", ""),
            object: Value::Null,
            old: None,
        }
    }
}

impl Write<'_> {
    /// What the plugin makes of the object.
    pub(super) async fn outcome(self) -> Result<Value, Status> {
        let (group, plural, subresource) = self.resource;
        let kind = styr_api::table()
            .iter()
            .find(|kind| kind.group == group && kind.plural == plural)
            .expect("tests are about kinds of the table");
        let objects: Arc<dyn Objects> = Arc::new(FakeObjects(self.objects));
        let clock: SharedClock = SteppedClock::shared();
        let authorizers: &[Arc<dyn Authorizer>] = &[];
        let parts = Parts {
            config: &Config::default(),
            objects: &objects,
            authorizers,
            clock: &clock,
        };
        let plugin = make(self.plugin)(&parts);
        let mut groups = vec!["system:authenticated".to_owned()];
        if self.user.starts_with("system:node:") {
            groups.push("system:nodes".to_owned());
        }
        let user = User {
            name: self.user.to_owned(),
            groups,
            ..User::default()
        };
        let mut object = self.object;
        let about = self.old.clone().unwrap_or_else(|| object.clone());
        let (namespace, name) = (text(&about, "namespace"), text(&about, "name"));
        let mut attributes = AdmissionAttributes {
            user: &user,
            operation: self.operation,
            kind,
            subresource,
            namespace: &namespace,
            name: &name,
            object: (self.operation != Operation::Delete).then_some(&mut object),
            old_object: self.old.as_ref(),
            dry_run: false,
            warnings: &mut Vec::new(),
        };
        if plugin.handles(self.operation) {
            plugin.admit(&mut attributes).await?;
            plugin.validate(&attributes).await?;
        }
        Ok(object)
    }

    /// Why the plugin refuses.
    pub(super) async fn refusal(self) -> String {
        let refused = self
            .outcome()
            .await
            .expect_err("the plugin should refuse this");
        refused.message
    }
}

fn make(name: &str) -> Make {
    let selected = select(&[name.to_owned()], &[]).expect("the plugin is in the table");
    let found = selected.into_iter().find(|(known, _)| *known == name);
    found.expect("it was asked for").1
}

fn text(object: &Value, field: &str) -> String {
    object["metadata"][field]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}
