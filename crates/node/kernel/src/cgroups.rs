//! Control groups, both versions behind one face.
//!
//! A group is named by its path below the hierarchies' mount points (`/kubepods/pod1`). With
//! version 1 it exists once in each hierarchy that is mounted; what is not mounted is left out,
//! unless a limit asks for it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

pub mod devices;
mod files;
mod group;
mod limits;
mod stats;
mod v1;
mod v2;

pub use devices::DeviceRule;
pub use group::Cgroup;
pub use limits::{HugePages, Limits, shares_to_weight};
pub use stats::{Pressure, PressureLine, Stats};

use crate::mounts::MountInfo;

/// What the machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    V1,
    V2,
}

/// The hierarchies of this machine.
#[derive(Debug, Clone)]
pub struct Cgroups {
    version: Version,
    /// Mount points by controller; for version 2 the only one, under an empty name.
    mounts: BTreeMap<String, PathBuf>,
}

impl Cgroups {
    /// Finds them in the mount table.
    pub fn detect() -> io::Result<Self> {
        Self::from_mounts(&crate::mounts::list()?).ok_or_else(|| {
            io::Error::other("no control groups are mounted (looked in /proc/self/mountinfo)")
        })
    }

    /// As [`Cgroups::detect`], from a mount table. Version 2 counts only if it is alone: beside
    /// version 1 hierarchies it holds no controllers of use.
    pub fn from_mounts(table: &[MountInfo]) -> Option<Self> {
        let mut v1 = BTreeMap::new();
        let mut v2 = None;
        for mount in table {
            match mount.kind.as_str() {
                "cgroup" => {
                    for option in &mount.super_options {
                        let known = v1::CONTROLLERS.contains(&option.as_str());
                        if known || option.starts_with("name=") {
                            v1.entry(option.clone())
                                .or_insert_with(|| mount.point.clone());
                        }
                    }
                }
                "cgroup2" => v2 = v2.or_else(|| Some(mount.point.clone())),
                _ => {}
            }
        }
        if v1.keys().any(|name| !name.starts_with("name=")) {
            return Some(Self {
                version: Version::V1,
                mounts: v1,
            });
        }
        v2.map(|point| Self::v2_at(&point))
    }

    /// A version 2 hierarchy at a given place.
    pub fn v2_at(mount: &Path) -> Self {
        let mounts = BTreeMap::from([(String::new(), mount.to_owned())]);
        Self {
            version: Version::V2,
            mounts,
        }
    }

    /// Which of the two.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Controllers that can be limited here.
    pub fn controllers(&self) -> Vec<String> {
        match self.version {
            Version::V1 => {
                let names = self.mounts.keys().filter(|name| !name.starts_with("name="));
                names.cloned().collect()
            }
            Version::V2 => {
                let file = self.mounts[""].join("cgroup.controllers");
                let text = std::fs::read_to_string(file).unwrap_or_default();
                text.split_whitespace().map(str::to_owned).collect()
            }
        }
    }

    /// Mount points with the controllers mounted there (none for version 2 and named hierarchies).
    pub fn hierarchies(&self) -> Vec<(PathBuf, Vec<String>)> {
        let mut by_point: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
        for (name, point) in &self.mounts {
            by_point
                .entry(point.clone())
                .or_default()
                .push(name.clone());
        }
        by_point.into_iter().collect()
    }

    /// Makes a group, with all above it, and sets its limits.
    pub fn create(&self, path: &str, limits: &Limits) -> io::Result<Cgroup> {
        let group = self.open(path)?;
        group.make()?;
        group.set_limits(limits)?;
        Ok(group)
    }

    /// A group that may or may not exist. Paths that lead upwards are refused.
    pub fn open(&self, path: &str) -> io::Result<Cgroup> {
        let relative = path.trim_matches('/');
        if relative.split('/').any(|part| part == ".." || part == ".") {
            return Err(io::Error::other(format!(
                "the cgroup path {path:?} leads elsewhere"
            )));
        }
        let folders = self.hierarchies().into_iter();
        let folders = folders.map(|(point, names)| group::Folder {
            depth: relative.split('/').filter(|part| !part.is_empty()).count(),
            path: point.join(relative),
            controllers: names,
        });
        Ok(Cgroup::new(self.version, folders.collect()))
    }

    /// The group of a process, as a path that [`Cgroups::open`] takes. With version 1 it is that
    /// of the memory hierarchy, or of the first that is mounted.
    pub fn path_of(&self, pid: u32) -> io::Result<String> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
        let mut first = None;
        for line in text.lines() {
            let mut fields = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
                continue;
            };
            let wanted = match self.version {
                Version::V2 => controllers.is_empty(),
                Version::V1 => controllers.split(',').any(|name| name == "memory"),
            };
            if wanted {
                return Ok(path.to_owned());
            }
            first = first.or_else(|| Some(path.to_owned()));
        }
        first.ok_or_else(|| io::Error::other(format!("process {pid} is in no control group")))
    }
}

#[cfg(test)]
mod tests;
