//! Requests to our API server and store, beside the real ones, in turn.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::apibench;
use super::report::Row;
use super::scenario::{PAIRS, Scenario, compare};
use crate::command::{step, workspace};

const LOOK_AGAIN: Duration = Duration::from_millis(20);
const START_TRIES_MAX: usize = 500;

const SCENARIOS: &[Scenario] = &[
    Scenario {
        what: "create, 16 workers",
        args: &["create", "--workers", "16", "--count", "2000"],
        figure: "requests_per_s",
        unit: "per s",
        more_is_better: true,
    },
    Scenario {
        what: "get, 16 workers",
        args: &["get", "--workers", "16"],
        figure: "requests_per_s",
        unit: "per s",
        more_is_better: true,
    },
    Scenario {
        what: "update, 16 workers",
        args: &["update", "--workers", "16"],
        figure: "requests_per_s",
        unit: "per s",
        more_is_better: true,
    },
    Scenario {
        what: "list 10,000 objects in protobuf, p50",
        args: &["list", "--requests", "20"],
        figure: "full_p50_ms",
        unit: "ms",
        more_is_better: false,
    },
    Scenario {
        what: "list 10,000 objects in JSON, p50",
        args: &["--encoding", "json", "list", "--requests", "20"],
        figure: "full_p50_ms",
        unit: "ms",
        more_is_better: false,
    },
    Scenario {
        what: "list 10,000 objects in pages of 500, p50",
        args: &["list", "--requests", "20"],
        figure: "paged_p50_ms",
        unit: "ms",
        more_is_better: false,
    },
    Scenario {
        what: "events to 100 watchers",
        args: &["watch-fanout"],
        figure: "events_per_s",
        unit: "per s",
        more_is_better: true,
    },
];

/// Adds a row for each scenario, or a word that there is nothing to compare with.
pub(super) fn measure(binary: &Path, folder: &Path, rows: &mut Vec<Row>) -> Result<()> {
    let script = scripts().join("control-plane");
    if !script.exists() || apibench::program().is_none() {
        println!("==> requests: skipped: no oracle");
        return Ok(());
    }
    let ours = Ours::start(binary, &folder.join("requests"))?;
    let real = folder.join("real");
    let mut up = Command::new(&script);
    // Its controller manager ends namespaces, as ours does; without it each scenario waits for that.
    let parts = "etcd,kube-apiserver,kube-controller-manager";
    up.args(["up", "--only", parts, "--dir"]).arg(&real);
    step("the real API server", &mut up)?;
    let theirs = real.join("admin.kubeconfig");
    let outcome = compare(SCENARIOS, (&ours.kubeconfig, &theirs), PAIRS, rows);
    let mut down = Command::new(&script);
    step("end it", down.args(["down", "--dir"]).arg(&real))?;
    outcome
}

/// Where the scripts are that run the real components.
pub(super) fn scripts() -> PathBuf {
    let beside = || workspace().join("../shared/oracle");
    std::env::var_os("STYR_ORACLE").map_or_else(beside, PathBuf::from)
}

/// `styr api`; it ends with this.
struct Ours {
    child: Child,
    kubeconfig: PathBuf,
}

impl Ours {
    #[expect(clippy::disallowed_methods, reason = "waits for a process of its own")]
    fn start(binary: &Path, folder: &Path) -> Result<Self> {
        let child = Command::new(binary)
            .args(["api", "--dir"])
            .arg(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("could not start the API")?;
        let kubeconfig = folder.join("kubeconfig");
        let ours = Self { child, kubeconfig };
        for _ in 0..START_TRIES_MAX {
            if ours.kubeconfig.exists() {
                return Ok(ours);
            }
            thread::sleep(LOOK_AGAIN);
        }
        bail!("`styr api` does not get ready");
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
