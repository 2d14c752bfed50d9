//! The pod that makes or removes a directory on its node.

use std::time::Duration;

use anyhow::Context as _;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use serde_json::{Value, json};
use styr_client::{Error, Key, Scope};

use crate::config::{File, Options};
use crate::context::Context;

/// Which pods are ours.
const LABEL: &str = "local-path-provisioner/helper";
/// Whom a helper pod works for: `create NAMESPACE/CLAIM` or `delete VOLUME`.
const FOR_CLAIM: &str = "local-path-provisioner/claim";
const FOR_VOLUME: &str = "local-path-provisioner/volume";
/// Programs of this image need no shell.
const OWN_IMAGE: &str = "localhost/styr:";

/// What a helper pod does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Create,
    Delete,
}

impl Action {
    fn verb(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Delete => "delete",
        }
    }

    fn script(self) -> &'static str {
        match self {
            Self::Create => "setup",
            Self::Delete => "teardown",
        }
    }
}

/// A directory, and whose it is.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) action: Action,
    /// The volume's name.
    pub(crate) volume: String,
    /// The claim's key, when one is served.
    pub(crate) claim: Option<Key>,
    pub(crate) node: String,
    pub(crate) directory: String,
    pub(crate) mode: String,
    pub(crate) bytes: i64,
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Look again when the pod changes, at the latest after this time.
    Running(Duration),
    Done,
}

/// All helper pods of a namespace.
pub(crate) fn scope(namespace: &str) -> Scope {
    Scope::namespace(namespace).labels(LABEL)
}

/// The claim that a helper pod serves.
pub(crate) fn claim(pod: &Pod) -> Option<Key> {
    let claim = pod.metadata.annotations.as_ref()?.get(FOR_CLAIM)?;
    let (namespace, name) = claim.split_once('/')?;
    Some(Key::new(namespace, name))
}

/// The volume that a helper pod removes.
pub(crate) fn volume(pod: &Pod) -> Option<Key> {
    let volume = pod.metadata.annotations.as_ref()?.get(FOR_VOLUME)?;
    Some(Key::cluster(volume))
}

/// Removes the helper pods that worked for somebody. To be called only when the outcome is in the
/// caches: a job without pod begins anew.
pub(crate) async fn clear(
    context: &Context,
    whose: impl Fn(&Pod) -> Option<Key>,
    key: &Key,
) -> anyhow::Result<()> {
    for pod in context.helpers.list() {
        if whose(&pod).as_ref() == Some(key) {
            delete(context, &Key::of(&*pod).name).await?;
        }
    }
    Ok(())
}

async fn delete(context: &Context, name: &str) -> anyhow::Result<()> {
    let options = DeleteOptions {
        grace_period_seconds: Some(0),
        ..DeleteOptions::default()
    };
    let namespace = &context.options.namespace;
    let deleted = context
        .client
        .delete::<Pod>(namespace, name, &options)
        .await;
    Error::unless_not_found(deleted)?;
    Ok(())
}

impl Job {
    fn name(&self) -> String {
        format!("helper-pod-{}-{}", self.action.verb(), self.volume)
    }

    /// Starts the job, or looks how far it is. An error means that it was tried and is to be tried
    /// again.
    pub(crate) async fn advance(&self, context: &Context) -> anyhow::Result<Progress> {
        let timeout = File::read(&context.options.config)?.timeout();
        let namespace = &context.options.namespace;
        let name = self.name();
        let Some(pod) = context.helpers.get(Some(namespace), &name) else {
            let template = context.options.template();
            let text = std::fs::read_to_string(&template);
            let text = text.with_context(|| format!("could not read {}", template.display()))?;
            let pod = self.pod(&context.options, &text)?;
            match context.client.create(&pod).await {
                Err(error) if error.is_already_exists() => {}
                created => drop(created?),
            }
            return Ok(Progress::Running(timeout));
        };
        let status = pod.status.as_ref();
        let phase = status.and_then(|status| status.phase.as_deref());
        if phase == Some("Succeeded") {
            return Ok(Progress::Done);
        }
        let created = pod.metadata.creation_timestamp.as_ref();
        let age = created.map(|created| context.clock.now().duration_since(created.0));
        let age = age
            .and_then(|age| Duration::try_from(age).ok())
            .unwrap_or_default();
        if phase != Some("Failed") && age < timeout {
            return Ok(Progress::Running(timeout - age));
        }
        self.finish(context).await?;
        let script = self.action.script();
        let how = if phase == Some("Failed") {
            "failed"
        } else {
            "took too long"
        };
        anyhow::bail!("{script} of {} on node {} {how}", self.directory, self.node)
    }

