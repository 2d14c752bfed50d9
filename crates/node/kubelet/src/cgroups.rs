//! Cgroups of pods, by upstream's names: `kubepods`, below it the classes, below them the pods.
//!
//! Works on both versions; on version 1 every hierarchy that counts gets the same directory. The
//! runtime makes the containers' own cgroups below a pod's.

use std::io;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::Pod;

use crate::launch::resources;
use crate::{pod, qos};

const MOUNT: &str = "/sys/fs/cgroup";
/// The hierarchies of version 1 in which pods get a directory.
const CONTROLLERS: [&str; 9] = [
    "cpu", "cpuacct", "cpuset", "memory", "pids", "devices", "freezer", "blkio", "hugetlb",
];
const ROOT: &str = "kubepods";
const PERIOD: i64 = 100_000;

/// How runtimes name cgroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Driver {
    Cgroupfs,
    Systemd,
}

#[derive(Debug, Clone)]
pub(crate) struct Cgroups {
    /// One per hierarchy; a single one on version 2.
    hierarchies: Vec<PathBuf>,
    is_v2: bool,
    root: String,
    driver: Driver,
}

impl Cgroups {
    pub(crate) fn detect(root: &str, driver: Driver) -> Self {
        Self::at(Path::new(MOUNT), root, driver)
    }

    fn at(mount: &Path, root: &str, driver: Driver) -> Self {
        let is_v2 = mount.join("cgroup.controllers").exists();
        let hierarchies = if is_v2 {
            vec![mount.to_owned()]
        } else {
            let all = CONTROLLERS.iter().map(|controller| mount.join(controller));
            all.filter(|path| path.is_dir()).collect()
        };
        Self {
            hierarchies,
            is_v2,
            root: root.trim_matches('/').to_owned(),
            driver,
        }
    }

    /// What the runtime is told as the parent of a pod's containers.
    pub(crate) fn pod_name(&self, pod: &Pod) -> String {
        let class = class_name(pod);
        let uid = pod::uid(pod);
        match self.driver {
            Driver::Cgroupfs => {
                let parts = [self.root.as_str(), ROOT, class];
                let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
                format!("/{}/pod{uid}", parts.join("/"))
            }
            Driver::Systemd => {
                let uid = uid.replace('-', "_");
                if class.is_empty() {
                    format!("kubepods-pod{uid}.slice")
                } else {
                    format!("kubepods-{class}-pod{uid}.slice")
                }
            }
        }
    }

    /// With systemd the runtime asks systemd for them.
    fn is_ours(&self) -> bool {
        self.driver == Driver::Cgroupfs
    }

    pub(crate) fn make_pod(&self, pod: &Pod) -> io::Result<()> {
        if !self.is_ours() {
            return Ok(());
        }
        let name = self.pod_name(pod);
        for hierarchy in &self.hierarchies {
            self.make_path(hierarchy, &name)?;
        }
        let limits = Limits::of(pod);
        for hierarchy in &self.hierarchies {
            let path = hierarchy.join(name.trim_start_matches('/'));
            for (file, value) in limits.files(self.is_v2) {
                // A controller that is not in this hierarchy has no such file.
                if path.join(file).exists() {
                    std::fs::write(path.join(file), value)?;
                }
            }
        }
        Ok(())
    }

    fn make_path(&self, hierarchy: &Path, name: &str) -> io::Result<()> {
        let mut path = hierarchy.to_owned();
        for part in name.split('/').filter(|part| !part.is_empty()) {
            if self.is_v2 {
                let available = std::fs::read_to_string(path.join("cgroup.controllers"));
                for controller in available.unwrap_or_default().split_whitespace() {
                    // A controller that cannot be handed down is left out, as upstream does.
                    let _ = std::fs::write(
                        path.join("cgroup.subtree_control"),
                        format!("+{controller}"),
                    );
                }
            }
            let parent = path.clone();
            path.push(part);
            match std::fs::create_dir(&path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            copy_cpuset(&parent, &path)?;
        }
        Ok(())
    }

    /// Removes a pod's cgroups with all below; busy ones are an error.
    pub(crate) fn remove_pod(&self, pod: &Pod) -> io::Result<()> {
        if !self.is_ours() {
            return Ok(());
        }
        let name = self.pod_name(pod);
        let mut outcome = Ok(());
        for hierarchy in &self.hierarchies {
            let removed = remove_tree(&hierarchy.join(name.trim_start_matches('/')));
            outcome = outcome.and(removed);
        }
        outcome
    }
}

fn class_name(pod: &Pod) -> &'static str {
    match qos::class(pod) {
        "Burstable" => "burstable",
        "BestEffort" => "besteffort",
        _ => "",
    }
}

/// On version 1 a new cpuset is empty, and nothing can run in it.
fn copy_cpuset(parent: &Path, child: &Path) -> io::Result<()> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let target = child.join(file);
        if !target.exists() || child.join("cgroup.controllers").exists() {
            continue;
        }
        if std::fs::read_to_string(&target)?.trim().is_empty() {
            std::fs::write(&target, std::fs::read_to_string(parent.join(file))?.trim())?;
        }
    }
    Ok(())
}

fn remove_tree(path: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    match std::fs::remove_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

struct Limits {
    shares: i64,
    quota: Option<i64>,
    memory: Option<i64>,
}

impl Limits {
    fn of(pod: &Pod) -> Self {
        let quota =
            resources::pod_limit(pod, "cpu").map(|limit| resources::quota(limit.milli_value()));
        Self {
            shares: resources::shares(resources::pod_request(pod, "cpu").milli_value()),
            quota: quota.filter(|quota| *quota > 0),
            memory: resources::pod_limit(pod, "memory")
                .map(|q| q.value())
                .filter(|q| *q > 0),
        }
    }

    fn files(&self, is_v2: bool) -> Vec<(&'static str, String)> {
        let mut out = Vec::new();
        if is_v2 {
            let weight = 1 + ((self.shares - 2) * 9999) / 262_142;
            out.push(("cpu.weight", weight.to_string()));
            out.extend(
                self.quota
                    .map(|quota| ("cpu.max", format!("{quota} {PERIOD}"))),
            );
            out.extend(self.memory.map(|memory| ("memory.max", memory.to_string())));
        } else {
            out.push(("cpu.shares", self.shares.to_string()));
            if let Some(quota) = self.quota {
                out.push(("cpu.cfs_period_us", PERIOD.to_string()));
                out.push(("cpu.cfs_quota_us", quota.to_string()));
            }
            out.extend(
                self.memory
                    .map(|memory| ("memory.limit_in_bytes", memory.to_string())),
            );
        }
        out
    }
}
