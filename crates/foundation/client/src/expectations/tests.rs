use std::time::Duration;

use styr_base::SteppedClock;

use super::Expectations;
use crate::Key;

#[test]
fn waits_until_all_creations_and_deletions_were_seen() {
    let expectations = Expectations::new(SteppedClock::shared());
    let (owner, pod) = (Key::new("default", "web"), Key::new("default", "web-1"));
    expectations.expect_creations(&owner, 1);
    expectations.expect_deletions(&owner, [pod.clone()]);
    expectations.creation_observed(&owner);
    assert!(!expectations.satisfied(&owner));
    expectations.deletion_observed(&owner, &pod);
    assert!(expectations.satisfied(&owner));
}

#[test]
fn gives_up_waiting_after_five_minutes() {
    let clock = SteppedClock::shared();
    let expectations = Expectations::new(clock.clone());
    let owner = Key::new("default", "web");
    expectations.expect_creations(&owner, 1);
    clock.step(Duration::from_secs(301));
    assert!(expectations.satisfied(&owner));
}
