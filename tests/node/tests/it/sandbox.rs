//! A machine of its own for one test: namespaces, folders and control groups that end with it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use styr_kernel::mounts::{self, Propagation};

/// Tells the test that it runs inside, and where its folder is.
const FOLDER: &str = "STYR_NODE_TEST_FOLDER";
/// The node's address; it is no other machine's.
pub(crate) const ADDRESS: &str = "10.99.0.1";
/// The real kubelet sets these for the whole machine, so it gets files to write to instead.
const TUNABLES: [(&str, &str); 4] = [
    ("vm/overcommit_memory", "1"),
    ("vm/panic_on_oom", "0"),
    ("kernel/panic", "10"),
    ("kernel/panic_on_oops", "1"),
];

/// Runs a test inside: the function's own name, and what it does with its folder.
pub(crate) fn run(test: &str, body: impl FnOnce(&Path)) {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let folder = PathBuf::from(folder);
        prepare(&folder);
        body(&folder);
        return;
    }
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        eprintln!("skipped: needs root");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let groups = Groups::of(folder.path());
    let status = Command::new("unshare")
        .args(["--mount", "--net", "--uts", "--ipc", "--pid", "--fork"])
        .args(["--kill-child", "--mount-proc", "--"])
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(FOLDER, folder.path())
        .status()
        .unwrap();
    drop(groups);
    if !status.success() {
        show_logs(folder.path());
    }
    assert!(status.success(), "{test} failed inside its sandbox");
}

/// The control group that a test's node has for itself.
pub(crate) fn group(folder: &Path) -> String {
    let name = folder.file_name().unwrap().to_str().unwrap();
    format!("styr-test{name}")
}

fn prepare(folder: &Path) {
    mounts::propagate(Path::new("/"), Propagation::Shared, true).unwrap();
    for own in ["/run", "/var/lib/kubelet", "/var/lib/cni", "/var/log"] {
        if fs::create_dir_all(own).is_ok() {
            mounts::tmpfs(Path::new(own), &["mode=755"]).unwrap();
        }
    }
    for (name, value) in TUNABLES {
        let file = folder.join(name.replace('/', "-"));
        fs::write(&file, value).unwrap();
        mounts::bind(&file, &Path::new("/proc/sys").join(name), false).unwrap();
    }
    for command in [
        "link set lo up",
        &format!("address add {ADDRESS}/32 dev lo"),
    ] {
        let status = Command::new("ip").args(command.split(' ')).status();
        assert!(status.unwrap().success(), "ip {command}");
    }
}

/// The groups of one test in every hierarchy; removed with all below when the test is over.
struct Groups(Vec<PathBuf>);

impl Groups {
    fn of(folder: &Path) -> Self {
        let mount = Path::new("/sys/fs/cgroup");
        let hierarchies = if mount.join("cgroup.controllers").exists() {
            vec![mount.to_owned()]
        } else {
            let entries = fs::read_dir(mount).unwrap().map(|entry| entry.unwrap());
            // Links lead to joined controllers, which are here under their own name as well.
            let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
            folders.map(|entry| entry.path()).collect()
        };
        let groups = hierarchies.into_iter().map(|path| path.join(group(folder)));
        let groups: Vec<PathBuf> = groups.collect();
        for group in &groups {
            fs::create_dir(group).unwrap();
        }
        Self(groups)
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for group in &self.0 {
            remove(group);
        }
    }
}

fn remove(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    if let Err(error) = fs::remove_dir(group) {
        eprintln!("could not remove {}: {error}", group.display());
    }
}

fn show_logs(folder: &Path) {
    const LINES_MAX: usize = 30;
    for name in ["kubelet.log", "runtime.log"] {
        let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = &lines[lines.len().saturating_sub(LINES_MAX)..];
        eprintln!("--- {name}\n{}", last.join("\n"));
    }
}
