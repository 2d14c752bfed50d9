use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Schedule;

/// The next three moments.
fn check(schedule: &str, zone: &str, after: &str, expected: [&str; 3]) {
    let schedule = Schedule::parse(schedule).unwrap();
    let zone = TimeZone::get(zone).unwrap();
    let mut at: Timestamp = after.parse().unwrap();
    for expected in expected {
        at = schedule.next(at, &zone).unwrap();
        assert_eq!(at, expected.parse().unwrap(), "{schedule:?}");
    }
}

#[test]
fn steps_and_lists_are_due_in_turn() {
    let expected = [
        "2026-01-01T00:15:00Z",
        "2026-01-01T00:30:00Z",
        "2026-01-01T00:45:00Z",
    ];
    check("*/15 * * * *", "UTC", "2026-01-01T00:00:00Z", expected);
    let expected = [
        "2026-01-01T06:05:00Z",
        "2026-01-01T18:05:00Z",
        "2026-01-02T06:05:00Z",
    ];
    check("5 6,18 * * *", "UTC", "2026-01-01T00:00:00Z", expected);
}

#[test]
fn of_a_day_and_a_weekday_one_is_enough() {
    // The 13th, and Fridays.
    let expected = [
        "2026-02-06T00:00:00Z",
        "2026-02-13T00:00:00Z",
        "2026-02-20T00:00:00Z",
    ];
    check("0 0 13 * fri", "UTC", "2026-02-01T00:00:00Z", expected);
    let expected = [
        "2026-02-13T00:00:00Z",
        "2026-03-13T00:00:00Z",
        "2026-04-13T00:00:00Z",
    ];
    check("0 0 13 * *", "UTC", "2026-02-01T00:00:00Z", expected);
}

#[test]
fn a_leap_day_is_waited_for() {
    let expected = [
        "2028-02-29T00:00:00Z",
        "2032-02-29T00:00:00Z",
        "2036-02-29T00:00:00Z",
    ];
    check("0 0 29 feb *", "UTC", "2026-01-01T00:00:00Z", expected);
}

#[test]
fn an_hour_that_is_skipped_is_left_out_and_one_that_comes_twice_counts_once() {
    // Clocks go from 02:00 to 03:00 on 2026-03-29, and from 03:00 to 02:00 on 2026-10-25.
    let expected = [
        "2026-03-28T01:30:00Z",
        "2026-03-30T00:30:00Z",
        "2026-03-31T00:30:00Z",
    ];
    check(
        "30 2 * * *",
        "Europe/Copenhagen",
        "2026-03-28T00:00:00Z",
        expected,
    );
    let expected = [
        "2026-10-25T00:30:00Z",
        "2026-10-26T01:30:00Z",
        "2026-10-27T01:30:00Z",
    ];
    check(
        "30 2 * * *",
        "Europe/Copenhagen",
        "2026-10-24T12:00:00Z",
        expected,
    );
}

#[test]
fn an_interval_counts_from_the_last_whole_second() {
    let expected = [
        "2026-01-01T01:30:00Z",
        "2026-01-01T03:00:00Z",
        "2026-01-01T04:30:00Z",
    ];
    check("@every 1h30m", "UTC", "2026-01-01T00:00:00.7Z", expected);
}

#[test]
fn what_cannot_be_read_is_refused() {
    for text in [
        "",
        "* * * *",
        "60 * * * *",
        "* * 0 * *",
        "* * * * 7",
        "5-1 * * * *",
        "*/0 * * * *",
        "x * * * *",
        "@every soon",
    ] {
        assert!(Schedule::parse(text).is_err(), "{text}");
    }
}

#[test]
fn the_latest_of_many_missed_moments_is_found() {
    let schedule = Schedule::parse("* * * * *").unwrap();
    let time = |text: &str| text.parse::<Timestamp>().unwrap();
    let span = (time("2025-01-01T00:00:00Z"), time("2026-01-01T00:00:30Z"));
    let (latest, count) = schedule.latest(span, &TimeZone::UTC, 100).unwrap();
    assert_eq!(latest, time("2026-01-01T00:00:00Z"));
    assert!(count > 100);
}
