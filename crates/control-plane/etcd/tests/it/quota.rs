//! A store that is full takes no more, and gives what it has.

use styr_store::proto::etcdserverpb as pb;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

use crate::server::start_within;

async fn connect(url: &str) -> pb::kv_client::KvClient<Channel> {
    let endpoint = Endpoint::new(url.to_owned()).unwrap();
    pb::kv_client::KvClient::new(endpoint.connect().await.unwrap())
}

fn put(key: &'static str) -> pb::PutRequest {
    pb::PutRequest {
        key: key.into(),
        value: vec![b'x'; 100].into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_full_store_refuses_to_grow_and_still_deletes() {
    let running = start_within(Some(1)).await;
    let mut client = connect(&running.url).await;
    let refused = client.put(put("a")).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(
        refused.message(),
        "etcdserver: mvcc: database space exceeded"
    );
    let delete = pb::DeleteRangeRequest {
        key: "a".into(),
        ..Default::default()
    };
    client.delete_range(delete).await.unwrap();
    running.shutdown.request();
}

#[tokio::test]
async fn a_store_with_room_takes_more() {
    let running = start_within(Some(8 << 30)).await;
    let mut client = connect(&running.url).await;
    client.put(put("a")).await.unwrap();
    running.shutdown.request();
}
