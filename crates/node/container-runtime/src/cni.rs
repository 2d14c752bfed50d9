//! Network plugins, run as CNI 1.1 says.
//!
//! See <https://www.cni.dev/docs/spec/>.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

/// A plugin that takes longer is ended.
const PATIENCE: Duration = Duration::from_secs(60);
const INTERFACE: &str = "eth0";

/// Where plugins and their configuration lie.
#[derive(Debug, Clone)]
pub(crate) struct Cni {
    pub(crate) configurations: PathBuf,
    pub(crate) programs: Vec<PathBuf>,
}

/// A pod, as plugins see it.
#[derive(Debug)]
pub(crate) struct Attachment<'a> {
    pub(crate) id: &'a str,
    pub(crate) network: &'a Path,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) uid: &'a str,
    pub(crate) port_mappings: Vec<Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    #[serde(default)]
    cni_version: String,
    name: String,
    plugins: Vec<Value>,
}

impl Cni {
    /// Why there is no network yet, if so.
    pub(crate) fn problem(&self) -> Option<String> {
        match self.list() {
            Ok(Some(_)) => None,
            Ok(None) => Some("cni plugin not initialized".to_owned()),
            Err(error) => Some(format!("{error:#}")),
        }
    }

    /// The first configuration by name, as everybody takes it.
    fn list(&self) -> anyhow::Result<Option<List>> {
        let mut files = Vec::new();
        match std::fs::read_dir(&self.configurations) {
            Ok(entries) => {
                for entry in entries {
                    files.push(entry?.path());
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).context("could not read the network configurations"),
        }
        let is_configuration = |path: &PathBuf| {
            let extension = path.extension().and_then(|extension| extension.to_str());
            matches!(extension, Some("conflist" | "conf" | "json"))
        };
        files.retain(is_configuration);
        files.sort();
        let Some(path) = files.first() else {
            return Ok(None);
        };
        let text = std::fs::read(path)?;
        let value: Value = serde_json::from_slice(&text)
            .with_context(|| format!("could not understand {}", path.display()))?;
        let value = if value.get("plugins").is_some() {
            value
        } else {
            let version = value.get("cniVersion").cloned().unwrap_or_default();
            json!({"cniVersion": version, "name": value.get("name"), "plugins": [value]})
        };
        let list = serde_json::from_value(value)
            .with_context(|| format!("could not understand {}", path.display()))?;
        Ok(Some(list))
    }

    /// Connects a pod: answers what the last plugin said.
    pub(crate) async fn add(&self, pod: &Attachment<'_>) -> anyhow::Result<Value> {
        let list = self.list()?.context("cni plugin not initialized")?;
        let mut result = Value::Null;
        for plugin in &list.plugins {
            let input = request(&list, plugin, pod, Some(&result));
            let output = self.run(plugin, "ADD", pod, &input).await?;
            result = serde_json::from_slice(&output).context("the plugin's answer is no JSON")?;
        }
        Ok(result)
    }

    /// Takes the connection away. Without a configuration there is nothing that could be.
    pub(crate) async fn delete(
        &self,
        pod: &Attachment<'_>,
        result: Option<&Value>,
    ) -> anyhow::Result<()> {
        let Some(list) = self.list()? else {
            return Ok(());
        };
        for plugin in list.plugins.iter().rev() {
            let input = request(&list, plugin, pod, result);
            self.run(plugin, "DEL", pod, &input).await?;
        }
        Ok(())
    }

    async fn run(
        &self,
        plugin: &Value,
        command: &str,
        pod: &Attachment<'_>,
        input: &Value,
    ) -> anyhow::Result<Vec<u8>> {
        let kind = plugin
            .get("type")
            .and_then(Value::as_str)
            .context("a plugin without a type")?;
        if kind.contains('/') {
            bail!("{kind:?} is no name of a plugin");
        }
        let candidates = self.programs.iter().map(|folder| folder.join(kind));
        let program = candidates
            .clone()
            .find(|path| path.exists())
            .with_context(|| {
                format!("failed to find plugin {kind:?} in path {:?}", self.programs)
            })?;
        let search: Vec<_> = self
            .programs
            .iter()
            .map(|path| path.to_string_lossy())
            .collect();
        let arguments = format!(
            "IgnoreUnknown=1;K8S_POD_NAMESPACE={};K8S_POD_NAME={};K8S_POD_INFRA_CONTAINER_ID={};K8S_POD_UID={}",
            pod.namespace, pod.name, pod.id, pod.uid
        );
        let mut child = tokio::process::Command::new(&program)
            .env("CNI_COMMAND", command)
            .env("CNI_CONTAINERID", pod.id)
            .env("CNI_NETNS", pod.network)
            .env("CNI_IFNAME", INTERFACE)
            .env("CNI_ARGS", arguments)
            .env("CNI_PATH", search.join(":"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("could not run {}", program.display()))?;
        let input = serde_json::to_vec(input)?;
        if let Some(mut stdin) = child.stdin.take()
            && let Err(error) = stdin.write_all(&input).await
        {
            // A plugin may fail without having read; then its answer says why.
            tracing::debug!(%error, "a plugin did not read its configuration");
        }
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output())
            .await
            .with_context(|| format!("plugin {kind} did not end in {PATIENCE:?}"))??;
        if !output.status.success() {
            bail!(
                "plugin type={kind:?} failed ({}): {}",
                command.to_lowercase(),
                failure(&output)
            );
        }
        Ok(output.stdout)
    }
}

/// Plugins say what went wrong on standard output, as JSON.
fn failure(output: &std::process::Output) -> String {
    let said: Option<BTreeMap<String, Value>> = serde_json::from_slice(&output.stdout).ok();
    let text = |key: &str| {
        let value = said
            .as_ref()
            .and_then(|said| said.get(key))
            .and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let message = [text("msg"), text("details")];
    let message: Vec<_> = message
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect();
    if !message.is_empty() {
        return message.join(": ");
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    format!("{} {}", output.status, stderr.trim())
}

/// A plugin's own configuration, completed.
fn request(list: &List, plugin: &Value, pod: &Attachment<'_>, previous: Option<&Value>) -> Value {
    let mut input = plugin.clone();
    let Some(fields) = input.as_object_mut() else {
        return input;
    };
    let version = if list.cni_version.is_empty() {
        "0.4.0"
    } else {
        &list.cni_version
    };
    fields.insert("cniVersion".to_owned(), json!(version));
    fields.insert("name".to_owned(), json!(list.name));
    if let Some(previous) = previous.filter(|previous| !previous.is_null()) {
        fields.insert("prevResult".to_owned(), previous.clone());
    }
    let capabilities = fields.remove("capabilities").unwrap_or_default();
    let can = |name: &str| capabilities.get(name).and_then(Value::as_bool) == Some(true);
    if can("portMappings") && !pod.port_mappings.is_empty() {
        fields.insert(
            "runtimeConfig".to_owned(),
            json!({"portMappings": pod.port_mappings}),
        );
    }
    input
}

/// Addresses of the pod's own interface in a result.
pub(crate) fn addresses(result: &Value) -> Vec<String> {
    let interfaces = result.get("interfaces").and_then(Value::as_array);
    let in_pod = |address: &Value| {
        let Some(index) = address.get("interface").and_then(Value::as_u64) else {
            return true;
        };
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let interface = interfaces.and_then(|interfaces| interfaces.get(index));
        interface.is_none_or(|interface| {
            interface
                .get("sandbox")
                .and_then(Value::as_str)
                .is_some_and(|path| !path.is_empty())
        })
    };
    let ips = result
        .get("ips")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    ips.filter(|address| in_pod(address))
        .filter_map(|address| address.get("address").and_then(Value::as_str))
        .map(|address| address.split('/').next().unwrap_or(address).to_owned())
        .collect()
}

#[cfg(test)]
mod tests;
