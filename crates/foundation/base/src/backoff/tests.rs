use super::*;

#[test]
fn doubles_up_to_its_ceiling_and_starts_again_after_a_success() {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
    let waits: Vec<u64> = (0..5).map(|_| backoff.next_wait().as_secs()).collect();
    assert_eq!(waits, [1, 2, 4, 5, 5]);
    backoff.reset();
    assert_eq!(backoff.next_wait().as_secs(), 1);
}

#[test]
fn survives_any_number_of_failures() {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(300));
    for _ in 0..100 {
        backoff.next_wait();
    }
    assert_eq!(backoff.next_wait().as_secs(), 300);
}
