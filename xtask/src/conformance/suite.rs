//! Starts the suite's processes and reads what they report.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::specs::{Spec, share};
use crate::oracle::Oracle;

/// Longest that one process may take.
const TIME_MAX: &str = "2h";

/// What became of one spec.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) spec: Spec,
    pub(super) passed: bool,
    pub(super) seconds: f64,
    /// What the suite says of a failure.
    pub(super) message: String,
}

/// What became of all of them.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) results: Vec<Done>,
    pub(super) processes: u16,
    pub(super) seconds: f64,
}

impl Outcome {
    /// How many passed.
    pub(super) fn passed(&self) -> usize {
        self.results.iter().filter(|done| done.passed).count()
    }
}

/// Runs the specs, those that bear company first.
#[expect(clippy::disallowed_methods, reason = "shows how long the run took")]
pub(super) fn run(
    oracle: &Oracle,
    kubeconfig: &Path,
    folder: &Path,
    specs: &[Spec],
    processes: u16,
) -> Result<Outcome> {
    println!("==> {} specs, {processes} processes", specs.len());
    let started = Instant::now();
    let (shares, serial) = share(specs, processes);
    let mut reports = Vec::new();
    let mut running = Vec::new();
    for (number, share) in shares.iter().enumerate().filter(|(_, it)| !it.is_empty()) {
        let name = format!("process-{number}");
        running.push(start(oracle, kubeconfig, folder, &name, share)?);
        reports.push(name);
    }
    for mut child in running {
        // It fails when a spec does; the report says which.
        child.wait().context("could not wait for the suite")?;
    }
    if !serial.is_empty() {
        let name = "serial".to_owned();
        start(oracle, kubeconfig, folder, &name, &serial)?.wait()?;
        reports.push(name);
    }
    let mut found = BTreeMap::new();
    for name in reports {
        read(&folder.join(format!("{name}.json")), &mut found)?;
    }
    Ok(Outcome {
        results: specs.iter().map(|spec| done(spec, &found)).collect(),
        processes,
        seconds: started.elapsed().as_secs_f64(),
    })
}

fn start(
    oracle: &Oracle,
    kubeconfig: &Path,
    folder: &Path,
    name: &str,
    specs: &[Spec],
) -> Result<Child> {
    let log = folder.join(format!("{name}.log"));
    let out = File::create(&log).with_context(|| format!("could not make {}", log.display()))?;
    let names: Vec<_> = specs.iter().map(|spec| regex::escape(&spec.name)).collect();
    let mut command = Command::new(&oracle.suite);
    command
        .args([
            "--provider=local",
            "--num-nodes=2",
            "--disable-log-dump=true",
        ])
        .args(["--ginkgo.no-color", "--ginkgo.v"])
        .arg(format!("--ginkgo.timeout={TIME_MAX}"))
        .arg(format!("--ginkgo.focus={}", names.join("|")))
        .arg(format!(
            "--ginkgo.json-report={}",
            folder.join(format!("{name}.json")).display()
        ))
        .arg(format!("--kubeconfig={}", kubeconfig.display()))
        .arg(format!("--kubectl-path={}", oracle.kubectl.display()))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(out.try_clone().context("could not share the log")?)
        .stderr(out);
    command
        .spawn()
        .with_context(|| format!("could not start {}", oracle.suite.display()))
}

/// Adds every spec of a report: its name, and what is said of it.
fn read(path: &Path, found: &mut BTreeMap<String, Value>) -> Result<()> {
    let text = fs::read(path).with_context(|| {
        format!(
            "the suite left no {}: see the log beside it",
            path.display()
        )
    })?;
    let report: Value = serde_json::from_slice(&text)
        .with_context(|| format!("could not parse {}", path.display()))?;
    let suites = report.as_array().into_iter().flatten();
    for spec in suites.flat_map(|suite| suite["SpecReports"].as_array().into_iter().flatten()) {
        if spec["LeafNodeType"] == "It" && spec["State"] != "skipped" {
            found.insert(full_name(spec), spec.clone());
        }
        if spec["LeafNodeType"] != "It" && spec["State"] == "failed" {
            bail!("the suite could not begin: {}", spec["Failure"]["Message"]);
        }
    }
    Ok(())
}

fn full_name(spec: &Value) -> String {
    let containers = spec["ContainerHierarchyTexts"]
        .as_array()
        .into_iter()
        .flatten();
    let mut parts: Vec<_> = containers.filter_map(Value::as_str).collect();
    parts.push(spec["LeafNodeText"].as_str().unwrap_or_default());
    parts.join(" ")
}

fn done(spec: &Spec, found: &BTreeMap<String, Value>) -> Done {
    let Some(report) = found.get(&spec.name) else {
        return Done {
            spec: spec.clone(),
            passed: false,
            seconds: 0.0,
            message: "did not run".to_owned(),
        };
    };
    let message = report["Failure"]["Message"].as_str().unwrap_or_default();
    Done {
        spec: spec.clone(),
        passed: report["State"] == "passed",
        seconds: report["RunTime"].as_f64().unwrap_or_default() / 1e9,
        message: message.to_owned(),
    }
}
