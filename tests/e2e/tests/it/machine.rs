//! What a cluster could leave behind on a machine, as lines that can be compared.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Settings of the kernel that a node touches, or could.
const SETTINGS: [&str; 12] = [
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/arp_ignore",
    "net/ipv4/conf/all/forwarding",
    "net/ipv4/conf/all/proxy_arp",
    "net/ipv4/conf/all/route_localnet",
    "net/ipv4/conf/all/rp_filter",
    "net/ipv4/conf/default/rp_filter",
    "net/ipv6/conf/all/forwarding",
    "net/netfilter/nf_conntrack_max",
    "kernel/panic",
    "kernel/panic_on_oops",
    "vm/overcommit_memory",
];
/// Folders whose entries are compared by name.
const FOLDERS: [&str; 7] = [
    "/etc",
    "/etc/cni",
    "/etc/kubernetes",
    "/opt",
    "/run",
    "/run/netns",
    "/var/lib",
];
/// Where clusters note what they share.
const SHARED: &str = "/run/styr";

/// Which things are those of the clusters under test.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ours {
    /// All that the tests write lies in it.
    pub(crate) folder: PathBuf,
    /// With these begin the names of links and tables.
    pub(crate) prefixes: Vec<String>,
    /// Names of control groups.
    pub(crate) groups: Vec<String>,
}

/// The machine at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    lines: BTreeSet<String>,
}

impl Snapshot {
    pub(crate) fn take(ours: &Ours) -> Self {
        let mut lines = BTreeSet::new();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        for mount in mounts.lines() {
            let (place, kind) = mount.split_once(" - ").unwrap();
            let point = place.split(' ').nth(4).unwrap();
            let kind = kind.split(' ').next().unwrap();
            lines.insert(format!("mount {kind} {point}"));
            if kind.starts_with("cgroup") {
                lines.extend(control_groups(Path::new(point)));
            }
        }
        for folder in FOLDERS {
            lines.extend(names(Path::new(folder)).map(|name| format!("file {folder}/{name}")));
        }
        lines.extend(names(Path::new("/sys/class/net")).map(|name| format!("link {name}")));
        for setting in SETTINGS {
            if let Ok(value) = fs::read_to_string(Path::new("/proc/sys").join(setting)) {
                lines.insert(format!("setting {setting} = {}", value.trim()));
            }
        }
        lines.extend(output("nft", &["list", "tables"]));
        lines.extend(output("iptables-save", &[]).filter(|line| !line.contains(['#', '['])));
        lines.extend(processes(ours));
        lines.retain(|line| !is_of_others(line, ours));
        Self { lines }
    }

    /// What is there and was not, and what was there and is not.
    pub(crate) fn changes_since(&self, before: &Self) -> Vec<String> {
        let came = self.lines.difference(&before.lines);
        let went = before.lines.difference(&self.lines);
        let came = came.map(|line| format!("new: {line}"));
        came.chain(went.map(|line| format!("gone: {line}")))
            .collect()
    }
}

fn names(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
}

/// Those at the top of a hierarchy: no cluster's lie in those of others, which come and go.
fn control_groups(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.map(|entry| format!("control group {}", entry.path().display()))
}

/// What a program of the machine says, should there be one.
fn output(program: &str, args: &[&str]) -> impl Iterator<Item = String> {
    let output = Command::new(program).args(args).output();
    let text = output.map(|it| String::from_utf8_lossy(&it.stdout).into_owned());
    let lines: Vec<String> = text
        .unwrap_or_default()
        .lines()
        .map(|line| format!("{program}: {line}"))
        .collect();
    lines.into_iter()
}

/// Processes of our clusters: by control group, by what they were told, and by where they are.
fn processes(ours: &Ours) -> Vec<String> {
    let folder = ours.folder.to_str().unwrap();
    let own = std::process::id().to_string();
    let mut found = Vec::new();
    for name in names(Path::new("/proc")) {
        let process = Path::new("/proc").join(&name);
        if name == own || !name.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let read = |file: &str| {
            String::from_utf8_lossy(&fs::read(process.join(file)).unwrap_or_default()).into_owned()
        };
        let groups = read("cgroup");
        let words = read("cmdline").replace('\0', " ");
        let is_ours = words.contains(folder) || ours.groups.iter().any(|it| groups.contains(it));
        // A zombie is gone already, as far as the cluster can help it.
        if is_ours && !read("stat").contains(") Z ") {
            found.push(format!("process {name} {words}"));
        }
    }
    found
}

/// Other clusters come and go on this machine, too.
fn is_of_others(line: &str, ours: &Ours) -> bool {
    let words: Vec<&str> = line.split([' ', '/']).collect();
    let is_ours = |word: &str| {
        ours.prefixes
            .iter()
            .any(|prefix| word.starts_with(prefix.as_str()))
    };
    let foreign_link = words
        .iter()
        .any(|word| is_link_of_a_cluster(word) && !is_ours(word));
    let is_own_group = |word: &str| ours.groups.iter().any(|group| group == word);
    let mut groups = words.iter().filter(|word| word.starts_with("styr-"));
    let foreign_group = line.starts_with("control group") && !groups.all(|word| is_own_group(word));
    let shared =
        line.contains(SHARED) || line.contains("ip_forward") || line.contains("forwarding");
    let foreign_state = line.starts_with("file /var/lib/styr");
    foreign_link || foreign_group || foreign_state || (shared && others_are_there(ours))
}

/// `st`, six digits, and perhaps a number.
fn is_link_of_a_cluster(word: &str) -> bool {
    let digits = word.strip_prefix("st").and_then(|rest| rest.get(..6));
    digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn others_are_there(ours: &Ours) -> bool {
    let notes = fs::read_to_string(Path::new(SHARED).join("settings.json")).unwrap_or_default();
    let folder = ours.folder.to_str().unwrap();
    let clusters = notes.split('"').filter(|word| word.contains("/clusters/"));
    clusters
        .into_iter()
        .any(|cluster| !cluster.starts_with(folder))
}
