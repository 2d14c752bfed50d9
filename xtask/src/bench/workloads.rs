//! Whole control planes, ours and the real one, on nodes that nobody is behind: how fast pods get
//! nodes, and how fast a namespace goes.
//!
//! The real controller manager and scheduler ration their requests, so they are measured twice: as
//! they come, and without.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::apibench;
use super::report::Row;
use super::requests::scripts;
use super::scenario::{Scenario, compare};
use crate::command::step;

/// The real ones need half a minute for some of these.
const PAIRS: usize = 1;
/// More requests in a second than any of them sends.
const NO_LIMIT: &str = "5000";
const PROGRAMS: [&str; 4] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
];

const AS_SHIPPED: &[Scenario] = &[
    Scenario {
        what: "1,000 pods bound on 100 nodes, as shipped",
        args: &["pods", "--count", "1000", "--nodes", "100"],
        figure: "pods_per_s",
        unit: "per s",
        more_is_better: true,
    },
    Scenario {
        what: "a Deployment of 500 pods bound, as shipped",
        args: &["deployment", "--replicas", "500", "--nodes", "100"],
        figure: "bound_s",
        unit: "s",
        more_is_better: false,
    },
    Scenario {
        what: "a namespace with 1,000 objects deleted, as shipped",
        args: &["namespace-delete", "--count", "1000"],
        figure: "gone_s",
        unit: "s",
        more_is_better: false,
    },
];

const WITHOUT_LIMITS: &[Scenario] = &[
    Scenario {
        what: "5,000 pods bound on 1,000 nodes, no request limits",
        args: &["pods", "--count", "5000", "--nodes", "1000"],
        figure: "pods_per_s",
        unit: "per s",
        more_is_better: true,
    },
    Scenario {
        what: "1,000 pods bound, each on a node of its own, no request limits",
        args: &["pods", "--nodes", "1000", "--kind", "anti-affinity"],
        figure: "pods_per_s",
        unit: "per s",
        more_is_better: true,
    },
    Scenario {
        what: "1,000 pods bound, spread over nodes and zones, no request limits",
        args: &["pods", "--nodes", "1000", "--kind", "spread"],
        figure: "pods_per_s",
        unit: "per s",
        more_is_better: true,
    },
];

/// Adds a row for each scenario, or a word that there is nothing to compare with.
pub(super) fn measure(binary: &Path, folder: &Path, rows: &mut Vec<Row>) -> Result<()> {
    if !scripts().join("control-plane").exists() || apibench::program().is_none() {
        println!("==> workloads: skipped: no oracle");
        return Ok(());
    }
    let programs = folder.join("programs");
    link(binary, &programs)?;
    let programs = programs.to_string_lossy().into_owned();
    let ours = Plane::start("ours", folder, &["--with", &programs])?;
    for (scenarios, limits) in [
        (AS_SHIPPED, &[][..]),
        (WITHOUT_LIMITS, &["--client-qps", NO_LIMIT]),
    ] {
        let real = Plane::start("real", folder, limits)?;
        let sides = (ours.kubeconfig(), real.kubeconfig());
        compare(scenarios, (&sides.0, &sides.1), PAIRS, rows)?;
    }
    Ok(())
}

/// Gives our program the names of the real ones.
fn link(binary: &Path, programs: &Path) -> Result<()> {
    let attempted = || format!("could not link programs in {}", programs.display());
    std::fs::create_dir_all(programs).with_context(attempted)?;
    let binary = std::path::absolute(binary).with_context(attempted)?;
    for name in PROGRAMS {
        symlink(&binary, programs.join(name)).with_context(attempted)?;
    }
    Ok(())
}

/// A control plane; it ends with this.
struct Plane {
    folder: PathBuf,
}

impl Plane {
    fn start(name: &str, folder: &Path, options: &[&str]) -> Result<Self> {
        let plane = Self {
            folder: folder.join(name),
        };
        let mut up = plane.script("up");
        step(&format!("the control plane: {name}"), up.args(options))?;
        Ok(plane)
    }

    fn script(&self, action: &str) -> Command {
        let mut command = Command::new(scripts().join("control-plane"));
        command.args([action, "--dir"]).arg(&self.folder);
        command
    }

    fn kubeconfig(&self) -> PathBuf {
        self.folder.join("admin.kubeconfig")
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        // What is wrong with it has been told already.
        step("end it", &mut self.script("down")).ok();
    }
}
