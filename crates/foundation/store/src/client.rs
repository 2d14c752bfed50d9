//! A client for etcd over the wire: etcd's own, or ours in another process.
//!
//! Each operation is one request. A connection is made by the first request that needs it, and
//! anew after it broke; whoever watches is told by the end of its stream, and asks again from where
//! it was.

mod connect;
mod convert;
mod servers;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use styr_base::{SharedClock, SystemClock};
use tonic::transport::Channel;

use crate::contract::{KeyValue, Range, RangeAnswer, Revision, Status, Store, WatchStream};
use crate::error::StoreError;
use crate::proto::etcdserverpb as pb;
use convert::{failure, is_at, key_value, operation};
use pb::kv_client::KvClient;
use pb::lease_client::LeaseClient;
use pb::maintenance_client::MaintenanceClient;
use pb::request_op::Request;
use pb::response_op::Response;
use servers::{Repeat, Servers};

/// Operations of one transaction; etcd's own default (`--max-txn-ops`).
const TXN_OPERATIONS_MAX: usize = 128;
/// A page of a range has no limit in bytes: the server alone bounds it.
const MESSAGE_MAX: usize = usize::MAX;

/// Where TLS files are. They are read for each connection, so a renewed certificate is used as soon
/// as one is made.
#[derive(Debug, Clone, Default)]
pub struct TlsFiles {
    /// Authorities that the servers are trusted by; the system's if there is none.
    pub ca: Option<PathBuf>,
    /// The certificate that is shown to servers.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
}

/// A store behind etcd's v3 API.
#[derive(Debug)]
pub struct EtcdClient {
    servers: Servers,
    clock: SharedClock,
    /// The latest revision that any answer told of. Watches compare themselves with it.
    seen: tokio::sync::watch::Sender<Revision>,
}

