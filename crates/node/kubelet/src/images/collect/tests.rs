use std::collections::BTreeSet;
use std::time::Duration;

use styr_cri::v1;

use super::{Known, Policy, described};

const POLICY: Policy = Policy {
    high_percent: 85,
    low_percent: 80,
    age_min: Duration::from_secs(120),
    age_max: Duration::ZERO,
};

fn image(id: &str) -> v1::Image {
    v1::Image {
        id: id.into(),
        size: 10,
        ..v1::Image::default()
    }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn used(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

fn ids(unused: &[super::Unused]) -> Vec<&str> {
    unused.iter().map(|image| image.id.as_str()).collect()
}

#[test]
fn a_disk_is_emptied_from_the_high_mark_down_to_the_low_one() {
    assert_eq!(POLICY.excess(1000, 160), None);
    assert_eq!(POLICY.excess(1000, 150), Some(50));
    assert_eq!(POLICY.excess(1000, 0), Some(200));
}

#[test]
fn at_a_high_mark_of_100_nothing_is_ever_collected() {
    let never = Policy {
        high_percent: 100,
        ..POLICY
    };
    assert_eq!(never.excess(1000, 0), None);
    assert!(!never.is_active());
}

#[test]
fn what_a_container_uses_stays() {
    let images = [image("a"), image("b")];
    let unused = Known::default().look(at(0), &images, &used(&["a"]));
    assert_eq!(ids(&unused), ["b"]);
}

#[test]
fn a_pinned_image_stays() {
    let mut pinned = image("a");
    pinned.pinned = true;
    assert_eq!(Known::default().look(at(0), &[pinned], &used(&[])), []);
}

#[test]
fn those_unused_for_the_longest_go_first() {
    let mut known = Known::default();
    let images = [image("a"), image("b"), image("c")];
    known.look(at(0), &images, &used(&["a", "b"]));
    known.look(at(10), &images, &used(&["a"]));
    let unused = known.look(at(20), &images, &used(&[]));
    assert_eq!(ids(&unused), ["c", "b", "a"]);
    assert_eq!(unused[1].idle, at(20));
    assert_eq!(unused[2].idle, at(10));
}

#[test]
fn an_image_that_comes_back_is_young_again() {
    let mut known = Known::default();
    known.look(at(0), &[image("a")], &used(&[]));
    known.look(at(10), &[], &used(&[]));
    let unused = known.look(at(200), &[image("a")], &used(&[]));
    assert_eq!(unused[0].age, at(0));
}

#[test]
fn sizes_are_told_as_upstream_tells_them() {
    assert_eq!(described(1000), "1000 B");
    assert_eq!(described(1536), "1.5 KiB");
    assert_eq!(described(250 << 30), "250.0 GiB");
}
