use std::time::Duration;

use super::{Notice, Outage};

fn notices(seconds: &[u64]) -> Vec<Notice> {
    let mut outage = Outage::default();
    let at = |second: &u64| outage.notice(Duration::from_secs(*second));
    seconds.iter().map(at).collect()
}

#[test]
fn a_server_that_starts_is_waited_for_with_one_word() {
    let said = notices(&[0, 1, 3, 7, 15, 29]);
    assert_eq!(said[0], Notice::First);
    assert!(said[1..].iter().all(|notice| *notice == Notice::Known));
}

#[test]
fn what_stays_down_is_mentioned_once_a_minute() {
    let said = notices(&[0, 30, 31, 89, 90]);
    let expected = [
        Notice::First,
        Notice::Lasting,
        Notice::Known,
        Notice::Known,
        Notice::Lasting,
    ];
    assert_eq!(said, expected);
}

#[test]
fn an_outage_that_ended_begins_anew() {
    let mut outage = Outage::default();
    outage.notice(Duration::ZERO);
    outage.ended();
    assert_eq!(outage.notice(Duration::from_secs(40)), Notice::First);
}
