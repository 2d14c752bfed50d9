//! A client of etcd's v3 API, for a real etcd or our own, behind the store's contract.
//!
//! Each operation is one request. A broken connection is made anew by the next request; whoever
//! watches is told by the end of its stream and takes it up where it broke.

mod connect;
mod watch;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use styr_store::proto::etcdserverpb as pb;
use styr_store::proto::mvccpb;
use styr_store::{KeyValue, Range, RangeAnswer, Revision, Status, Store, StoreError, WatchStream};
use tonic::transport::Channel;

use pb::compare::{CompareResult, CompareTarget, TargetUnion};
use pb::kv_client::KvClient;
use pb::lease_client::LeaseClient;
use pb::maintenance_client::MaintenanceClient;
use pb::request_op::Request;
use pb::response_op::Response;

pub(super) use connect::EtcdTls;

/// A page of a large range may be this large.
const MESSAGE_MAX: usize = 512 << 20;

/// A client; its clones share one connection.
#[derive(Debug, Clone)]
pub(super) struct EtcdClient {
    channel: Channel,
}

impl EtcdClient {
    /// Makes a client of these servers (`http://host:port` or `https://...`). The connection is
    /// made by the first request, to the first server that answers.
    pub(super) fn connect(
        endpoints: &[String],
        tls: Option<EtcdTls>,
    ) -> Result<Arc<Self>, StoreError> {
        let channel = connect::channel(endpoints, tls)?;
        Ok(Arc::new(Self { channel }))
    }

    fn keys(&self) -> KvClient<Channel> {
        KvClient::new(self.channel.clone())
            .max_decoding_message_size(MESSAGE_MAX)
            .max_encoding_message_size(MESSAGE_MAX)
    }

    async fn txn(&self, txn: pb::TxnRequest) -> Result<pb::TxnResponse, StoreError> {
        let answer = self
            .keys()
            .txn(txn)
            .await
            .map_err(|status| refused(&status))?;
        Ok(answer.into_inner())
    }

    /// A write of one key on the condition that it is at `expected`; else what is there.
    async fn swap(
        &self,
        key: Bytes,
        expected: Revision,
        write: Request,
    ) -> Result<Revision, StoreError> {
        let look = pb::RangeRequest {
            key: key.clone(),
            ..Default::default()
        };
        let answer = self
            .txn(pb::TxnRequest {
                compare: vec![is_at(key, expected)],
                success: vec![operation(write)],
                failure: vec![operation(Request::RequestRange(look))],
            })
            .await?;
        if answer.succeeded {
            return Ok(revision(answer.header.as_ref()));
        }
        let found = answer
            .responses
            .into_iter()
            .next()
            .and_then(|it| it.response);
        let current = match found {
            Some(Response::ResponseRange(range)) => range.kvs.into_iter().next(),
            _ => None,
        };
        Err(StoreError::Conflict {
            current: current.map(key_value),
        })
    }

    /// A write of new keys.
    async fn put_new(
        &self,
        entries: Vec<(Bytes, Bytes)>,
        lease: i64,
    ) -> Result<Revision, StoreError> {
        let compare = entries
            .iter()
            .map(|(key, _)| is_at(key.clone(), 0))
            .collect();
        let success = entries
            .into_iter()
            .map(|(key, value)| {
                let put = pb::PutRequest {
                    key,
                    value,
                    lease,
                    ..Default::default()
                };
                operation(Request::RequestPut(put))
            })
            .collect();
        let answer = self
            .txn(pb::TxnRequest {
                compare,
                success,
                failure: Vec::new(),
            })
            .await?;
        if answer.succeeded {
            Ok(revision(answer.header.as_ref()))
        } else {
            Err(StoreError::Exists)
        }
    }

    async fn look(&self, request: pb::RangeRequest) -> Result<pb::RangeResponse, StoreError> {
        let answer = self
            .keys()
            .range(request)
            .await
            .map_err(|status| refused(&status))?;
        Ok(answer.into_inner())
    }
}

#[async_trait]
impl Store for EtcdClient {
    async fn get(&self, key: &[u8]) -> Result<(Option<KeyValue>, Revision), StoreError> {
        let key = Bytes::copy_from_slice(key);
        let answer = self
            .look(pb::RangeRequest {
                key,
                ..Default::default()
            })
            .await?;
        let now = revision(answer.header.as_ref());
        Ok((answer.kvs.into_iter().next().map(key_value), now))
    }

