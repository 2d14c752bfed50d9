//! Where a test makes its clusters: a folder of its own, and a machine that must look as before.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use tempfile::TempDir;

use crate::machine::{Ours, Snapshot};
use crate::programs::programs;

/// The magic number that `statfs` answers for overlayfs, which cannot hold a cluster's state.
const OVERLAYFS: i64 = 0x794c_7630;

/// What looks like a trace is looked at again.
const LOOKS_MAX: usize = 5;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// Two tests at once would see each other's clusters.
static TURN: Mutex<()> = Mutex::new(());

pub(crate) struct Ground {
    folder: TempDir,
    is_mounted: bool,
    before: Snapshot,
    names: Vec<String>,
    _turn: MutexGuard<'static, ()>,
}

impl Ground {
    /// `None`, and a line that says why, where there can be no clusters.
    pub(crate) fn take(names: &[&str]) -> Option<Self> {
        if let Some(reason) = obstacle() {
            // Past the harness, which keeps what a test that passes prints.
            writeln!(std::io::stderr(), "skipped: {reason}").unwrap();
            return None;
        }
        // A test that failed has left its word already.
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        programs();
        let folder = tempfile::Builder::new()
            .prefix("e2e-")
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .unwrap();
        let kind = rustix::fs::statfs(folder.path()).unwrap().f_type;
        let is_mounted = kind == OVERLAYFS;
        if is_mounted {
            let flags = MountFlags::empty();
            mount("tmpfs", folder.path(), "tmpfs", flags, c"mode=755").unwrap();
        }
        std::fs::create_dir(folder.path().join("tmp")).unwrap();
        let mut ground = Self {
            folder,
            is_mounted,
            before: Snapshot::default(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            _turn: turn,
        };
        ground.before = Snapshot::take(&ground.ours());
        Some(ground)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.path("kubeconfig")
    }

    pub(crate) fn cluster(&self, name: &str) -> PathBuf {
        self.path("state/clusters").join(name)
    }

    /// The id of a node's first process.
    pub(crate) fn first_process(&self, cluster: &str, node: &str) -> u32 {
        let path = self.cluster(cluster).join("nodes").join(node).join("pid");
        std::fs::read_to_string(path).unwrap().parse().unwrap()
    }

    /// A command of the program under test.
    pub(crate) fn styr(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&programs().styr);
        command
            .args(words)
            .env("STYR_STATE", self.path("state"))
            .env("KUBECONFIG", self.kubeconfig())
            .env("TMPDIR", self.path("tmp"))
            .stdin(Stdio::null());
        command
    }

    /// Runs a command that has to succeed; answers what it printed.
    pub(crate) fn run(&self, words: &[&str]) -> String {
        let output = self.styr(words).output().unwrap();
        let said = said(&output);
        assert!(output.status.success(), "styr {words:?}: {said}");
        assert!(!said.contains("WARNING"), "styr {words:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that has to fail; answers what it said.
    pub(crate) fn refused(&self, words: &[&str]) -> String {
        let output = self.styr(words).output().unwrap();
        assert!(!output.status.success(), "styr {words:?} succeeded");
        said(&output)
    }

    /// Writes a configuration; answers the path as an argument.
    pub(crate) fn config(&self, text: &str) -> String {
        let path = self.path("cluster.yaml");
        let head = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n";
        std::fs::write(&path, format!("{head}{text}")).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Fails, with every difference, if the machine is not as it was when the test began.
    pub(crate) fn assert_unchanged(&self) {
        // Others make and remove things on this machine, too; what is ours stays.
        for _ in 0..LOOKS_MAX {
            if self.changes().is_empty() {
                break;
            }
            std::thread::park_timeout(BETWEEN_LOOKS);
        }
        let changes = self.changes();
        assert!(changes.is_empty(), "left behind:\n{}", changes.join("\n"));
        assert!(
            !self.path("state/clusters").exists(),
            "a cluster's folder is left"
        );
        let held = std::fs::read_dir(self.path("state/images/in-use"));
        let held = held.into_iter().flatten().count();
        assert_eq!(held, 0, "layers are held by containers that are gone");
        let drafts = std::fs::read_dir(self.path("tmp")).unwrap().count();
        assert_eq!(drafts, 0, "temporary files are left");
        let kubeconfig = std::fs::read_to_string(self.kubeconfig()).unwrap_or_default();
        assert!(
            !kubeconfig.contains("kind-e2e"),
            "left in the kubeconfig: {kubeconfig}"
        );
    }

    fn changes(&self) -> Vec<String> {
        Snapshot::take(&self.ours()).changes_since(&self.before)
    }

    /// That a cluster is there, by the name of its bridge.
    pub(crate) fn has_bridge(&self, name: &str) -> bool {
        Path::new("/sys/class/net")
            .join(format!("{}-0", self.prefix(name)))
            .exists()
    }

    /// As the names of links and tables of a cluster begin.
    fn prefix(&self, name: &str) -> String {
        format!("st{}", self.digits(name))
    }

    /// As they follow from the cluster's folder.
    fn digits(&self, name: &str) -> String {
        let mut hasher = DefaultHasher::new();
        self.cluster(name).hash(&mut hasher);
        format!("{:06x}", hasher.finish() & 0x00ff_ffff)
    }

    fn ours(&self) -> Ours {
        let names = self.names.iter();
        let groups = names.map(|name| format!("styr-{name}-{}", self.digits(name)));
        Ours {
            folder: self.folder.path().to_owned(),
            prefixes: self.names.iter().map(|name| self.prefix(name)).collect(),
            groups: groups.collect(),
        }
    }
}

impl Drop for Ground {
    /// Whatever a test that failed has left.
    fn drop(&mut self) {
        match self.styr(&["delete", "clusters", "--all"]).output() {
            Ok(output) if output.status.success() => {}
            Ok(output) => eprintln!("could not clean up: {}", said(&output)),
            Err(error) => eprintln!("could not clean up: {error}"),
        }
        if self.is_mounted {
            let unmounted = unmount(self.folder.path(), UnmountFlags::DETACH);
            if let Err(error) = unmounted {
                eprintln!("could not clean up: {error}");
            }
        }
    }
}

/// All that a command said.
pub(crate) fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// A port of the loopback that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// Why there can be no clusters here.
fn obstacle() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("clusters need root".to_owned());
    }
    let namespaces = Command::new("unshare")
        .args([
            "--mount", "--net", "--pid", "--uts", "--ipc", "--cgroup", "true",
        ])
        .output();
    match namespaces {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            return Some(format!(
                "no namespaces of one's own: {}",
                said(&output).trim()
            ));
        }
        Err(error) => return Some(format!("could not start unshare: {error}")),
    }
    let groups = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    if !groups.contains(" - cgroup") {
        return Some("no control groups are mounted".to_owned());
    }
    let flags = rustix::mount::FsOpenFlags::FSOPEN_CLOEXEC;
    let overlay = rustix::mount::fsopen("overlay", flags);
    overlay.err().map(|error| format!("no overlayfs: {error}"))
}
