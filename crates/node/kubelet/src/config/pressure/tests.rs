use std::time::Duration;

use super::Pressure;
use crate::eviction::policy::{Amount, Enforces};
use crate::eviction::signal::Signal;

fn read(text: &str) -> Pressure {
    serde_saphyr::from_str(text).unwrap()
}

#[test]
fn what_is_not_given_is_upstreams() {
    let none = Pressure::default();
    assert_eq!(none.enforces().unwrap(), Enforces::Pods);
    let policy = none.eviction().unwrap();
    assert_eq!(policy.thresholds.len(), 6);
    assert_eq!(policy.transition, Duration::from_secs(300));
    let images = none.image_collection().unwrap();
    assert_eq!((images.high_percent, images.low_percent), (85, 80));
    assert_eq!(images.age_min, Duration::from_secs(120));
}

#[test]
fn a_local_cluster_evicts_for_no_disk_and_collects_no_image() {
    let file = read(
        "evictionHard: {nodefs.available: 0%, nodefs.inodesFree: 0%, imagefs.available: 0%}\n\
         imageGCHighThresholdPercent: 100\n",
    );
    assert_eq!(file.eviction().unwrap().thresholds, []);
    assert!(!file.image_collection().unwrap().is_active());
}

#[test]
fn defaults_are_merged_only_on_request() {
    let file = read("evictionHard: {memory.available: 1Gi}\nmergeDefaultEvictionSettings: true\n");
    let policy = file.eviction().unwrap();
    assert_eq!(policy.reserved(Signal::Memory, 0), 1 << 30);
    let disk = policy
        .thresholds
        .iter()
        .find(|it| it.signal == Signal::NodeDisk);
    assert_eq!(disk.unwrap().amount, Amount::Percent(10.0));
}

#[test]
fn groups_that_are_not_held_are_refused() {
    let file = read("enforceNodeAllocatable: [pods, system-reserved]\n");
    assert!(file.enforces().is_err());
    let file = read("enforceNodeAllocatable: []\n");
    assert_eq!(file.enforces().unwrap(), Enforces::Nothing);
}

#[test]
fn images_are_kept_up_to_less_than_they_are_collected_from() {
    let file = read("imageGCHighThresholdPercent: 70\n");
    assert!(file.image_collection().is_err());
}
