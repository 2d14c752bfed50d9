//! From the command to readiness: a cluster of two nodes, and the API alone.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use super::report::Row;
use crate::testbed::Testbed;

const CLUSTERS: usize = 5;
const SERVERS: usize = 11;

/// Starts each several times; the rows hold the medians.
pub(super) fn measure(binary: &Path, folder: &Path) -> Result<Vec<Row>> {
    let (mut create, mut delete) = (Vec::new(), Vec::new());
    for _ in 0..CLUSTERS {
        let started = now();
        let testbed = Testbed::create("bench", binary, folder)?;
        create.push(started.elapsed().as_secs_f64());
        let started = now();
        testbed.delete()?;
        delete.push(started.elapsed().as_secs_f64());
    }
    let mut api = Vec::new();
    for _ in 0..SERVERS {
        api.push(server(binary, &folder.join("api"))?);
    }
    Ok(vec![
        Row::ours(
            "two nodes and all system pods ready, from nothing",
            median(create),
            "s",
        ),
        Row::ours("the cluster deleted", median(delete), "s"),
        Row::ours("`styr api` ready, from nothing", median(api) * 1e3, "ms"),
    ])
}

/// Seconds until `styr api` says where its kubeconfig is, which it does when it is ready.
fn server(binary: &Path, folder: &Path) -> Result<f64> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).context("could not empty the folder of the API")?;
    }
    let started = now();
    let mut child = Command::new(binary)
        .args(["api", "--dir"])
        .arg(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("could not start the API")?;
    let mut line = String::new();
    let out = child.stdout.take().context("the output is a pipe")?;
    let read = BufReader::new(out).read_line(&mut line);
    let seconds = started.elapsed().as_secs_f64();
    child.kill().context("could not end the API")?;
    child.wait().context("could not wait for the API")?;
    if read.context("could not read the API's output")? == 0 {
        bail!("`styr api` ended before it was ready");
    }
    Ok(seconds)
}

/// The middle of some figures.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "this measures time")]
fn now() -> Instant {
    Instant::now()
}
