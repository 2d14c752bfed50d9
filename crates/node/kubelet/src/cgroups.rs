//! Cgroups of pods, by upstream's names: `kubepods`, below it the classes, below them the pods.
//!
//! The runtime makes the containers' own cgroups below a pod's.

use std::io;

use k8s_openapi::api::core::v1::Pod;
use styr_kernel::cgroups::{self as kernel, Limits};

use crate::launch::{NodeResources, resources};
use crate::{pod, qos};

pub(crate) const ROOT: &str = "kubepods";
/// The classes that have a group of their own.
pub(crate) const CLASSES: [&str; 2] = ["burstable", "besteffort"];
const PERIOD: u64 = 100_000;

/// How runtimes name cgroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Driver {
    Cgroupfs,
    Systemd,
}

#[derive(Debug, Clone)]
pub(crate) struct Cgroups {
    /// `None` where no control groups are mounted: then there is nothing to make.
    machine: Option<kernel::Cgroups>,
    root: String,
    driver: Driver,
}

impl Cgroups {
    pub(crate) fn detect(root: &str, driver: Driver) -> Self {
        let machine = kernel::Cgroups::detect();
        if let Err(error) = &machine {
            tracing::warn!(%error, "pods get no control groups");
        }
        Self {
            machine: machine.ok(),
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
    fn ours(&self) -> Option<&kernel::Cgroups> {
        self.machine
            .as_ref()
            .filter(|_| self.driver == Driver::Cgroupfs)
    }

    /// The group of all pods.
    fn root_name(&self) -> String {
        match self.root.as_str() {
            "" => format!("/{ROOT}"),
            root => format!("/{root}/{ROOT}"),
        }
    }

    /// Holds all pods together to what the node offers them. Fails while they use more.
    pub(crate) fn enforce(&self, offered: NodeResources) -> io::Result<()> {
        let Some(machine) = self.ours() else {
            return Ok(());
        };
        let controllers = machine.controllers();
        let has = |controller: &str| controllers.iter().any(|name| name == controller);
        let shares = u64::try_from(resources::shares(offered.cpu_milli)).ok();
        let limits = Limits {
            cpu_shares: shares.filter(|_| has("cpu")),
            memory: Some(offered.memory).filter(|&bytes| bytes > 0 && has("memory")),
            ..Limits::default()
        };
        machine.create(&self.root_name(), &limits)?;
        self.weigh(CLASSES[1], 0)
    }

    /// Gives a class of pods its share of the processors: what its pods asked for, and next to nothing
    /// for those that asked for nothing.
    pub(crate) fn weigh(&self, class: &str, requested_milli: i64) -> io::Result<()> {
        let Some(machine) = self.ours() else {
            return Ok(());
        };
        if !machine.controllers().iter().any(|name| name == "cpu") {
            return Ok(());
        }
        let limits = Limits {
            cpu_shares: u64::try_from(resources::shares(requested_milli)).ok(),
            ..Limits::default()
        };
        let name = format!("{}/{class}", self.root_name());
        machine.create(&name, &limits).map(drop)
    }

    /// The limit of the memory of all pods, and what they use of it.
    pub(crate) fn pods_memory(&self) -> Option<(i64, i64)> {
        let stats = self.ours()?.open(&self.root_name()).ok()?.stats().ok()?;
        let limit = i64::try_from(stats.memory_limit?).ok()?;
        Some((limit, i64::try_from(stats.memory_working_set).ok()?))
    }

    /// How many processes a pod has.
    pub(crate) fn processes_of(&self, pod: &Pod) -> i64 {
        let group = self.ours().and_then(|it| it.open(&self.pod_name(pod)).ok());
        let found = group.and_then(|group| group.processes().ok());
        found.map_or(0, |found| i64::try_from(found.len()).unwrap_or(i64::MAX))
    }

    pub(crate) fn make_pod(&self, pod: &Pod) -> io::Result<()> {
        let Some(machine) = self.ours() else {
            return Ok(());
        };
        machine.create(&self.pod_name(pod), &limits(pod, &machine.controllers()))?;
        Ok(())
    }

    /// Removes a pod's cgroups with all below; busy ones are an error.
    pub(crate) fn remove_pod(&self, pod: &Pod) -> io::Result<()> {
        match self.ours() {
            Some(machine) => machine.open(&self.pod_name(pod))?.remove(),
            None => Ok(()),
        }
    }
}

fn class_name(pod: &Pod) -> &'static str {
    match qos::class(pod) {
        "Burstable" => CLASSES[0],
        "BestEffort" => CLASSES[1],
        _ => "",
    }
}

/// What a machine does not count cannot be limited there.
fn limits(pod: &Pod, controllers: &[String]) -> Limits {
    let has = |controller: &str| controllers.iter().any(|name| name == controller);
    let mut limits = Limits::default();
    if has("cpu") {
        let shares = resources::shares(resources::pod_request(pod, "cpu").milli_value());
        limits.cpu_shares = u64::try_from(shares).ok();
        let quota =
            resources::pod_limit(pod, "cpu").map(|limit| resources::quota(limit.milli_value()));
        limits.cpu_quota = quota.filter(|quota| *quota > 0);
        limits.cpu_period = limits.cpu_quota.map(|_| PERIOD);
    }
    if has("memory") {
        let memory = resources::pod_limit(pod, "memory").map(|limit| limit.value());
        limits.memory = memory.filter(|bytes| *bytes > 0);
    }
    limits
}
