//! Measures what `docs/status.md` says of speed and size, and writes `docs/reference/benchmarks.md`.
//!
//! A figure of ours alone is taken of a cluster of two nodes that this task makes. Where the real
//! components are built (`ORACLE_DIR`, and their scripts in `STYR_ORACLE`), requests are measured
//! on both servers in turn, so that the ratio holds although the machine's speed changes.

mod apibench;
mod idle;
mod report;
mod requests;
mod scenario;
mod start;
mod store;
mod workloads;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::build;
use crate::command::{is_root, target, workspace};
use crate::oracle;
use crate::testbed::Testbed;
use report::Row;

/// What to measure, and with what.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Uses this binary instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Folder of image archives [default: `k8s-images` in the user's cache]
    #[arg(long, value_name = "FOLDER")]
    images: Option<PathBuf>,
    /// Seconds for which idling is measured
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=3600))]
    idle_seconds: u64,
    /// Writes the report here
    #[arg(
        long,
        value_name = "FILE",
        default_value = "docs/reference/benchmarks.md"
    )]
    report: PathBuf,
}

/// Measures all, one thing after the other, and writes the report.
pub(crate) fn run(options: &Options) -> Result<()> {
    if !is_root() {
        bail!("creating a cluster needs root: run as root");
    }
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => build::static_binary()?,
    };
    let folder = target().join("bench");
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("could not empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    let mut rows = vec![Row::size(&binary)?];
    rows.extend(start::measure(&binary, &folder)?);
    let testbed = Testbed::create("bench", &binary, &folder)?;
    let outcome = on_cluster(&testbed, options, &mut rows);
    testbed.delete()?;
    outcome?;
    requests::measure(&binary, &folder, &mut rows)?;
    store::measure(&binary, &folder.join("store"), &mut rows)?;
    workloads::measure(&binary, &folder.join("workloads"), &mut rows)?;
    let text = report::text(&rows);
    print!("{text}");
    let file = workspace().join(&options.report);
    fs::write(&file, text).with_context(|| format!("could not write {}", file.display()))
}

fn on_cluster(testbed: &Testbed, options: &Options, rows: &mut Vec<Row>) -> Result<()> {
    rows.extend(idle::measure("bench", options.idle_seconds)?);
    let archives = options.images.clone().unwrap_or_else(oracle::images);
    if !archives.exists() || apibench::program().is_none() {
        println!("==> pods: skipped: no oracle");
        return Ok(());
    }
    testbed.load(&archives)?;
    for (what, workers) in [("one by one", "1"), ("20 at once", "20")] {
        let args = [
            "pod-start",
            "--workers",
            workers,
            "--image",
            apibench::PAUSE,
        ];
        let figures = apibench::run(&testbed.kubeconfig, &args)?;
        rows.extend(figures.pods(what));
    }
    Ok(())
}
