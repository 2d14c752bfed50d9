//! The KV service: read, write, delete, transactions, compaction.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, stream};
use styr_store::StoreError;
use styr_store::proto::etcdserverpb as pb;
use tonic::{Request, Response, Status, async_trait};

use super::{Backend, convert, status};
use crate::Engine;
use crate::txn::{OpResult, RangeResult, Txn, TxnResult};

/// Entries of one message of a streamed range.
const ENTRIES_PER_MESSAGE: usize = 500;

/// The service.
#[derive(Debug)]
pub(crate) struct Kv(pub(crate) Arc<Backend>);

impl Kv {
    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn range_now(&self, request: pb::RangeRequest) -> Result<pb::RangeResponse, Status> {
        let (found, revision) = self.read(request)?;
        let header = self.0.header_at(revision);
        Ok(convert::range_response(found, Some(header)))
    }

    pub(crate) fn put_txn(&self, request: pb::PutRequest) -> Result<Txn, Status> {
        self.admitted(convert::put(request).map(Txn::of))
    }

    pub(crate) fn put_response(&self, result: TxnResult) -> pb::PutResponse {
        let header = Some(self.0.header_at(result.revision));
        let OpResult::Put(previous) = only(result) else {
            unreachable!("a put answers as a put")
        };
        let prev_kv = previous.map(convert::key_value);
        pb::PutResponse { header, prev_kv }
    }

    pub(crate) fn delete_txn(&self, request: pb::DeleteRangeRequest) -> Result<Txn, Status> {
        self.admitted(convert::delete(request).map(Txn::of))
    }

    pub(crate) fn delete_response(&self, result: TxnResult) -> pb::DeleteRangeResponse {
        let header = self.0.header_at(result.revision);
        let OpResult::Delete { count, previous } = only(result) else {
            unreachable!("a deletion answers as a deletion")
        };
        convert::delete_response(count, previous, header)
    }

    pub(crate) fn txn_txn(&self, request: pb::TxnRequest) -> Result<Txn, Status> {
        self.admitted(convert::txn(request))
    }

    pub(crate) fn txn_response(&self, result: TxnResult) -> pb::TxnResponse {
        let header = self.0.header_at(result.revision);
        convert::txn_response(result, header)
    }

    fn read(&self, request: pb::RangeRequest) -> Result<(RangeResult, i64), Status> {
        let range = convert::range(request).map_err(|error| status(&error))?;
        self.0.engine.read(&range).map_err(|error| status(&error))
    }

    fn admitted(&self, txn: Result<Txn, StoreError>) -> Result<Txn, Status> {
        let txn = txn.map_err(|error| status(&error))?;
        self.0.quota.admit(&self.0.engine, &txn)?;
        Ok(txn)
    }

    async fn write(&self, txn: Txn) -> Result<TxnResult, Status> {
        let result = self.0.engine.txn(txn).await;
        result.map_err(|error| status(&error))
    }
}

fn only(result: TxnResult) -> OpResult {
    let first = result.results.into_iter().next();
    first.expect("one operation has one result")
}

#[async_trait]
impl pb::kv_server::Kv for Kv {
    type RangeStreamStream =
        Pin<Box<dyn Stream<Item = Result<pb::RangeStreamResponse, Status>> + Send>>;

    async fn range(
        &self,
        request: Request<pb::RangeRequest>,
    ) -> Result<Response<pb::RangeResponse>, Status> {
        self.range_now(request.into_inner()).map(Response::new)
    }

    async fn range_stream(
        &self,
        request: Request<pb::RangeRequest>,
    ) -> Result<Response<Self::RangeStreamStream>, Status> {
        let (found, revision) = self.read(request.into_inner())?;
        let header = self.0.header_at(revision);
        let mut whole = convert::range_response(found, None);
        let entries = std::mem::take(&mut whole.kvs);
        let mut messages: Vec<pb::RangeResponse> = entries
            .chunks(ENTRIES_PER_MESSAGE)
            .map(|chunk| pb::RangeResponse {
                kvs: chunk.to_vec(),
                ..Default::default()
            })
            .collect();
        let mut last = messages.pop().unwrap_or_default();
        last.header = Some(header);
        (last.more, last.count) = (whole.more, whole.count);
        messages.push(last);
        let messages = messages.into_iter().map(|message| {
            Ok(pb::RangeStreamResponse {
                range_response: Some(message),
            })
        });
        Ok(Response::new(Box::pin(stream::iter(messages))))
    }

    async fn put(
        &self,
        request: Request<pb::PutRequest>,
    ) -> Result<Response<pb::PutResponse>, Status> {
        let result = self.write(self.put_txn(request.into_inner())?).await?;
        Ok(Response::new(self.put_response(result)))
    }

    async fn delete_range(
        &self,
        request: Request<pb::DeleteRangeRequest>,
    ) -> Result<Response<pb::DeleteRangeResponse>, Status> {
        let result = self.write(self.delete_txn(request.into_inner())?).await?;
        Ok(Response::new(self.delete_response(result)))
    }

    async fn txn(
        &self,
        request: Request<pb::TxnRequest>,
    ) -> Result<Response<pb::TxnResponse>, Status> {
        let result = self.write(self.txn_txn(request.into_inner())?).await?;
        Ok(Response::new(self.txn_response(result)))
    }

    async fn compact(
        &self,
        request: Request<pb::CompactionRequest>,
    ) -> Result<Response<pb::CompactionResponse>, Status> {
        let at = request.into_inner().revision;
        self.0
            .engine
            .forget_before(at)
            .await
            .map_err(|error| status(&error))?;
        Ok(Response::new(pb::CompactionResponse {
            header: Some(self.0.header()),
        }))
    }
}
