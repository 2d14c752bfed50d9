//! A range that is answered in parts.

use bytes::Bytes;
use styr_store::proto::etcdserverpb as pb;
use styr_store::{EtcdClient, TlsFiles};

use crate::server;

#[tokio::test]
async fn the_parts_of_a_range_stream_are_the_range_and_the_last_one_has_its_count() {
    let running = server::start().await;
    let store = EtcdClient::connect(std::slice::from_ref(&running.url), TlsFiles::default())
        .await
        .unwrap();
    let keys: Vec<Bytes> = (0..2_500).map(|i| Bytes::from(format!("{i:05}"))).collect();
    let entries = keys.iter().map(|key| (key.clone(), key.clone()));
    let last = store.create_batch(entries.collect()).await.unwrap();

    let channel = tonic::transport::Channel::from_shared(running.url.clone()).unwrap();
    let mut client = pb::kv_client::KvClient::new(channel.connect().await.unwrap());
    let request = pb::RangeRequest {
        key: Bytes::from_static(&[0]),
        range_end: Bytes::from_static(&[0]),
        ..Default::default()
    };
    let mut parts = client.range_stream(request).await.unwrap().into_inner();
    let mut messages = Vec::new();
    while let Some(part) = parts.message().await.unwrap() {
        messages.push(part.range_response.unwrap());
    }

    assert!(messages.len() > 1, "one part of {} keys", keys.len());
    let found = messages.iter().flat_map(|message| &message.kvs);
    assert!(found.map(|kv| &kv.key).eq(&keys));
    let (end, others) = messages.split_last().unwrap();
    assert!(others.iter().all(|part| part.header.is_none()));
    assert_eq!(end.header.as_ref().unwrap().revision, last);
    assert_eq!((end.count, end.more), (2_500, false));
}