    async fn range(&self, range: Range) -> Result<RangeAnswer, StoreError> {
        let request = pb::RangeRequest {
            key: range.start,
            range_end: range.end,
            limit: i64::try_from(range.limit).unwrap_or(i64::MAX),
            revision: range.at,
            ..Default::default()
        };
        let answer = self.look(request).await?;
        let now = revision(answer.header.as_ref());
        let count = usize::try_from(answer.count).unwrap_or(0);
        Ok(RangeAnswer {
            revision: if range.at == 0 { now } else { range.at },
            more: answer.more,
            remaining: count.saturating_sub(answer.kvs.len()),
            entries: answer.kvs.into_iter().map(key_value).collect(),
        })
    }

    async fn create(&self, key: Bytes, value: Bytes, lease: i64) -> Result<Revision, StoreError> {
        self.put_new(vec![(key, value)], lease).await
    }

    async fn update(
        &self,
        key: Bytes,
        value: Bytes,
        expected: Revision,
        lease: i64,
    ) -> Result<Revision, StoreError> {
        let put = pb::PutRequest {
            key: key.clone(),
            value,
            lease,
            ..Default::default()
        };
        self.swap(key, expected, Request::RequestPut(put)).await
    }

    async fn delete(&self, key: Bytes, expected: Revision) -> Result<Revision, StoreError> {
        let delete = pb::DeleteRangeRequest {
            key: key.clone(),
            ..Default::default()
        };
        self.swap(key, expected, Request::RequestDeleteRange(delete))
            .await
    }

    async fn create_batch(&self, entries: Vec<(Bytes, Bytes)>) -> Result<Revision, StoreError> {
        self.put_new(entries, 0).await
    }

    async fn watch(
        &self,
        start: Bytes,
        end: Bytes,
        from: Revision,
    ) -> Result<WatchStream, StoreError> {
        watch::open(self.channel.clone(), (start, end), from).await
    }

    async fn grant_lease(&self, ttl_seconds: i64) -> Result<i64, StoreError> {
        let request = pb::LeaseGrantRequest {
            ttl: ttl_seconds,
            id: 0,
        };
        let mut leases = LeaseClient::new(self.channel.clone());
        let answer = leases
            .lease_grant(request)
            .await
            .map_err(|status| refused(&status))?;
        Ok(answer.into_inner().id)
    }

    async fn compact(&self, at: Revision) -> Result<(), StoreError> {
        let request = pb::CompactionRequest {
            revision: at,
            physical: false,
        };
        self.keys()
            .compact(request)
            .await
            .map(drop)
            .map_err(|status| refused(&status))
    }

    async fn current_revision(&self) -> Result<Revision, StoreError> {
        // A read of a key that nobody writes: its header is what counts.
        let key = Bytes::from_static(b"\0");
        let request = pb::RangeRequest {
            key,
            count_only: true,
            ..Default::default()
        };
        Ok(revision(self.look(request).await?.header.as_ref()))
    }

    async fn status(&self) -> Result<Status, StoreError> {
        let mut maintenance = MaintenanceClient::new(self.channel.clone());
        let answer = maintenance
            .status(pb::StatusRequest::default())
            .await
            .map_err(|status| refused(&status))?
            .into_inner();
        Ok(Status {
            version: answer.version,
            size: u64::try_from(answer.db_size).unwrap_or(0),
            revision: revision(answer.header.as_ref()),
        })
    }
}

fn is_at(key: Bytes, expected: Revision) -> pb::Compare {
    pb::Compare {
        result: i32::from(CompareResult::Equal),
        target: i32::from(CompareTarget::Mod),
        key,
        range_end: Bytes::new(),
        target_union: Some(TargetUnion::ModRevision(expected)),
    }
}

fn operation(request: Request) -> pb::RequestOp {
    pb::RequestOp {
        request: Some(request),
    }
}

fn revision(header: Option<&pb::ResponseHeader>) -> Revision {
    header.map_or(0, |header| header.revision)
}

fn key_value(found: mvccpb::KeyValue) -> KeyValue {
    KeyValue {
        key: found.key,
        value: found.value,
        create_revision: found.create_revision,
        mod_revision: found.mod_revision,
        version: found.version,
        lease: found.lease,
    }
}

/// What a server's refusal means; etcd tells it by the text.
fn refused(status: &tonic::Status) -> StoreError {
    let text = status.message();
    if text.contains("has been compacted") {
        return StoreError::Compacted { oldest: 0 };
    }
    if text.contains("is a future revision") {
        return StoreError::Future { current: 0 };
    }
    if text.contains("request is too large") {
        return StoreError::TooLarge { size: 0, max: 0 };
    }
    if text.contains("requested lease not found") {
        return StoreError::LeaseNotFound;
    }
    StoreError::Unavailable(text.to_owned())
}
