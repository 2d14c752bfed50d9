//! What a node sees of the file system: its own root, and the kernel's file systems of its own
//! namespaces.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use styr_kernel::mounts::{self, MountInfo, Propagation};

use super::{HostMount, Sandbox};

/// Devices of the host that every node has.
const DEVICES: [&str; 7] = ["null", "zero", "full", "random", "urandom", "tty", "kmsg"];

/// Makes the sandbox's root the root of this process.
pub(super) fn enter(sandbox: &Sandbox) -> Result<()> {
    let root = sandbox.root();
    let table = mounts::list().context("could not read the mount table")?;
    let slash = Path::new("/");
    // Nothing travels back to the host; what comes from there stops at each mount but those that
    // are to follow it.
    mounts::propagate(slash, Propagation::Slave, true).context("could not leave the host")?;
    bind(&root, &root)?;
    mounts::propagate(&root, Propagation::Private, true).context("could not leave the host")?;
    // By its path: the link in /proc leads into the namespace that was left.
    let program = std::env::current_exe().context("could not find this program")?;
    bind(&program, &root.join("usr/local/bin/styr"))?;
    classic("proc", &root.join("proc"), "")?;
    classic("sysfs", &root.join("sys"), "")?;
    devices(&root)?;
    control_groups(&root, &table)?;
    classic("tmpfs", &root.join("run"), "mode=755")?;
    let images = root.join("var/lib/styr/images");
    bind(&sandbox.images, &images)?;
    if Path::new("/lib/modules").exists() {
        bind(Path::new("/lib/modules"), &root.join("lib/modules"))?;
    }
    for mount in &sandbox.mounts {
        extra(mount, &root)?;
    }
    let opened = fs::File::open(&root).context("could not open the node's root")?;
    mounts::pivot(std::os::fd::AsFd::as_fd(&opened)).context("could not enter the node's root")?;
    std::env::set_current_dir("/").context("could not go to /")?;
    mounts::propagate(slash, Propagation::Shared, true).context("could not share the mounts")?;
    for folder in ["run/lock", "run/styr"] {
        fs::create_dir_all(slash.join(folder)).context("could not fill /run")?;
    }
    fs::set_permissions("/tmp", fs::Permissions::from_mode(0o1777)).context("could not open /tmp")
}

fn bind(source: &Path, target: &Path) -> Result<()> {
    mounts::bind(source, target, true).with_context(|| {
        format!(
            "could not bind {} to {}",
            source.display(),
            target.display()
        )
    })
}

fn classic(kind: &str, target: &Path, data: &str) -> Result<()> {
    mounts::mount_classic(kind, target, kind, data)
        .with_context(|| format!("could not mount {kind} at {}", target.display()))
}

fn devices(root: &Path) -> Result<()> {
    let dev = root.join("dev");
    classic("tmpfs", &dev, "mode=755")?;
    for name in DEVICES {
        let source = Path::new("/dev").join(name);
        if source.exists() {
            let target = dev.join(name);
            fs::write(&target, "")
                .with_context(|| format!("could not make {}", target.display()))?;
            bind(&source, &target)?;
        }
    }
    for (folder, kind, data) in [
        ("pts", "devpts", "newinstance,ptmxmode=0666,mode=0620"),
        ("shm", "tmpfs", "mode=1777"),
        ("mqueue", "mqueue", ""),
    ] {
        let target = dev.join(folder);
        fs::create_dir(&target).with_context(|| format!("could not make {}", target.display()))?;
        classic(kind, &target, data)?;
    }
    let links = [
        ("pts/ptmx", "ptmx"),
        ("/proc/self/fd", "fd"),
        ("/proc/self/fd/0", "stdin"),
        ("/proc/self/fd/1", "stdout"),
        ("/proc/self/fd/2", "stderr"),
    ];
    for (target, name) in links {
        symlink(target, dev.join(name)).with_context(|| format!("could not make /dev/{name}"))?;
    }
    Ok(())
}

/// The host's hierarchies again: in a control group namespace each shows the node's part as `/`.
fn control_groups(root: &Path, table: &[MountInfo]) -> Result<()> {
    let base = root.join("sys/fs/cgroup");
    let groups: Vec<&MountInfo> = table
        .iter()
        .filter(|mount| mount.kind.starts_with("cgroup"))
        .collect();
    if let [only] = groups.as_slice()
        && only.kind == "cgroup2"
    {
        return classic("cgroup2", &base, "");
    }
    classic("tmpfs", &base, "mode=755")?;
    for mount in groups {
        let Some(name) = mount.point.file_name() else {
            continue;
        };
        let target: PathBuf = base.join(name);
        fs::create_dir_all(&target)
            .with_context(|| format!("could not make {}", target.display()))?;
        let options = mount.super_options.iter().filter(|option| *option != "rw");
        let data: Vec<&str> = options.map(String::as_str).collect();
        let data = if mount.kind == "cgroup" {
            data.join(",")
        } else {
            String::new()
        };
        classic(&mount.kind, &target, &data)?;
    }
    Ok(())
}

fn extra(mount: &HostMount, root: &Path) -> Result<()> {
    let HostMount { source, target, .. } = mount;
    let target = &root.join(target.strip_prefix("/").unwrap_or(target));
    let unusable = || format!("could not make {}", target.display());
    if source.is_dir() {
        fs::create_dir_all(target).with_context(unusable)?;
    } else {
        fs::create_dir_all(target.parent().unwrap_or(target)).with_context(unusable)?;
        fs::write(target, "").with_context(unusable)?;
    }
    bind(source, target)?;
    if !mount.follows_host {
        mounts::propagate(target, Propagation::Private, true).with_context(unusable)?;
    }
    if mount.read_only {
        let flags = rustix::mount::MountFlags::BIND | rustix::mount::MountFlags::RDONLY;
        rustix::mount::mount_remount(target, flags, "").with_context(unusable)?;
    }
    Ok(())
}
