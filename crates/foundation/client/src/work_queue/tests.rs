use std::time::Duration;

use styr_base::SteppedClock;

use super::WorkQueue;

#[tokio::test]
async fn hands_out_an_item_again_if_it_was_added_during_work() {
    let queue = WorkQueue::new(SteppedClock::shared(), None);
    queue.add("a");
    queue.add("a");
    assert_eq!(queue.next().await, Some("a"));
    queue.add("a");
    assert!(queue.is_empty(), "never to two workers at a time");
    queue.done(&"a");
    assert_eq!(queue.next().await, Some("a"));
    queue.done(&"a");
    assert!(queue.is_empty());
}

#[tokio::test]
async fn keeps_the_earlier_of_two_delays() {
    let clock = SteppedClock::shared();
    let queue = WorkQueue::new(clock.clone(), None);
    queue.add_after("a", Duration::from_secs(5));
    queue.add_after("a", Duration::from_secs(9));
    let run = async {
        let (_, item) = tokio::join!(async { clock.step(Duration::from_secs(5)) }, async {
            queue.next().await
        });
        item
    };
    tokio::select! {
        () = queue.run_delays() => unreachable!("the queue is open"),
        item = run => assert_eq!(item, Some("a")),
    }
    assert_eq!(clock.next_due(), None);
}

#[tokio::test]
async fn ends_for_every_worker_once_it_is_closed() {
    let queue = WorkQueue::<&str>::new(SteppedClock::shared(), None);
    queue.close();
    assert_eq!(tokio::join!(queue.next(), queue.next()), (None, None));
}
