use std::time::Duration;

use futures::StreamExt as _;
use styr_base::{SteppedClock, SystemClock};
use styr_store::{EventKind, Range, Store, WatchItem};

use super::*;

fn open(folder: &Path) -> Engine {
    Engine::open(
        folder,
        Options {
            clock: SystemClock::shared(),
        },
    )
    .unwrap()
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// Opens again once the writer of the engine that was dropped has let go of the folder.
async fn reopen(folder: &Path) -> Engine {
    loop {
        match Engine::open(
            folder,
            Options {
                clock: SystemClock::shared(),
            },
        ) {
            Ok(engine) => return engine,
            Err(OpenError::Folder(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn compare_and_swap_tells_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let first = engine.create(bytes("/a"), bytes("1"), 0).await.unwrap();
    assert!(matches!(
        engine.create(bytes("/a"), bytes("2"), 0).await,
        Err(StoreError::Exists)
    ));
    let second = engine
        .update(bytes("/a"), bytes("2"), first, 0)
        .await
        .unwrap();
    match engine.update(bytes("/a"), bytes("3"), first, 0).await {
        Err(StoreError::Conflict {
            current: Some(current),
        }) => assert_eq!(current.value, "2"),
        other => panic!("{other:?}"),
    }
    let third = engine.delete(bytes("/a"), second).await.unwrap();
    assert_eq!(third, first + 2);
    assert_eq!(engine.get(b"/a").await.unwrap(), (None, third));
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    for number in 0..20 {
        engine
            .create(bytes(&format!("/k{number}")), bytes("v"), 0)
            .await
            .unwrap();
    }
    engine.forget_before(10).await.unwrap();
    let revision = engine.revision();
    drop(engine);
    let engine = reopen(folder.path()).await;
    assert_eq!(engine.revision(), revision);
    let range = Range {
        start: bytes("/"),
        end: bytes("0"),
        ..Range::default()
    };
    assert_eq!(engine.range(range.clone()).await.unwrap().entries.len(), 20);
    let old = engine.range(Range { at: 9, ..range }).await.unwrap_err();
    assert!(matches!(old, StoreError::Compacted { oldest: 10 }));
}

#[tokio::test]
async fn a_snapshot_holds_everything_that_the_log_did() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let lease = engine.grant_lease(60).await.unwrap();
    let first = engine.create(bytes("/a"), bytes("1"), lease).await.unwrap();
    engine
        .update(bytes("/a"), bytes("2"), first, lease)
        .await
        .unwrap();
    engine.create(bytes("/b"), bytes("1"), 0).await.unwrap();
    engine.forget_before(first + 1).await.unwrap();
    let last = engine.delete(bytes("/b"), first + 2).await.unwrap();
    let records = snapshot::records(&engine.shared.index(), &engine.shared.leases());
    let mut index = Index::default();
    let mut leases = Leases::default();
    for record in records {
        replay(&mut index, &mut leases, record);
    }
    assert_eq!((index.revision(), index.compacted()), (last, first + 1));
    assert_eq!(index.get(b"/a", last).unwrap().value, "2");
    assert_eq!(index.get(b"/b", last - 1).unwrap().value, "1");
    assert_eq!(index.get(b"/b", last), None);
    assert_eq!(leases.look(lease, Duration::ZERO).unwrap().2, ["/a"]);
}

#[tokio::test]
async fn a_watch_starts_in_the_past_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let first = engine.create(bytes("/a"), bytes("1"), 0).await.unwrap();
    engine.create(bytes("/b"), bytes("1"), 0).await.unwrap();
    let mut watch = engine.changes(bytes("/a"), Bytes::new(), first);
    let Some(WatchItem::Events { revision, events }) = watch.next().await else {
        panic!()
    };
    assert_eq!((revision, events.len()), (first, 1));
    assert_eq!(watch.next().await, Some(WatchItem::Progress(first + 1)));
    engine.delete(bytes("/a"), first).await.unwrap();
    let Some(WatchItem::Events { events, .. }) = watch.next().await else {
        panic!()
    };
    assert_eq!(events[0].kind, EventKind::Delete);
    assert_eq!(events[0].previous.as_ref().unwrap().value, "1");
    engine.forget_before(first + 2).await.unwrap();
    let mut late = engine.changes(bytes("/a"), Bytes::new(), first);
    assert_eq!(late.next().await, Some(WatchItem::Compacted(first + 2)));
    assert_eq!(late.next().await, None);
}

#[tokio::test]
async fn keys_go_with_their_lease_unless_it_is_kept_alive() {
    let folder = tempfile::tempdir().unwrap();
    let clock = SteppedClock::shared();
    let engine = Engine::open(
        folder.path(),
        Options {
            clock: clock.clone(),
        },
    )
    .unwrap();
    let lease = engine.grant_lease(10).await.unwrap();
    let created = engine.create(bytes("/a"), bytes("1"), lease).await.unwrap();
    let mut watch = engine.changes(bytes("/a"), Bytes::new(), created + 1);
    assert_eq!(watch.next().await, Some(WatchItem::Progress(created)));
    clock.step(Duration::from_secs(9));
    assert_eq!(engine.keep_alive(lease), Some(10));
    clock.step(Duration::from_secs(9));
    assert!(engine.get(b"/a").await.unwrap().0.is_some());
    clock.step(Duration::from_secs(1));
    let Some(WatchItem::Events { events, .. }) = watch.next().await else {
        panic!()
    };
    assert_eq!(events[0].kind, EventKind::Delete);
    assert_eq!(engine.keep_alive(lease), None);
}
