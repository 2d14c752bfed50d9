//! Runs upstream's own conformance suite, unmodified, against a cluster of two nodes.
//!
//! The suite, `kubectl` and the images come from folders beside the project (`ORACLE_DIR`,
//! `--images`); this program makes the cluster, shares the specs out among processes, and writes
//! what each gave into `docs/reference/conformance.md`. A spec runs once: there are no retries.

mod causes;
mod report;
mod specs;
mod suite;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::command::{is_root, target, workspace};
use crate::oracle::{self, Oracle};
use crate::testbed::Testbed;
use crate::{build, generate};

/// Which specs, and on what.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Runs the specs whose name matches
    #[arg(long, value_name = "REGEX")]
    focus: Option<String>,
    /// Runs the specs of a file, one name a line [default: the first ones, as the facts name them]
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
    /// Runs every conformance spec
    #[arg(long, conflicts_with = "list")]
    all: bool,
    /// Processes of the suite at a time
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=16))]
    processes: u16,
    /// Folder of image archives [default: `k8s-images` in the user's cache]
    #[arg(long, value_name = "FOLDER")]
    images: Option<PathBuf>,
    /// Uses this binary instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Leaves the cluster running
    #[arg(long)]
    keep: bool,
    /// Writes the report here
    #[arg(
        long,
        value_name = "FILE",
        default_value = "docs/reference/conformance.md"
    )]
    report: PathBuf,
}

/// Creates the cluster, runs the specs on it, deletes it, writes the report.
pub(crate) fn run(options: &Options) -> Result<()> {
    if !is_root() {
        bail!("creating a cluster needs root: run as root");
    }
    let oracle = Oracle::find()?;
    let Some(facts) = generate::facts(&workspace()) else {
        bail!("the names of the specs are with the facts: name their folder in STYR_FACTS");
    };
    let all = specs::known(&facts)?;
    let chosen = specs::choose(&all, &facts, options)?;
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => build::static_binary()?,
    };
    let folder = target().join("conformance");
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("could not empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    let cluster = Testbed::create("conformance", &binary, &folder)?;
    let archives = options.images.clone().unwrap_or_else(oracle::images);
    let outcome = cluster.load(&archives).and_then(|()| {
        suite::run(
            &oracle,
            &cluster.kubeconfig,
            &folder,
            &chosen,
            options.processes,
        )
    });
    if options.keep {
        println!(
            "the cluster stays: KUBECONFIG={}",
            cluster.kubeconfig.display()
        );
    } else {
        cluster.delete()?;
    }
    let outcome = outcome?;
    report::write(&workspace().join(&options.report), &outcome)?;
    println!(
        "{} of {} specs passed in {:.0} s; logs: {}; report: {}",
        outcome.passed(),
        outcome.results.len(),
        outcome.seconds,
        folder.display(),
        options.report.display()
    );
    Ok(())
}
