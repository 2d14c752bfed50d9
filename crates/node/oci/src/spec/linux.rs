//! The Linux part of the configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use styr_kernel::cgroups::{DeviceRule, HugePages, Limits};

use super::Seccomp;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Linux {
    pub namespaces: Vec<Namespace>,
    pub devices: Vec<Device>,
    pub cgroups_path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rootfs_propagation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seccomp: Option<Seccomp>,
    pub sysctl: BTreeMap<String, String>,
    pub masked_paths: Vec<PathBuf>,
    pub readonly_paths: Vec<PathBuf>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mount_label: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uid_mappings: Vec<serde_json::Value>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Namespace {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Device {
    pub path: PathBuf,
    #[serde(rename = "type")]
    pub kind: String,
    pub major: i64,
    pub minor: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_mode: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Resources {
    pub devices: Vec<DeviceAccess>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Cpu>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<Pids>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hugepage_limits: Vec<HugepageLimit>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unified: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceAccess {
    pub allow: bool,
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub major: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minor: Option<i64>,
    pub access: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swap: Option<i64>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Cpu {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shares: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<u64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cpus: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mems: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Pids {
    pub limit: i64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HugepageLimit {
    pub page_size: String,
    pub limit: u64,
}

impl Resources {
    /// In the kernel crate's terms.
    pub fn limits(&self) -> Limits {
        let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let cpu = self.cpu.as_ref();
        let memory = self.memory.as_ref();
        Limits {
            cpu_shares: cpu.and_then(|cpu| cpu.shares),
            cpu_quota: cpu.and_then(|cpu| cpu.quota),
            cpu_period: cpu.and_then(|cpu| cpu.period),
            cpus: cpu.and_then(|cpu| text(&cpu.cpus)),
            memory_nodes: cpu.and_then(|cpu| text(&cpu.mems)),
            memory: memory.and_then(|memory| memory.limit),
            memory_and_swap: memory.and_then(|memory| memory.swap),
            processes: self.pids.as_ref().map(|pids| pids.limit),
            huge_pages: self
                .hugepage_limits
                .iter()
                .map(|pages| HugePages {
                    size: pages.page_size.clone(),
                    limit: pages.limit,
                })
                .collect(),
            unified: self.unified.clone(),
            devices: self.device_rules(),
        }
    }

    /// What every container may use comes after the configuration's own rules.
    fn device_rules(&self) -> Vec<DeviceRule> {
        if self.devices.is_empty() {
            return Vec::new();
        }
        let own = self.devices.iter().map(DeviceAccess::rule);
        own.chain(
            ALWAYS_ALLOWED
                .iter()
                .map(|&(kind, major, minor, access)| DeviceRule {
                    allow: true,
                    kind,
                    major,
                    minor,
                    access: access.to_owned(),
                }),
        )
        .collect()
    }
}

type Known = (char, Option<u32>, Option<u32>, &'static str);

/// Making any device file, and using the harmless ones: null, zero, full, random, urandom, tty,
/// ptmx, terminals.
static ALWAYS_ALLOWED: &[Known] = &[
    ('c', None, None, "m"),
    ('b', None, None, "m"),
    ('c', Some(1), Some(3), "rwm"),
    ('c', Some(1), Some(5), "rwm"),
    ('c', Some(1), Some(7), "rwm"),
    ('c', Some(1), Some(8), "rwm"),
    ('c', Some(1), Some(9), "rwm"),
    ('c', Some(5), Some(0), "rwm"),
    ('c', Some(5), Some(2), "rwm"),
    ('c', Some(136), None, "rwm"),
];

impl DeviceAccess {
    fn rule(&self) -> DeviceRule {
        // Negative numbers are another way to write "any".
        let number = |number: Option<i64>| number.and_then(|number| u32::try_from(number).ok());
        DeviceRule {
            allow: self.allow,
            kind: self.kind.chars().next().unwrap_or('a'),
            major: number(self.major),
            minor: number(self.minor),
            access: self.access.clone(),
        }
    }
}
