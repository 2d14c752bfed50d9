//! Node sandboxes: what stands in for a machine.
//!
//! `node-init` is started twice. Outside, it opens the ports of the host, enters its control group
//! and new namespaces, and waits until the cluster tool has laid the network. Inside, it is the
//! first process of the node: it mounts, starts container runtime and kubelet, keeps them running,
//! carries ports, and reaps. Everything in a node ends with that process.

mod files;
mod mounts;
mod ports;
mod supervise;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};
use rustix::thread::UnshareFlags;
use serde::{Deserialize, Serialize};
use styr_kernel::cgroups::{Cgroups, Limits};
use styr_kernel::process;

pub(crate) use files::write_files;
pub use ports::Mapping;

/// The subcommand's name.
pub const NAME: &str = "node-init";
/// What the outer process says once its namespaces exist.
pub(crate) const NAMESPACES: &str = "namespaces";
/// What both say once the node's programs run.
pub(crate) const STARTED: &str = "started";

/// What a node's first process has to know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sandbox {
    /// Host name.
    pub name: String,
    /// On the bridge.
    pub address: Ipv4Addr,
    /// The node's own folder; `rootfs` in it becomes `/`.
    pub folder: PathBuf,
    /// The image store that all nodes of the machine share.
    pub images: PathBuf,
    /// Below each hierarchy.
    pub cgroup: String,
    /// Ports of the host that lead to the node.
    pub ports: Vec<Mapping>,
    /// Folders of the host.
    pub mounts: Vec<HostMount>,
    /// The kubelet's arguments.
    pub kubelet: Vec<String>,
}

/// A file or folder of the host that a node sees.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HostMount {
    /// At the host.
    pub source: PathBuf,
    /// In the node, absolute.
    pub target: PathBuf,
    /// Not writable in the node.
    pub read_only: bool,
    /// Later mounts of the host below it appear in the node as well.
    pub follows_host: bool,
}

impl Sandbox {
    /// The file that the sandbox is described in.
    pub(crate) fn file(folder: &Path) -> PathBuf {
        folder.join("sandbox.json")
    }

    /// The file with the id of the first process.
    pub(crate) fn pid_file(folder: &Path) -> PathBuf {
        folder.join("pid")
    }

    /// What becomes `/` in the node.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.join("rootfs")
    }

    fn read(folder: &Path) -> Result<Self> {
        let path = Self::file(folder);
        let bytes =
            fs::read(&path).with_context(|| format!("could not read {}", path.display()))?;
        serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display()))
    }
}

/// `styr node-init FOLDER` outside, `styr node-init FOLDER inside [DESCRIPTOR ...]` inside.
pub fn command(args: &[String]) -> Result<ExitCode> {
    match args {
        [folder] => outside(Path::new(folder))?,
        [folder, inside, descriptors @ ..] if inside == "inside" => {
            let descriptors: Vec<i32> = descriptors
                .iter()
                .map(|it| it.parse())
                .collect::<Result<_, _>>()?;
            supervise::run(&Sandbox::read(Path::new(folder))?, &descriptors)?;
        }
        _ => bail!("usage: styr {NAME} FOLDER"),
    }
    Ok(ExitCode::SUCCESS)
}

fn outside(folder: &Path) -> Result<()> {
    // What a user types at the terminal of `create` is not for the node.
    rustix::process::setsid().context("could not leave the terminal")?;
    let sandbox = Sandbox::read(folder)?;
    raise_limit_of_files().context("could not raise the limit of open files")?;
    let listeners = ports::open(&sandbox.ports)?;
    let cgroups = Cgroups::detect().context("could not find the control groups")?;
    let group = cgroups
        .create(&sandbox.cgroup, &Limits::default())
        .with_context(|| format!("could not make control group {}", sandbox.cgroup))?;
    group
        .add(std::process::id())
        .context("could not enter the control group")?;
    let namespaces = UnshareFlags::NEWNS
        | UnshareFlags::NEWNET
        | UnshareFlags::NEWUTS
        | UnshareFlags::NEWIPC
        | UnshareFlags::NEWCGROUP
        | UnshareFlags::NEWPID;
    process::unshare(namespaces).context("could not make namespaces; this needs root")?;
    say(&format!("{NAMESPACES} {}", std::process::id()))?;
    // The tool answers when the network is laid; if it is gone, so is the node.
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .context("could not wait for the network")?;
    if answer.is_empty() {
        bail!("the tool that makes the cluster is gone");
    }
    // Opened now: once the first process has its own root, this one has it too.
    let path = folder.join("node.log");
    let log = fs::File::create(&path).context("could not make node.log")?;
    let mut written = fs::File::open(&path).context("could not open node.log")?;
    let pid_file =
        fs::File::create(Sandbox::pid_file(folder)).context("could not make the file pid")?;
    let mut inside = Command::new("/proc/self/exe");
    inside.arg(NAME).arg(folder).arg("inside");
    for listener in &listeners {
        inside.arg(listener.as_raw_fd().to_string());
    }
    inside
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log);
    let mut child = inside
        .spawn()
        .context("could not start the node's first process")?;
    write!(&pid_file, "{}", child.id()).context("could not write the file pid")?;
    let told = child.stdout.take().context("the node says nothing")?;
    let mut lines = BufReader::new(told).lines();
    match lines.next() {
        Some(Ok(line)) if line == STARTED => say(STARTED),
        _ => {
            let mut text = String::new();
            written
                .read_to_string(&mut text)
                .context("could not read node.log")?;
            bail!("{}", text.trim().trim_start_matches("ERROR: "))
        }
    }
}

/// As container engines have it: what the shell of `create` allows is not what a node needs.
fn raise_limit_of_files() -> Result<()> {
    let path = "/proc/sys/fs/nr_open";
    let text = fs::read_to_string(path).with_context(|| format!("could not read {path}"))?;
    let most: u64 = text
        .trim()
        .parse()
        .context("the kernel's limit is no number")?;
    match process::set_limit("RLIMIT_NOFILE", most, most) {
        // Who may not raise the hard limit gets all of it.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
            let hard = limit.maximum.unwrap_or(most);
            Ok(process::set_limit("RLIMIT_NOFILE", hard, hard)?)
        }
        other => Ok(other?),
    }
}

/// Tells whoever started this process.
fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .with_context(|| format!("nobody listens to {line:?}"))
}
