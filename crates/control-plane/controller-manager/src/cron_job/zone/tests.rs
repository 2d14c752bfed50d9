use jiff::Timestamp;

use super::carried;

#[test]
fn a_zone_is_known_without_the_system() {
    let zone = carried("Europe/Copenhagen").expect("a zone");
    for (time, hours) in [("2026-01-15T12:00:00Z", 1), ("2026-07-15T12:00:00Z", 2)] {
        let time: Timestamp = time.parse().expect("a time");
        assert_eq!(zone.to_offset(time).seconds(), hours * 3600);
    }
    assert!(carried("Mars/Olympus").is_none());
}
