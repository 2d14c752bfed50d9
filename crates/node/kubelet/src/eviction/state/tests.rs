use std::collections::BTreeSet;
use std::time::Duration;

use super::{Outcome, State, is_resolved};
use crate::eviction::policy::{Amount, Policy, Threshold};
use crate::eviction::signal::{Observations, Observed, Pressure, Signal};

const TRANSITION: Duration = Duration::from_secs(300);

fn threshold(signal: Signal, amount: i64) -> Threshold {
    Threshold {
        signal,
        amount: Amount::Fixed(amount),
        grace: Duration::ZERO,
        reclaim: None,
    }
}

fn policy(thresholds: &[Threshold]) -> Policy {
    Policy {
        thresholds: thresholds.to_vec(),
        transition: TRANSITION,
        soft_grace_max_seconds: 0,
    }
}

fn free(figures: &[(Signal, i64)]) -> Observations {
    let observed = |&(signal, available): &(Signal, i64)| {
        let capacity = 1000;
        (
            signal,
            Observed {
                available,
                capacity,
            },
        )
    };
    figures.iter().map(observed).collect()
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn short_of(outcome: &Outcome) -> Option<Signal> {
    outcome.starved.map(|starved| starved.threshold.signal)
}

#[test]
fn exactly_the_threshold_is_enough() {
    let policy = policy(&[threshold(Signal::Memory, 100)]);
    let outcome = State::default().look(at(0), &policy, &free(&[(Signal::Memory, 100)]));
    assert_eq!((outcome.pressures.len(), outcome.starved), (0, None));
}

#[test]
fn below_a_hard_threshold_pods_go_at_once() {
    let policy = policy(&[threshold(Signal::Memory, 100)]);
    let outcome = State::default().look(at(0), &policy, &free(&[(Signal::Memory, 99)]));
    assert_eq!(outcome.pressures, BTreeSet::from([Pressure::Memory]));
    let starved = outcome.starved.unwrap();
    assert_eq!((starved.needed, starved.available), (100, 99));
}

#[test]
fn a_soft_threshold_tells_at_once_and_acts_after_its_grace() {
    let soft = Threshold {
        grace: at(30),
        ..threshold(Signal::Memory, 100)
    };
    let (policy, short) = (policy(&[soft]), free(&[(Signal::Memory, 1)]));
    let mut state = State::default();
    let first = state.look(at(0), &policy, &short);
    assert_eq!((first.pressures.len(), first.starved), (1, None));
    assert_eq!(short_of(&state.look(at(29), &policy, &short)), None);
    let late = state.look(at(30), &policy, &short);
    assert_eq!(short_of(&late), Some(Signal::Memory));
}

#[test]
fn a_grace_begins_anew_after_relief() {
    let soft = Threshold {
        grace: at(30),
        ..threshold(Signal::Memory, 100)
    };
    let policy = policy(&[soft]);
    let mut state = State::default();
    state.look(at(0), &policy, &free(&[(Signal::Memory, 1)]));
    state.look(at(20), &policy, &free(&[(Signal::Memory, 500)]));
    let outcome = state.look(at(40), &policy, &free(&[(Signal::Memory, 1)]));
    assert_eq!(outcome.starved, None);
}

#[test]
fn a_pressure_is_told_for_the_transition_period_after_it_ended() {
    let policy = policy(&[threshold(Signal::NodeDisk, 100)]);
    let (short, fine) = (
        free(&[(Signal::NodeDisk, 1)]),
        free(&[(Signal::NodeDisk, 500)]),
    );
    let mut state = State::default();
    state.look(at(0), &policy, &short);
    let soon = state.look(at(299), &policy, &fine);
    assert_eq!(soon.pressures, BTreeSet::from([Pressure::Disk]));
    assert_eq!(soon.starved, None);
    let later = state.look(at(300), &policy, &fine);
    assert_eq!(later.pressures, BTreeSet::new());
}

#[test]
fn once_acted_upon_more_has_to_be_free() {
    let reclaims = Threshold {
        reclaim: Some(Amount::Fixed(50)),
        ..threshold(Signal::NodeDisk, 100)
    };
    let policy = policy(&[reclaims]);
    let some = free(&[(Signal::NodeDisk, 120)]);
    let mut state = State::default();
    assert_eq!(state.look(at(0), &policy, &some).starved, None);
    state.look(at(10), &policy, &free(&[(Signal::NodeDisk, 99)]));
    let still = state.look(at(20), &policy, &some);
    assert_eq!(short_of(&still), Some(Signal::NodeDisk));
    let enough = state.look(at(30), &policy, &free(&[(Signal::NodeDisk, 150)]));
    assert_eq!(enough.starved, None);
}

#[test]
fn memory_comes_first() {
    let policy = policy(&[
        threshold(Signal::NodeDisk, 100),
        threshold(Signal::Memory, 100),
    ]);
    let short = free(&[(Signal::NodeDisk, 1), (Signal::Memory, 1)]);
    let outcome = State::default().look(at(0), &policy, &short);
    assert_eq!(short_of(&outcome), Some(Signal::Memory));
    assert_eq!(outcome.pressures.len(), 2);
}

#[test]
fn what_could_not_be_read_is_no_shortage() {
    let policy = policy(&[threshold(Signal::NodeDisk, 100)]);
    let outcome = State::default().look(at(0), &policy, &free(&[]));
    assert_eq!((outcome.pressures.len(), outcome.starved), (0, None));
}

#[test]
fn relief_counts_only_with_what_was_to_be_reclaimed() {
    let reclaims = Threshold {
        reclaim: Some(Amount::Fixed(50)),
        ..threshold(Signal::NodeDisk, 100)
    };
    let policy = policy(&[reclaims]);
    assert!(!is_resolved(&policy, &free(&[(Signal::NodeDisk, 149)])));
    assert!(is_resolved(&policy, &free(&[(Signal::NodeDisk, 150)])));
}
