use std::cell::Cell;

use super::{AT_ONCE, create_and_delete, run};

#[tokio::test]
async fn a_bounded_number_is_under_way() {
    let (now, most) = (Cell::new(0), Cell::new(0));
    let step = || async {
        now.set(now.get() + 1);
        most.set(now.get().max(most.get()));
        tokio::task::yield_now().await;
        now.set(now.get() - 1);
    };
    let ended = run((0..10 * AT_ONCE).map(|_| step()).collect()).await;
    assert_eq!((ended.len(), most.get()), (10 * AT_ONCE, AT_ONCE));
}

#[tokio::test]
async fn one_failure_stops_nothing_else() {
    let done = Cell::new(0);
    let step = |fails: bool| {
        let done = &done;
        async move {
            done.set(done.get() + 1);
            if fails { Err("refused") } else { Ok(()) }
        }
    };
    let creations = [false, true, false].map(step).into();
    let deletions = [false, false].map(step).into();
    assert_eq!(
        create_and_delete(creations, deletions).await,
        Some("refused")
    );
    assert_eq!(done.get(), 5);
}
