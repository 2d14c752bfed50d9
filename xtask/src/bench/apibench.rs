//! The oracle's client, which measures one scenario and prints its figures as JSON.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::report::Row;
use crate::oracle;

/// The image of pods that do nothing.
pub(super) const PAUSE: &str = "registry.k8s.io/pause:3.10.2";

/// What a run gave, by name.
#[derive(Debug)]
pub(super) struct Figures(Value);

impl Figures {
    /// A figure; a run that lacks it gives nothing to compare.
    pub(super) fn get(&self, name: &str) -> Option<f64> {
        self.0[name].as_f64()
    }

    /// The rows of pods that were started.
    pub(super) fn pods(&self, what: &str) -> Vec<Row> {
        let members = self.0.as_object().into_iter().flatten();
        let times = members.filter(|(name, _)| name.ends_with("p50_ms"));
        times
            .map(|(name, value)| {
                let name = name.trim_end_matches("_p50_ms").replace('_', " ");
                let what = format!("pod: {name}, {what}, p50");
                Row::ours(&what, value.as_f64().unwrap_or_default(), "ms")
            })
            .collect()
    }
}

/// The program, if it is built.
pub(super) fn program() -> Option<PathBuf> {
    Some(oracle::folder().join("apibench")).filter(|path| path.exists())
}

/// Runs a scenario against a server.
pub(super) fn run(kubeconfig: &Path, args: &[&str]) -> Result<Figures> {
    let program = program().context("apibench is not built")?;
    println!("==> {}", args.join(" "));
    let output = Command::new(program)
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .args(["--encoding", "protobuf"])
        .args(args)
        .output()
        .context("could not start apibench")?;
    if !output.status.success() {
        bail!("apibench: {}", String::from_utf8_lossy(&output.stderr));
    }
    let answer: Value = serde_json::from_slice(&output.stdout).context("apibench prints JSON")?;
    Ok(Figures(answer["figures"].clone()))
}
