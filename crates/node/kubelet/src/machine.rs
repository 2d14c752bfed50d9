//! What this machine is and has, read from the kernel once at the start.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::NodeSystemInfo;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use styr_meta::Quantity;

use crate::config::Config;
use crate::eviction::policy::Enforces;
use crate::eviction::signal::Signal;
use crate::launch::NodeResources;

/// The version that this kubelet behaves as.
pub(crate) const VERSION: &str = "v1.37.1";

#[derive(Debug, Clone, Default)]
pub(crate) struct Machine {
    pub(crate) cpus: i64,
    pub(crate) memory: i64,
    pub(crate) ephemeral_storage: i64,
    /// Sizes of huge pages in bytes, and how many there are.
    pub(crate) huge_pages: BTreeMap<i64, i64>,
    pub(crate) has_app_armor: bool,
    pub(crate) info: NodeSystemInfo,
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path)
        .unwrap_or_default()
        .trim()
        .to_owned()
}

impl Machine {
    pub(crate) fn read(config: &Config) -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            cpus: online_cpus().unwrap_or_else(|| i64::try_from(cpus).unwrap_or(1)),
            memory: memory_total(),
            ephemeral_storage: file_system_size(&config.root_dir),
            huge_pages: huge_pages(),
            has_app_armor: read("/sys/module/apparmor/parameters/enabled") == "Y",
            info: info(),
        }
    }

    pub(crate) fn capacity(&self, config: &Config) -> BTreeMap<String, Text> {
        let mut out = BTreeMap::new();
        let mut put = |name: String, quantity: Quantity| out.insert(name, Text(quantity.text()));
        put("cpu".into(), Quantity::from_units(self.cpus));
        put("memory".into(), kibibytes(self.memory));
        put("pods".into(), Quantity::from_units(config.max_pods));
        put(
            "ephemeral-storage".into(),
            kibibytes(self.ephemeral_storage),
        );
        for (size, count) in &self.huge_pages {
            put(
                format!("hugepages-{}", Quantity::from_bytes(*size).text()),
                Quantity::from_bytes(size * count),
            );
        }
        out
    }

    pub(crate) fn allocatable(&self, config: &Config) -> NodeResources {
        let reserved = |name: &str| {
            let both = [&config.system_reserved, &config.kube_reserved].into_iter();
            let both = both.filter_map(|map| Quantity::parse(map.get(name)?).ok());
            both.collect::<Vec<_>>()
        };
        let memory: i64 = reserved("memory").iter().map(Quantity::value).sum();
        let cpu: i64 = reserved("cpu").iter().map(Quantity::milli_value).sum();
        let storage: i64 = reserved("ephemeral-storage")
            .iter()
            .map(Quantity::value)
            .sum();
        let pages: i64 = self
            .huge_pages
            .iter()
            .map(|(size, count)| size * count)
            .sum();
        NodeResources {
            cpu_milli: self.cpus * 1000 - cpu,
            memory: self.memory
                - memory
                - pages
                - config.eviction.reserved(Signal::Memory, self.memory),
            ephemeral_storage: self.ephemeral_storage - storage,
        }
    }

    /// What all pods together may use: the kubelet evicts before that is reached.
    pub(crate) fn enforced(&self, config: &Config) -> NodeResources {
        if config.enforces == Enforces::Nothing {
            return NodeResources {
                cpu_milli: self.cpus * 1000,
                memory: self.memory,
                ephemeral_storage: self.ephemeral_storage,
            };
        }
        let offered = self.allocatable(config);
        let kept = config.eviction.reserved(Signal::Memory, self.memory);
        NodeResources {
            memory: offered.memory + kept,
            ..offered
        }
    }

    pub(crate) fn allocatable_list(&self, config: &Config) -> BTreeMap<String, Text> {
        let mut out = self.capacity(config);
        let free = self.allocatable(config);
        out.insert(
            "cpu".into(),
            Text(Quantity::from_milli(free.cpu_milli).text()),
        );
        out.insert("memory".into(), Text(kibibytes(free.memory).text()));
        let storage = Quantity::from_units(free.ephemeral_storage);
        if config.system_reserved.is_empty() && config.kube_reserved.is_empty() {
            return out;
        }
        out.insert("ephemeral-storage".into(), Text(storage.text()));
        out
    }
}

/// Upstream writes sizes in units of 1024 bytes.
fn kibibytes(bytes: i64) -> Quantity {
    const KIBI: i64 = 1024;
    let text = format!("{}Ki", bytes / KIBI);
    Quantity::parse(&text).unwrap_or_else(|_| Quantity::from_bytes(bytes))
}

fn online_cpus() -> Option<i64> {
    let count = read("/proc/cpuinfo")
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    i64::try_from(count).ok().filter(|count| *count > 0)
}

fn memory_total() -> i64 {
    memory_field("MemTotal:")
}

/// A figure of `/proc/meminfo`, in bytes.
pub(crate) fn memory_field(name: &str) -> i64 {
    let text = read("/proc/meminfo");
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<i64>().ok());
    kib.unwrap_or(0) * 1024
}

fn file_system_size(path: &std::path::Path) -> i64 {
    let size = |path: &std::path::Path| {
        let stat = rustix::fs::statvfs(path).ok()?;
        i64::try_from(stat.f_blocks * stat.f_frsize).ok()
    };
    size(path)
        .or_else(|| size(std::path::Path::new("/")))
        .unwrap_or(0)
}

fn huge_pages() -> BTreeMap<i64, i64> {
    let entries = std::fs::read_dir("/sys/kernel/mm/hugepages");
    let entries = entries.into_iter().flatten().flatten();
    let pages = entries.filter_map(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        let kib: i64 = name
            .strip_prefix("hugepages-")?
            .strip_suffix("kB")?
            .parse()
            .ok()?;
        let count = read(&entry.path().join("nr_hugepages").to_string_lossy());
        Some((kib * 1024, count.parse().unwrap_or(0)))
    });
    pages.collect()
}

fn info() -> NodeSystemInfo {
    let os = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let pretty = os
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let machine_id = match read("/etc/machine-id") {
        empty if empty.is_empty() => read("/var/lib/dbus/machine-id"),
        id => id,
    };
    let uuid = read("/sys/class/dmi/id/product_uuid").to_lowercase();
    NodeSystemInfo {
        architecture: match std::env::consts::ARCH {
            "x86_64" => "amd64".into(),
            "aarch64" => "arm64".into(),
            other => other.into(),
        },
        boot_id: read("/proc/sys/kernel/random/boot_id"),
        kernel_version: read("/proc/sys/kernel/osrelease"),
        kubelet_version: VERSION.into(),
        kube_proxy_version: String::new(),
        operating_system: "linux".into(),
        os_image: pretty.unwrap_or("Linux").trim_matches('"').into(),
        system_uuid: if uuid.is_empty() {
            machine_id.clone()
        } else {
            uuid
        },
        machine_id,
        ..NodeSystemInfo::default()
    }
}