impl EtcdClient {
    /// A client of these servers (`https://host:port`, or `http://` without TLS). Fails if an
    /// address or a file cannot be used; servers that do not answer fail the requests.
    pub async fn connect(
        servers: &[String],
        files: TlsFiles,
    ) -> Result<Arc<dyn Store>, StoreError> {
        let addresses = servers
            .iter()
            .map(|server| connect::Address::parse(server))
            .collect::<Result<Vec<_>, _>>()?;
        if addresses.is_empty() {
            return Err(StoreError::Invalid("no etcd server is given".to_owned()));
        }
        if addresses.iter().any(|address| address.is_tls) {
            connect::tls(&files).await.map_err(StoreError::Invalid)?;
        }
        let files = Arc::new(files);
        let channels = addresses
            .into_iter()
            .map(|address| connect::channel(address, Arc::clone(&files)))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Arc::new(Self {
            servers: Servers::new(channels),
            clock: SystemClock::shared(),
            seen: tokio::sync::watch::Sender::new(0),
        }))
    }

    /// Remembers the revision that an answer tells of.
    fn noted(&self, header: Option<&pb::ResponseHeader>) -> Revision {
        let revision = header.map_or(0, |header| header.revision);
        watch::note(&self.seen, revision);
        revision
    }

    async fn read(&self, request: pb::RangeRequest) -> Result<pb::RangeResponse, StoreError> {
        let ask = |channel| {
            let request = request.clone();
            async move { keys(channel).range(request).await }
        };
        let answer = self.servers.ask(Repeat::Always, ask).await;
        answer.map_err(|status| failure(&status))
    }

    async fn txn(&self, request: pb::TxnRequest) -> Result<pb::TxnResponse, StoreError> {
        let ask = |channel| {
            let request = request.clone();
            async move { keys(channel).txn(request).await }
        };
        let answer = self.servers.ask(Repeat::IfUnsent, ask).await;
        let answer = answer.map_err(|status| failure(&status))?;
        self.noted(answer.header.as_ref());
        Ok(answer)
    }

    /// Writes one key if it is at `expected`; else tells what is there.
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
        let request = pb::TxnRequest {
            compare: vec![is_at(key, expected)],
            success: vec![operation(write)],
            failure: vec![operation(Request::RequestRange(look))],
        };
        let answer = self.txn(request).await?;
        if answer.succeeded {
            return Ok(answer.header.map_or(0, |header| header.revision));
        }
        let found = answer.responses.into_iter().find_map(|op| op.response);
        let current = match found {
            Some(Response::ResponseRange(range)) => range.kvs.into_iter().next(),
            _ => None,
        };
        let current = current.as_ref().map(key_value);
        Err(StoreError::Conflict { current })
    }

    /// Writes new keys in one transaction; without values it only looks whether they are new.
    async fn put_new(
        &self,
        new: &[(Bytes, Bytes)],
        lease: i64,
        purpose: Purpose,
    ) -> Result<Revision, StoreError> {
        let put = |(key, value): &(Bytes, Bytes)| pb::PutRequest {
            key: key.clone(),
            value: value.clone(),
            lease,
            ..Default::default()
        };
        let puts = new.iter().map(put).map(Request::RequestPut).map(operation);
        let request = pb::TxnRequest {
            compare: new.iter().map(|(key, _)| is_at(key.clone(), 0)).collect(),
            success: match purpose {
                Purpose::Look => Vec::new(),
                Purpose::Write => puts.collect(),
            },
            failure: Vec::new(),
        };
        let answer = self.txn(request).await?;
        if answer.succeeded {
            Ok(answer.header.map_or(0, |header| header.revision))
        } else {
            Err(StoreError::Exists)
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Purpose {
    Look,
    Write,
}

fn keys(channel: Channel) -> KvClient<Channel> {
    KvClient::new(channel).max_decoding_message_size(MESSAGE_MAX)
}

#[async_trait]
impl Store for EtcdClient {
    async fn get(&self, key: &[u8]) -> Result<(Option<KeyValue>, Revision), StoreError> {
        let request = pb::RangeRequest {
            key: Bytes::copy_from_slice(key),
            ..Default::default()
        };
        let answer = self.read(request).await?;
        let now = self.noted(answer.header.as_ref());
        Ok((answer.kvs.first().map(key_value), now))
    }

    async fn range(&self, range: Range) -> Result<RangeAnswer, StoreError> {
        let request = pb::RangeRequest {
            key: range.start,
            range_end: range.end,
            limit: i64::try_from(range.limit).unwrap_or(i64::MAX),
            revision: range.at,
            ..Default::default()
        };
        let answer = self.read(request).await?;
        let now = self.noted(answer.header.as_ref());
        let count = usize::try_from(answer.count).unwrap_or(0);
        Ok(RangeAnswer {
            revision: if range.at == 0 { now } else { range.at },
            more: answer.more,
            remaining: count.saturating_sub(answer.kvs.len()),
            entries: answer.kvs.iter().map(key_value).collect(),
        })
    }

    async fn create(&self, key: Bytes, value: Bytes, lease: i64) -> Result<Revision, StoreError> {
        self.put_new(&[(key, value)], lease, Purpose::Write).await
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
        let delete = Request::RequestDeleteRange(delete);
        self.swap(key, expected, delete).await
    }

    /// More entries than a transaction takes are written by several, once none of the keys is seen
    /// to exist; only a writer that comes in between can then leave a part of them written.
    async fn create_batch(&self, entries: Vec<(Bytes, Bytes)>) -> Result<Revision, StoreError> {
        if entries.len() > TXN_OPERATIONS_MAX {
            for part in entries.chunks(TXN_OPERATIONS_MAX) {
                self.put_new(part, 0, Purpose::Look).await?;
            }
        }
        let mut last = 0;
        for part in entries.chunks(TXN_OPERATIONS_MAX) {
            last = self.put_new(part, 0, Purpose::Write).await?;
        }
        Ok(last)
    }

    async fn watch(
        &self,
        start: Bytes,
        end: Bytes,
        from: Revision,
    ) -> Result<WatchStream, StoreError> {
        let source = watch::Source {
            seen: self.seen.clone(),
            clock: Arc::clone(&self.clock),
        };
        let ask = |channel| watch::open(channel, (start.clone(), end.clone()), from);
        let (created, answers) = self.servers.open(ask).await?;
        Ok(watch::follow(source, from, &created, answers))
    }

    async fn grant_lease(&self, ttl_seconds: i64) -> Result<i64, StoreError> {
        let request = pb::LeaseGrantRequest {
            ttl: ttl_seconds,
            id: 0,
        };
        let ask = |channel| async move { LeaseClient::new(channel).lease_grant(request).await };
        let answer = self.servers.ask(Repeat::IfUnsent, ask).await;
        Ok(answer.map_err(|status| failure(&status))?.id)
    }

    async fn compact(&self, at: Revision) -> Result<(), StoreError> {
        let request = pb::CompactionRequest {
            revision: at,
            physical: false,
        };
        let ask = |channel| async move { keys(channel).compact(request).await };
        let answer = self.servers.ask(Repeat::IfUnsent, ask).await;
        answer.map(drop).map_err(|status| failure(&status))
    }

    async fn current_revision(&self) -> Result<Revision, StoreError> {
        // A read of a key that nobody writes: its head is what counts.
        let request = pb::RangeRequest {
            key: Bytes::from_static(b"\0"),
            count_only: true,
            ..Default::default()
        };
        let answer = self.read(request).await?;
        Ok(self.noted(answer.header.as_ref()))
    }

    async fn status(&self) -> Result<Status, StoreError> {
        let ask = |channel| async move {
            let request = pb::StatusRequest {};
            MaintenanceClient::new(channel).status(request).await
        };
        let answer = self.servers.ask(Repeat::Always, ask).await;
        let answer = answer.map_err(|status| failure(&status))?;
        Ok(Status {
            version: answer.version,
            size: u64::try_from(answer.db_size).unwrap_or(0),
            revision: answer.header.map_or(0, |header| header.revision),
        })
    }
}
