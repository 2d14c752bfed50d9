use jiff::{SignedDuration, Timestamp};

use super::BackOff;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

#[test]
fn doubles_up_to_five_minutes() {
    let mut back_off = BackOff::default();
    assert_eq!(back_off.waiting("a", at(0), at(0)), None);
    let mut waits = Vec::new();
    for _ in 0..7 {
        back_off.next("a", at(0), at(0));
        let (wait, until) = back_off.waiting("a", at(0), at(0)).unwrap();
        assert_eq!(until, at(0) + wait);
        waits.push(wait.as_secs());
    }
    assert_eq!(waits, [10, 20, 40, 80, 160, 300, 300]);
}

#[test]
fn forgets_after_ten_minutes() {
    let mut back_off = BackOff::default();
    back_off.next("a", at(0), at(0));
    back_off.next("a", at(0), at(0));
    back_off.next("a", at(601), at(601));
    let (wait, _) = back_off.waiting("a", at(601), at(601)).unwrap();
    assert_eq!(wait, SignedDuration::from_secs(10));
}
