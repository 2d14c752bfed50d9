//! Requests to our store and to the real one, in turn, by etcd's own benchmark.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::report::Row;
use super::scenario::{PAIRS, in_turn, row};
use crate::oracle;

const LOOK_AGAIN: Duration = Duration::from_millis(20);
const START_TRIES_MAX: usize = 500;

/// What is asked of the store, and the benchmark's words for it. Ranges read what puts wrote.
const WORKLOADS: &[(&str, &str)] = &[
    (
        "etcd put of 256 B, 1 client",
        "put --clients 1 --total 2000 --sequential-keys --val-size 256 --key-space-size 100000",
    ),
    (
        "etcd put of 256 B, 100 clients",
        "put --clients 100 --conns 100 --total 30000 --sequential-keys --val-size 256 \
         --key-space-size 100000",
    ),
    (
        "etcd put of 256 B, 1,000 clients",
        "put --clients 1000 --conns 100 --total 60000 --sequential-keys --val-size 256 \
         --key-space-size 100000",
    ),
    (
        "etcd txn of 4 puts, 100 clients",
        "txn-put --clients 100 --conns 100 --total 20000 --txn-ops 4 --val-size 256 \
         --key-space-size 100000",
    ),
    (
        "etcd range of one key, 100 clients",
        "range foo --clients 100 --conns 100 --total 30000",
    ),
];

/// Adds a row for each workload, or a word that there is nothing to compare with.
pub(super) fn measure(binary: &Path, folder: &Path, rows: &mut Vec<Row>) -> Result<()> {
    let (real, benchmark) = (
        oracle::folder().join("etcd"),
        oracle::folder().join("etcd-benchmark"),
    );
    if !real.exists() || !benchmark.exists() {
        println!("==> store: skipped: no oracle");
        return Ok(());
    }
    let mut own = Command::new(binary);
    own.arg("etcd");
    let ours = Store::start(own, &folder.join("ours"))?;
    let theirs = Store::start(Command::new(real), &folder.join("real"))?;
    for (what, words) in WORKLOADS {
        println!("==> {what}");
        let ask = |store: &Store| requests(&benchmark, &store.endpoint, words);
        let pairs = in_turn(PAIRS, || ask(&ours), || ask(&theirs))?;
        rows.push(row(what, "per s", true, &pairs));
    }
    Ok(())
}

/// Runs a workload, and answers its requests per second.
fn requests(benchmark: &Path, endpoint: &str, words: &str) -> Result<f64> {
    let output = Command::new(benchmark)
        .args(["--endpoints", endpoint, "--precise"])
        .args(words.split_whitespace())
        .output()
        .context("could not start etcd's benchmark")?;
    if !output.status.success() {
        bail!(
            "etcd's benchmark of {endpoint}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let figure = text.lines().rev().find_map(|line| {
        let (_, figure) = line.split_once("Requests/sec:")?;
        figure.trim().parse().ok()
    });
    figure.context("etcd's benchmark printed no requests per second")
}

/// A store that listens on loopback; it ends with this.
struct Store {
    child: Child,
    endpoint: String,
}

impl Store {
    #[expect(clippy::disallowed_methods, reason = "waits for a process of its own")]
    fn start(mut program: Command, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("could not make {}", folder.display()))?;
        let [clients, peers] = [free_address()?, free_address()?];
        let flag = |name: &str, url: &str| format!("--{name}=http://{url}");
        let child = program
            .arg("--data-dir")
            .arg(folder)
            .arg(flag("listen-client-urls", &clients))
            .arg(flag("advertise-client-urls", &clients))
            .arg(flag("listen-peer-urls", &peers))
            .arg(flag("initial-advertise-peer-urls", &peers))
            .arg(format!("--initial-cluster=default=http://{peers}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("could not start the store")?;
        let store = Self {
            child,
            endpoint: clients,
        };
        for _ in 0..START_TRIES_MAX {
            if std::net::TcpStream::connect(&store.endpoint).is_ok() {
                return Ok(store);
            }
            thread::sleep(LOOK_AGAIN);
        }
        bail!("the store at {} does not get ready", store.endpoint);
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// An address nobody listens at, at least for now.
fn free_address() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").context("could not find a free port")?;
    Ok(listener.local_addr()?.to_string())
}
