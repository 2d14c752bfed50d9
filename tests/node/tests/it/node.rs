//! A node out of a kubelet and a runtime, each ours or the real one, with static pods only.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use styr_base::{Clock as _, SystemClock};
use styr_test_support::oracle;

use crate::{image, sandbox};

/// Far more than any of this takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// What is seen only by looking is looked at this often.
const STEP: Duration = Duration::from_millis(50);

/// Where a component comes from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Ours,
    Real(PathBuf),
}

impl Source {
    /// The real program, if it is built.
    pub(crate) fn real(name: &str) -> Option<Self> {
        oracle::binary(name).map(Self::Real)
    }
}

#[derive(Debug)]
pub(crate) struct Node {
    folder: PathBuf,
    kubelet: (Source, Option<Child>),
    runtime: (Source, Option<Child>),
}

impl Node {
    /// Starts both, with the image loaded.
    pub(crate) fn start(folder: &Path, kubelet: Source, runtime: Source) -> Self {
        for name in ["manifests", "logs", "out"] {
            fs::create_dir(folder.join(name)).unwrap();
        }
        let mut node = Self {
            folder: folder.to_owned(),
            kubelet: (kubelet, None),
            runtime: (runtime, None),
        };
        let archive = folder.join("image.tar");
        image::write(&archive);
        node.start_runtime();
        node.load(&archive);
        node.start_kubelet();
        node
    }

    pub(crate) fn manifest(&self) -> PathBuf {
        self.folder.join("manifests/web.yaml")
    }

    /// The folder that pods write to.
    pub(crate) fn out(&self) -> PathBuf {
        self.folder.join("out")
    }

    /// All that a pod's containers have logged.
    pub(crate) fn logged(&self) -> usize {
        let mut size = 0;
        let mut folders = vec![self.folder.join("logs")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else {
                    size += fs::read(entry.path()).map_or(0, |text| text.len());
                }
            }
        }
        size
    }

    /// containerd writes logs itself; ours leaves that to the process that holds the pod.
    pub(crate) fn logs_without_runtime(&self) -> bool {
        matches!(self.runtime.0, Source::Ours)
    }

    pub(crate) fn start_runtime(&mut self) {
        let mut command = match &self.runtime.0 {
            Source::Ours => {
                let mut command = ours("container-runtime");
                let path = |name: &str| self.folder.join(name).display().to_string();
                command.args([
                    format!("--root={}", path("runtime")),
                    format!("--images={}", path("images")),
                    format!("--cgroup-parent=/{}", sandbox::group(&self.folder)),
                    "--state=/run/runtime".to_owned(),
                    "--address=/run/cri.sock".to_owned(),
                ]);
                command
            }
            Source::Real(program) => {
                let file = self.folder.join("containerd.toml");
                fs::write(&file, self.containerd(program.parent().unwrap())).unwrap();
                let mut command = Command::new(program);
                command.arg("--config").arg(file);
                command
            }
        };
        self.runtime.1 = Some(spawn(&mut command, &self.folder.join("runtime.log")));
        self.until("the runtime answers", |_| {
            std::os::unix::net::UnixStream::connect("/run/cri.sock").is_ok()
        });
    }

    pub(crate) fn start_kubelet(&mut self) {
        let file = self.folder.join("kubelet.yaml");
        fs::write(&file, self.configuration()).unwrap();
        let mut command = match &self.kubelet.0 {
            Source::Ours => ours("kubelet"),
            Source::Real(program) => Command::new(program),
        };
        command.args([
            format!("--config={}", file.display()),
            format!("--root-dir={}", self.folder.join("kubelet").display()),
            format!("--cert-dir={}", self.folder.join("pki").display()),
            "--hostname-override=node".to_owned(),
            format!("--node-ip={}", sandbox::ADDRESS),
        ]);
        self.kubelet.1 = Some(spawn(&mut command, &self.folder.join("kubelet.log")));
    }

    pub(crate) fn kill_kubelet(&mut self) {
        kill(self.kubelet.1.take());
    }

    pub(crate) fn kill_runtime(&mut self) {
        kill(self.runtime.1.take());
    }

    /// Looks until it holds.
    pub(crate) fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let clock = SystemClock::default();
        let deadline = clock.monotonic() + PATIENCE;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        while !holds(self) {
            assert!(clock.monotonic() < deadline, "waited in vain: {what}");
            runtime.block_on(async { clock.sleep(STEP).await });
        }
    }

    fn load(&self, archive: &Path) {
        let mut command = match &self.runtime.0 {
            Source::Ours => {
                let mut command = ours("load-image");
                command.arg("--images").arg(self.folder.join("images"));
                command
            }
            Source::Real(program) => {
                let mut command = Command::new(program.with_file_name("ctr"));
                command.args(["--address=/run/cri.sock", "--namespace=k8s.io"]);
                command.args(["images", "import"]);
                command
            }
        };
        let output = command.arg(archive).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "could not load the image: {text}");
    }

    fn containerd(&self, programs: &Path) -> String {
        let (root, programs) = (self.folder.join("containerd"), programs.display());
        format!(
            "version = 3
root = '{root}'
state = '/run/containerd'
[grpc]
address = '/run/cri.sock'
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = '{image}'
[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = 'io.containerd.runc.v2'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
BinaryName = '{programs}/runc'
",
            root = root.display(),
            image = image::NAME,
        )
    }

    fn configuration(&self) -> String {
        let (folder, group) = (self.folder.display(), sandbox::group(&self.folder));
        format!(
            "apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {{anonymous: {{enabled: true}}, webhook: {{enabled: false}}}}
authorization: {{mode: AlwaysAllow}}
address: {address}
cgroupDriver: cgroupfs
cgroupRoot: /{group}
containerRuntimeEndpoint: unix:///run/cri.sock
evictionHard: {{nodefs.available: 0%, nodefs.inodesFree: 0%, imagefs.available: 0%}}
failCgroupV1: false
failSwapOn: false
imageGCHighThresholdPercent: 100
podLogsDir: {folder}/logs
staticPodPath: {folder}/manifests
",
            address = sandbox::ADDRESS,
        )
    }
}

fn ours(component: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_node"));
    command.arg(component);
    command
}

/// With the real programs in the path: containerd looks there for its shim.
fn spawn(command: &mut Command, log: &Path) -> Child {
    let log: File = OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .unwrap();
    if let Some(programs) = oracle::binary("containerd")
        .as_deref()
        .and_then(Path::parent)
    {
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", programs.display()));
    }
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// As if the machine had run out of memory: no time for a last word.
fn kill(child: Option<Child>) {
    let mut child = child.expect("it was started");
    child.kill().unwrap();
    child.wait().unwrap();
}
