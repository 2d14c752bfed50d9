//! Both versions: version 2 against a tree of plain files.

use std::path::Path;

use super::devices::DeviceRule;
use super::{Cgroups, Limits, Version, shares_to_weight};
use crate::mounts::table::parse;

#[test]
fn version_1_counts_before_a_bare_version_2() {
    let table = parse(
        "32 31 0:29 / /cg/cpu rw - cgroup cgroup rw,cpu,cpuacct\n\
         40 31 0:37 / /cg/systemd rw - cgroup cgroup rw,name=systemd\n\
         41 31 0:38 / /cg/unified rw - cgroup2 cgroup2 rw\n",
    );
    let found = Cgroups::from_mounts(&table).unwrap();
    assert_eq!(found.version(), Version::V1);
    assert_eq!(found.controllers(), ["cpu", "cpuacct"]);
    assert_eq!(found.hierarchies().len(), 2);
    let group = found.open("/a/b").unwrap();
    assert_eq!(group.folder("cpuacct"), Some(Path::new("/cg/cpu/a/b")));
    assert_eq!(group.folder("memory"), None);
}

#[test]
fn version_2_alone_is_taken() {
    let table = parse("41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    let found = Cgroups::from_mounts(&table).unwrap();
    assert_eq!(found.version(), Version::V2);
}

#[test]
fn paths_that_lead_upwards_are_refused() {
    let groups = Cgroups::v2_at(Path::new("/nowhere"));
    assert!(groups.open("/a/../../b").is_err());
}

#[test]
fn version_2_gets_its_own_words_for_the_limits() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("pod");
    std::fs::create_dir(&folder).unwrap();
    let files = [
        "cpu.weight",
        "cpu.max",
        "memory.max",
        "memory.swap.max",
        "pids.max",
        "memory.low",
    ];
    for file in files {
        std::fs::write(folder.join(file), "").unwrap();
    }
    let limits = Limits {
        cpu_shares: Some(1024),
        cpu_quota: Some(-1),
        cpu_period: Some(50_000),
        memory: Some(1000),
        memory_and_swap: Some(1500),
        processes: Some(-1),
        unified: [("memory.low".to_owned(), "7".to_owned())].into(),
        ..Limits::default()
    };
    Cgroups::v2_at(root.path())
        .open("/pod")
        .unwrap()
        .set_limits(&limits)
        .unwrap();
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
    let found: Vec<_> = files.iter().map(|file| read(file)).collect();
    assert_eq!(found, ["100", "max 50000", "1000", "500", "max", "7"]);
}

#[test]
fn version_2_counts_what_is_used() {
    let root = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| std::fs::write(root.path().join(file), text).unwrap();
    write("cpu.stat", "usage_usec 12\nuser_usec 5\nsystem_usec 7\n");
    write(
        "memory.stat",
        "anon 10\nfile 20\ninactive_file 30\npgfault 4\npgmajfault 1\n",
    );
    write("memory.current", "100\n");
    write("memory.max", "max\n");
    write("memory.events", "low 0\noom 1\noom_kill 2\n");
    write(
        "cpu.pressure",
        "some avg10=1.50 avg60=0.00 avg300=0.00 total=9\n",
    );
    let group = Cgroups::v2_at(root.path()).open("/").unwrap();
    let stats = group.stats().unwrap();
    assert_eq!(
        (stats.cpu_nanoseconds, stats.memory_working_set),
        (12_000, 70)
    );
    assert_eq!(stats.memory_limit, None);
    assert_eq!(group.oom_kills(), 2);
    let pressure = stats.cpu_pressure.unwrap();
    assert_eq!(pressure.some.total_microseconds, 9);
}

#[test]
fn weights_go_through_least_default_and_most() {
    let found: Vec<_> = [0, 2, 1024, 262_144].map(shares_to_weight).into();
    assert_eq!(found, [0, 1, 100, 10_000]);
}

#[test]
fn device_rules_are_written_as_version_1_wants_them() {
    let mut rule = DeviceRule {
        allow: true,
        kind: 'c',
        major: Some(1),
        minor: None,
        access: "rw".to_owned(),
    };
    assert_eq!(rule.text(), "c 1:* rw");
    rule.kind = 'a';
    rule.major = None;
    assert_eq!(rule.text(), "a");
}