    async fn finish(&self, context: &Context) -> anyhow::Result<()> {
        delete(context, &self.name()).await
    }

    /// The template, with all that this job adds.
    fn pod(&self, options: &Options, template: &str) -> anyhow::Result<Pod> {
        let mut tree: Value =
            serde_saphyr::from_str(template).context("helperPod.yaml is no YAML")?;
        let container = tree.pointer_mut("/spec/containers/0");
        let container = container.context("helperPod.yaml has no container")?;
        self.fill(container);
        merge(&mut tree["spec"]["volumes"], self.volumes(options));
        let tolerations = json!([{ "operator": "Exists" }]);
        merge(&mut tree["spec"]["tolerations"], tolerations);
        tree["spec"]["nodeName"] = json!(self.node);
        tree["spec"]["restartPolicy"] = json!("Never");
        tree["spec"]["automountServiceAccountToken"] = json!(false);
        tree["metadata"]["name"] = json!(self.name());
        tree["metadata"]["namespace"] = json!(options.namespace);
        tree["metadata"]["labels"][LABEL] = json!(self.action.verb());
        let (key, value) = match &self.claim {
            Some(claim) => (FOR_CLAIM, claim.to_string()),
            None => (FOR_VOLUME, self.volume.clone()),
        };
        tree["metadata"]["annotations"][key] = json!(value);
        serde_json::from_value(tree).context("helperPod.yaml is no pod")
    }

    fn parent(&self) -> &str {
        self.directory
            .rsplit_once('/')
            .map_or("/", |(parent, _)| parent)
    }

    fn fill(&self, container: &mut Value) {
        let script = self.action.script();
        let image = container["image"].as_str().unwrap_or_default();
        let is_ours = image.starts_with(OWN_IMAGE);
        let has_command = container["command"].is_array();
        if is_ours {
            container["command"] = json!(["styr", crate::HELPER_NAME, script]);
        } else {
            if !has_command {
                container["command"] = json!(["/bin/sh", format!("/script/{script}")]);
            }
            container["args"] = json!([
                "-p",
                self.directory,
                "-s",
                self.bytes.to_string(),
                "-m",
                self.mode,
                "-a",
                self.action.verb(),
            ]);
            let mount = json!([{ "name": "script", "mountPath": "/script" }]);
            merge(&mut container["volumeMounts"], mount);
        }
        let parent = self.parent();
        let mount = json!([{ "name": "data", "mountPath": parent }]);
        merge(&mut container["volumeMounts"], mount);
        let environment = json!([
            { "name": "VOL_DIR", "value": self.directory },
            { "name": "VOL_MODE", "value": self.mode },
            { "name": "VOL_SIZE_BYTES", "value": self.bytes.to_string() },
        ]);
        merge(&mut container["env"], environment);
    }

    fn volumes(&self, options: &Options) -> Value {
        let items = ["setup", "teardown"].map(|key| json!({ "key": key, "path": key }));
        let script = json!({ "name": options.config_map, "items": items });
        let data = json!({ "path": self.parent(), "type": "DirectoryOrCreate" });
        json!([
            { "name": "script", "configMap": script },
            { "name": "data", "hostPath": data },
        ])
    }
}

/// Adds to a list that may not be there.
fn merge(list: &mut Value, more: Value) {
    let mut all = list.take().as_array().cloned().unwrap_or_default();
    if let Value::Array(more) = more {
        all.extend(more);
    }
    *list = Value::Array(all);
}

#[cfg(test)]
mod tests;
