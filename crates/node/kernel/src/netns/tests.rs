use super::*;

/// Namespaces need root; without it these tests say so and check nothing.
fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("skipped: needs root");
    }
    root
}

#[test]
fn a_pinned_namespace_is_another_one_and_goes_when_unpinned() {
    if !is_root() {
        return;
    }
    let folder = std::env::temp_dir().join(format!("styr-netns-{}", std::process::id()));
    let path = folder.join("one");
    let made = NetNs::create_pinned(&path).unwrap();
    let name = || std::fs::read_link(OF_THIS_THREAD).unwrap();
    assert_ne!(made.run(name).unwrap(), name());
    assert!(NetNs::create_pinned(&path).is_err(), "the path is taken");
    NetNs::unpin(&path).unwrap();
    NetNs::unpin(&path).unwrap();
    assert!(NetNs::open(&path).unwrap_err().is_missing());
    std::fs::remove_dir(folder).unwrap();
}

#[test]
fn sysctls_are_those_of_the_namespace() {
    if !is_root() {
        return;
    }
    let made = NetNs::create().unwrap();
    let forwarding = made.run(|| {
        set_sysctl("net/ipv4/ip_forward", "1").unwrap();
        sysctl("net/ipv4/ip_forward").unwrap()
    });
    assert_eq!(forwarding.unwrap(), "1");
    let fresh = NetNs::create().unwrap();
    let there = fresh.run(|| sysctl("net/ipv4/conf/lo/rp_filter").is_ok());
    assert!(there.unwrap());
}
