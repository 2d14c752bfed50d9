use std::collections::BTreeMap;
use std::time::Duration;

use super::{Amount, Enforces, Given, thresholds};
use crate::eviction::signal::Signal;

fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    entries.iter().map(owned).collect()
}

fn hard(entries: &[(&str, &str)]) -> anyhow::Result<Vec<super::Threshold>> {
    let map = map(entries);
    let given = Given {
        hard: Some(&map),
        ..Given::default()
    };
    thresholds(given, Enforces::Nothing)
}

#[test]
fn without_a_configuration_upstreams_defaults_hold() {
    let found = thresholds(Given::default(), Enforces::Pods).unwrap();
    let found: Vec<_> = found.iter().map(|it| (it.signal, it.amount)).collect();
    let expected = [
        (Signal::ImageDisk, Amount::Percent(15.0)),
        (Signal::ImageInodes, Amount::Percent(5.0)),
        (Signal::Memory, Amount::Fixed(100 << 20)),
        (Signal::PodsMemory, Amount::Fixed(100 << 20)),
        (Signal::NodeDisk, Amount::Percent(10.0)),
        (Signal::NodeInodes, Amount::Percent(5.0)),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_configuration_replaces_all_defaults() {
    let found = hard(&[("nodefs.available", "1Gi")]).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].amount, Amount::Fixed(1 << 30));
}

#[test]
fn nothing_to_keep_free_is_no_threshold() {
    let found = hard(&[("nodefs.available", "0%"), ("imagefs.available", "100%")]).unwrap();
    assert_eq!(found, []);
}

#[test]
fn an_unknown_signal_is_an_error_that_names_it() {
    let error = hard(&[("nodefs.free", "1Gi")]).unwrap_err();
    let expected = "evictionHard: unsupported eviction signal \"nodefs.free\"";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn an_amount_of_nothing_is_an_error() {
    assert!(hard(&[("memory.available", "0")]).is_err());
}

#[test]
fn more_than_everything_is_an_error() {
    assert!(hard(&[("nodefs.available", "120%")]).is_err());
}

#[test]
fn a_soft_threshold_needs_a_grace_period() {
    let (hard, soft) = (map(&[]), map(&[("memory.available", "1Gi")]));
    let given = Given {
        hard: Some(&hard),
        soft: Some(&soft),
        ..Given::default()
    };
    assert!(thresholds(given, Enforces::Nothing).is_err());
    let grace = map(&[("memory.available", "1m30s")]);
    let given = Given {
        soft_grace: Some(&grace),
        ..given
    };
    let found = thresholds(given, Enforces::Nothing).unwrap();
    assert_eq!(found[0].grace, Duration::from_secs(90));
}

#[test]
fn what_is_to_be_reclaimed_belongs_to_the_threshold_of_its_signal() {
    let (hard, reclaim) = (
        map(&[("nodefs.available", "1Gi"), ("memory.available", "1Mi")]),
        map(&[("nodefs.available", "500M")]),
    );
    let given = Given {
        hard: Some(&hard),
        reclaim: Some(&reclaim),
        ..Given::default()
    };
    let found = thresholds(given, Enforces::Nothing).unwrap();
    let of = |signal| found.iter().find(|it| it.signal == signal).unwrap().reclaim;
    assert_eq!(of(Signal::NodeDisk), Some(Amount::Fixed(500_000_000)));
    assert_eq!(of(Signal::Memory), None);
}
