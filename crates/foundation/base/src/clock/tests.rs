use super::*;

#[tokio::test]
async fn wakes_only_those_who_are_due() {
    let clock = SteppedClock::shared();
    let early = clock.sleep(Duration::from_secs(1));
    let late = clock.sleep(Duration::from_secs(3));
    clock.step(Duration::from_secs(2));
    early.await;
    assert_eq!(clock.next_due(), Some(Duration::from_secs(1)));
    clock.step(Duration::from_secs(1));
    late.await;
    assert_eq!(clock.next_due(), None);
}

#[test]
fn wall_time_and_monotonic_time_move_together() {
    let clock = SteppedClock::shared();
    let before = clock.now();
    clock.step(Duration::from_secs(90));
    assert_eq!(clock.now().duration_since(before).as_secs(), 90);
    assert_eq!(clock.monotonic(), Duration::from_secs(90));
}
