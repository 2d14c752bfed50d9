//! What the client promises. The rules that need nothing but a store are asked of etcd's own
//! program as well, if `STYR_TEST_ETCD` has the URL of an empty one (and `STYR_TEST_ETCD_TLS` the
//! folder of `ca.crt`, `client.crt` and `client.key`).

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use styr_store::{
    EtcdClient, EventKind, Range, Revision, Store, StoreError, TlsFiles, WatchItem, WatchStream,
};

use crate::server;

const STAY: &[u8] = b"\0";

async fn connect(url: &str) -> Arc<dyn Store> {
    EtcdClient::connect(&[url.to_owned()], TlsFiles::default())
        .await
        .unwrap()
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn keys_of(start: &str, at: Revision, limit: usize) -> Range {
    let (start, end) = (bytes(start), bytes(&format!("{start}~")));
    Range {
        start,
        end,
        at,
        limit,
    }
}

async fn watch(store: &Arc<dyn Store>, prefix: &str, from: Revision) -> WatchStream {
    let (start, end) = (bytes(prefix), bytes(&format!("{prefix}~")));
    store.watch(start, end, from).await.unwrap()
}

/// Up to the item that says that everything up to `revision` has been sent.
async fn items_until(stream: &mut WatchStream, until: Revision) -> Vec<WatchItem> {
    let mut items = Vec::new();
    loop {
        match stream.next().await.expect("the watch goes on") {
            WatchItem::Progress(revision) if revision >= until => return items,
            WatchItem::Progress(_) => {}
            item => items.push(item),
        }
    }
}

#[tokio::test]
async fn our_store_keeps_the_rules() {
    let running = server::start().await;
    rules(&connect(&running.url).await).await;
}

#[tokio::test]
async fn etcd_keeps_the_rules() {
    let Ok(url) = std::env::var("STYR_TEST_ETCD") else {
        println!("skipped: no STYR_TEST_ETCD, the URL of an empty etcd");
        return;
    };
    let folder = std::env::var_os("STYR_TEST_ETCD_TLS").map(PathBuf::from);
    let file = |name| folder.as_ref().map(|folder| folder.join(name));
    let files = TlsFiles {
        ca: file("ca.crt"),
        certificate: file("client.crt"),
        key: file("client.key"),
    };
    rules(&EtcdClient::connect(&[url], files).await.unwrap()).await;
}

async fn rules(store: &Arc<dyn Store>) {
    writes_compare_and_swap(store).await;
    ranges_have_pages(store).await;
    large_batches_are_split(store).await;
    watches_group_by_revision(store).await;
    watches_of_other_keys_learn_of_progress(store).await;
    leases_end_their_keys(store).await;
    the_past_can_be_forgotten(store).await;
}

async fn writes_compare_and_swap(store: &Arc<dyn Store>) {
    let (key, one, two) = (bytes("swap"), bytes("1"), bytes("2"));
    let first = store.create(key.clone(), one.clone(), 0).await.unwrap();
    let again = store.create(key.clone(), two.clone(), 0).await;
    assert!(matches!(again, Err(StoreError::Exists)), "{again:?}");
    let second = store.update(key.clone(), two.clone(), first, 0).await;
    let second = second.unwrap();
    assert_eq!(second, first + 1);
    let stale = store.update(key.clone(), one, first, 0).await;
    let Err(StoreError::Conflict {
        current: Some(current),
    }) = stale
    else {
        panic!("{stale:?}")
    };
    assert_eq!(
        (current.value, current.mod_revision, current.version),
        (two, second, 2)
    );
    let stale = store.delete(key.clone(), first).await;
    assert!(
        matches!(stale, Err(StoreError::Conflict { current: Some(_) })),
        "{stale:?}"
    );
    let deleted = store.delete(key.clone(), second).await.unwrap();
    assert_eq!(store.get(&key).await.unwrap(), (None, deleted));
    let gone = store.delete(key, second).await;
    assert!(
        matches!(gone, Err(StoreError::Conflict { current: None })),
        "{gone:?}"
    );
    assert_eq!(store.status().await.unwrap().revision, deleted);
}

async fn ranges_have_pages(store: &Arc<dyn Store>) {
    let entries = ["page/a", "page/b", "page/c"].map(|key| (bytes(key), bytes("x")));
    let at = store.create_batch(entries.to_vec()).await.unwrap();
    store.delete(bytes("page/a"), at).await.unwrap();
    let page = store.range(keys_of("page/", at, 2)).await.unwrap();
    assert_eq!((page.revision, page.more, page.remaining), (at, true, 1));
    assert_eq!(page.entries[0].key, "page/a");
    let now = store.range(keys_of("page/", 0, 0)).await.unwrap();
    assert_eq!(
        (now.revision, now.more, now.entries.len()),
        (at + 1, false, 2)
    );
    let later = store.range(keys_of("page/", at + 100_000, 0)).await;
    assert!(matches!(later, Err(StoreError::Future { .. })), "{later:?}");
}

async fn large_batches_are_split(store: &Arc<dyn Store>) {
    let entry = |i: usize| (bytes(&format!("batch/{i:03}")), bytes("x"));
    let entries: Vec<_> = (0..300).map(entry).collect();
    store.create_batch(entries[299..].to_vec()).await.unwrap();
    let exists = store.create_batch(entries.clone()).await;
    assert!(matches!(exists, Err(StoreError::Exists)), "{exists:?}");
    let written = store.range(keys_of("batch/", 0, 0)).await.unwrap();
    assert_eq!(written.entries.len(), 1);
    store.create_batch(entries[..299].to_vec()).await.unwrap();
    let written = store.range(keys_of("batch/", 0, 0)).await.unwrap();
    assert_eq!(written.entries.len(), 300);
}

async fn watches_group_by_revision(store: &Arc<dyn Store>) {
    let before = store.current_revision().await.unwrap();
    let mut stream = watch(store, "group/", 0).await;
    assert!(items_until(&mut stream, before).await.is_empty());
    let both = ["group/a", "group/b"].map(|key| (bytes(key), bytes("x")));
    let created = store.create_batch(both.to_vec()).await.unwrap();
    let deleted = store.delete(bytes("group/a"), created).await.unwrap();
    for from in [0, created] {
        let mut later = watch(store, "group/", from).await;
        let stream = if from == 0 { &mut stream } else { &mut later };
        let mut items = Vec::new();
        while items.len() < 2 {
            match stream.next().await.unwrap() {
                WatchItem::Events { revision, events } => items.push((revision, events)),
                item => assert!(matches!(item, WatchItem::Progress(_)), "{item:?}"),
            }
        }
        assert_eq!((items[0].0, items[0].1.len()), (created, 2));
        let (revision, events) = &items[1];
        assert_eq!((*revision, events[0].kind), (deleted, EventKind::Delete));
        assert_eq!(events[0].previous.as_ref().unwrap().value, "x");
        assert_eq!(events[0].current.mod_revision, deleted);
        items_until_quiet(stream, deleted).await;
    }
}

/// Everything that is left says only that there is nothing more.
async fn items_until_quiet(stream: &mut WatchStream, revision: Revision) {
    if let Some(Some(item)) = futures::FutureExt::now_or_never(stream.next()) {
        assert!(
            matches!(item, WatchItem::Progress(at) if at >= revision),
            "{item:?}"
        );
    }
}

async fn watches_of_other_keys_learn_of_progress(store: &Arc<dyn Store>) {
    let now = store.current_revision().await.unwrap();
    let mut stream = watch(store, "elsewhere/", now + 1).await;
    items_until(&mut stream, now).await;
    let written = store.create(bytes("here"), bytes("x"), 0).await.unwrap();
    assert!(items_until(&mut stream, written).await.is_empty());
    let mut past = watch(store, "here", now + 1).await;
    assert_eq!(items_until(&mut past, written).await.len(), 1);
}

async fn leases_end_their_keys(store: &Arc<dyn Store>) {
    let unknown = store.create(bytes("leased"), bytes("x"), 4_711).await;
    assert!(
        matches!(unknown, Err(StoreError::LeaseNotFound)),
        "{unknown:?}"
    );
    let lease = store.grant_lease(3_600).await.unwrap();
    store
        .create(bytes("leased"), bytes("x"), lease)
        .await
        .unwrap();
    assert_eq!(store.get(b"leased").await.unwrap().0.unwrap().lease, lease);
    let long = store.grant_lease(i64::MAX).await;
    assert!(matches!(long, Err(StoreError::Invalid(_))), "{long:?}");
}

async fn the_past_can_be_forgotten(store: &Arc<dyn Store>) {
    let first = store.create(bytes("past"), bytes("1"), 0).await.unwrap();
    let second = store.update(bytes("past"), bytes("2"), first, 0).await;
    let second = second.unwrap();
    store.compact(second).await.unwrap();
    let read = store.range(keys_of("past", first, 0)).await;
    assert!(
        matches!(read, Err(StoreError::Compacted { .. })),
        "{read:?}"
    );
    let mut stream = watch(store, "past", first).await;
    let items: Vec<_> = stream.by_ref().take(2).collect().await;
    assert_eq!(items, [WatchItem::Compacted(second)]);
    let again = store.compact(second).await;
    assert!(
        matches!(again, Err(StoreError::Compacted { .. })),
        "{again:?}"
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_passed_over() {
    let nobody = {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", socket.local_addr().unwrap())
    };
    let running = server::start().await;
    let servers = [nobody.clone(), running.url.clone()];
    let store = EtcdClient::connect(&servers, TlsFiles::default()).await;
    let store = store.unwrap();
    store.create(bytes("a"), bytes("x"), 0).await.unwrap();
    assert_eq!(store.current_revision().await.unwrap(), 2);
    let alone = connect(&nobody).await;
    let refused = alone.create(bytes("a"), bytes("x"), 0).await;
    let Err(StoreError::Unavailable(text)) = refused else {
        panic!("{refused:?}")
    };
    assert!(
        text.contains(nobody.trim_start_matches("http://")),
        "{text}"
    );
}

#[tokio::test]
async fn a_watch_ends_with_its_server_and_the_next_one_goes_to_another() {
    let (first, second) = (server::start().await, server::start().await);
    let servers = [first.url.clone(), second.url.clone()];
    let store = EtcdClient::connect(&servers, TlsFiles::default()).await;
    let store = store.unwrap();
    let mut stream = store
        .watch(Bytes::from_static(STAY), bytes("~"), 0)
        .await
        .unwrap();
    assert_eq!(stream.next().await, Some(WatchItem::Progress(1)));
    first.shutdown.request();
    drop(first);
    assert_eq!(stream.next().await, None);
    store.create(bytes("a"), bytes("x"), 0).await.unwrap();
    let other = connect(&second.url).await;
    assert!(other.get(b"a").await.unwrap().0.is_some());
}

#[tokio::test]
async fn servers_and_files_that_make_no_sense_are_refused() {
    for url in ["", "ftp://a:1", "http://a", "http://:1", "http://a:b"] {
        let refused = EtcdClient::connect(&[url.to_owned()], TlsFiles::default()).await;
        assert!(matches!(refused, Err(StoreError::Invalid(_))), "{url}");
    }
    let files = TlsFiles {
        ca: Some("/nonexistent/ca.crt".into()),
        ..TlsFiles::default()
    };
    let refused = EtcdClient::connect(&["https://a:1".to_owned()], files).await;
    let text = refused.unwrap_err().to_string();
    assert!(text.contains("/nonexistent/ca.crt"), "{text}");
}
