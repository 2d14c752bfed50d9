//! `KubeSchedulerConfiguration`: what it says and can be heeded; the rest is refused by name.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::Value;

/// What a file says; nothing, if it leaves it to the defaults.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) kubeconfig: Option<PathBuf>,
    pub(super) leader_elect: Option<bool>,
    pub(super) names: Vec<String>,
}

/// Fields that may stand there, by what they are part of.
const KNOWN: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "apiVersion",
            "kind",
            "clientConnection",
            "leaderElection",
            "profiles",
            // These say how fast, not what.
            "parallelism",
            "percentageOfNodesToScore",
            "enableProfiling",
            "enableContentionProfiling",
        ],
    ),
    ("/profiles", &["schedulerName", "percentageOfNodesToScore"]),
];

pub(super) fn read(path: &Path) -> anyhow::Result<File> {
    let attempted = || format!("could not read scheduler configuration {}", path.display());
    let text = std::fs::read_to_string(path).with_context(attempted)?;
    parse(&text).with_context(attempted)
}

fn parse(text: &str) -> anyhow::Result<File> {
    let tree: Value = serde_saphyr::from_str(text)?;
    let kind = (tree["apiVersion"].as_str(), tree["kind"].as_str());
    if kind
        != (
            Some("kubescheduler.config.k8s.io/v1"),
            Some("KubeSchedulerConfiguration"),
        )
    {
        bail!("it is no KubeSchedulerConfiguration of kubescheduler.config.k8s.io/v1");
    }
    check(&tree, "")?;
    let mut file = File {
        leader_elect: tree["leaderElection"]["leaderElect"].as_bool(),
        ..File::default()
    };
    let kubeconfig = tree["clientConnection"]["kubeconfig"].as_str();
    file.kubeconfig = kubeconfig
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    for profile in tree["profiles"].as_array().into_iter().flatten() {
        check(profile, "/profiles")?;
        let name = profile["schedulerName"].as_str();
        file.names.push(name.unwrap_or(super::DEFAULT).to_owned());
    }
    Ok(file)
}

fn check(tree: &Value, place: &str) -> anyhow::Result<()> {
    let known = KNOWN.iter().find(|(known, _)| *known == place);
    let known = known.map_or(&[][..], |(_, fields)| fields);
    for (field, value) in tree.as_object().into_iter().flatten() {
        if !known.contains(&field.as_str()) && !value.is_null() {
            bail!("field {place}/{field} is not implemented");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
