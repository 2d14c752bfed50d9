//! Starts a cluster of two nodes: builds the static binary, then lets it create the cluster.

use std::process::Command;

use anyhow::Result;

use crate::command::{step, workspace};
use crate::{build, setup};

/// Creates the cluster and says what to try.
pub(crate) fn run() -> Result<()> {
    setup::run()?;
    let binary = build::static_binary()?;
    let config = workspace().join("examples/two-nodes.yaml");
    let mut create = Command::new(&binary);
    create
        .args(["create", "cluster", "--wait", "120s", "--config"])
        .arg(config);
    step("cluster", &mut create)?;
    println!("try: kubectl get nodes -o wide; kubectl get pods -A -o wide");
    println!("end: {} delete cluster", binary.display());
    Ok(())
}
