//! The command line and `config.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::Deserialize;

/// Stands for the nodes that have no entry of their own.
const OTHERS: &str = "DEFAULT_PATH_FOR_NON_LISTED_NODES";

/// What the command line says.
#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) config: PathBuf,
    /// Where helper pods run, and the ConfigMap is.
    pub(crate) namespace: String,
    pub(crate) provisioner: String,
    pub(crate) config_map: String,
    /// Instead of the account of the pod that we run in.
    pub(crate) kubeconfig: Option<PathBuf>,
    pub(crate) is_verbose: bool,
}

impl Options {
    /// Reads `[--debug] start --config FILE ...`; `namespace` is where we run.
    pub fn parse(args: &[String], namespace: Option<String>) -> anyhow::Result<Self> {
        let mut values = BTreeMap::new();
        let mut is_verbose = false;
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            if matches!(arg.as_str(), "--debug" | "-d") {
                is_verbose = true;
                continue;
            }
            let Some(flag) = arg.strip_prefix("--") else {
                if arg != "start" {
                    bail!("there is no command {arg:?}, only `start`");
                }
                continue;
            };
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, value.to_owned()),
                None => {
                    let value = args.next();
                    (
                        flag,
                        value
                            .with_context(|| format!("--{flag} lacks a value"))?
                            .clone(),
                    )
                }
            };
            if !FLAGS.contains(&name) {
                bail!("there is no flag --{name}");
            }
            values.insert(name.to_owned(), value);
        }
        let mut take = |name: &str| values.remove(name).filter(|value| !value.is_empty());
        let or = |value: Option<String>, default: &str| value.unwrap_or_else(|| default.to_owned());
        Ok(Self {
            config: take("config").context("--config is required")?.into(),
            namespace: or(take("namespace").or(namespace), "local-path-storage"),
            provisioner: or(take("provisioner-name"), "rancher.io/local-path"),
            config_map: or(take("configmap-name"), "local-path-config"),
            kubeconfig: take("kubeconfig").map(PathBuf::from),
            is_verbose,
        })
    }

    /// The template of helper pods, which lies beside the configuration.
    pub(crate) fn template(&self) -> PathBuf {
        self.config.with_file_name("helperPod.yaml")
    }
}

const FLAGS: &[&str] = &[
    "config",
    "configmap-name",
    "kubeconfig",
    "namespace",
    "provisioner-name",
];

/// `config.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct File {
    node_path_map: Vec<NodePaths>,
    cmd_timeout_seconds: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NodePaths {
    node: String,
    paths: Vec<PathBuf>,
}

/// How long a helper pod may take, unless the file says otherwise; upstream's value.
const TIMEOUT_SECONDS: u64 = 120;

impl File {
    /// Reads it anew each time: a mounted ConfigMap changes under us.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let attempted = || format!("could not read configuration {}", path.display());
        let text = std::fs::read_to_string(path).with_context(attempted)?;
        Self::parse(&text).with_context(attempted)
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        Ok(serde_json::from_str(text)?)
    }

    /// Where a node keeps its volumes.
    pub(crate) fn directory(&self, node: &str) -> anyhow::Result<&Path> {
        let of = |name: &str| self.node_path_map.iter().find(|entry| entry.node == name);
        let entry = of(node).or_else(|| of(OTHERS));
        let entry = entry.with_context(|| format!("config.json has no paths for node {node}"))?;
        let path = entry.paths.first();
        let path = path.with_context(|| format!("config.json lets node {node} have no volumes"))?;
        if !path.is_absolute() || path.parent().is_none() {
            bail!(
                "config.json gives node {node} the path {}, which is not absolute or is /",
                path.display()
            );
        }
        Ok(path)
    }

    /// How long a helper pod may take.
    pub(crate) fn timeout(&self) -> std::time::Duration {
        let seconds = self.cmd_timeout_seconds.filter(|seconds| *seconds > 0);
        std::time::Duration::from_secs(seconds.unwrap_or(TIMEOUT_SECONDS))
    }
}

#[cfg(test)]
mod tests;
