//! The KV service: read, write, delete, transactions, compaction.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, stream};
use styr_store::proto::etcdserverpb as pb;
use tonic::{Request, Response, Status, async_trait};

use super::{Backend, convert, status};
use crate::txn::{OpResult, RangeResult, Txn};

/// Entries of one message of a streamed range.
const ENTRIES_PER_MESSAGE: usize = 500;

/// The service.
#[derive(Debug)]
pub(crate) struct Kv(pub(crate) Arc<Backend>);

impl Kv {
    fn read(&self, request: pb::RangeRequest) -> Result<(RangeResult, i64), Status> {
        let range = convert::range(request).map_err(|error| status(&error))?;
        self.0.engine.read(&range).map_err(|error| status(&error))
    }

    async fn one(&self, op: crate::Op) -> Result<(OpResult, i64), Status> {
        let request = Txn::of(op);
        self.0.quota.admit(&self.0.engine, &request)?;
        let result = self
            .0
            .engine
            .txn(request)
            .await
            .map_err(|error| status(&error))?;
        let first = result.results.into_iter().next();
        Ok((
            first.expect("one operation has one result"),
            result.revision,
        ))
    }
}

#[async_trait]
impl pb::kv_server::Kv for Kv {
    type RangeStreamStream =
        Pin<Box<dyn Stream<Item = Result<pb::RangeStreamResponse, Status>> + Send>>;

    async fn range(
        &self,
        request: Request<pb::RangeRequest>,
    ) -> Result<Response<pb::RangeResponse>, Status> {
        let (found, revision) = self.read(request.into_inner())?;
        let header = self.0.header_at(revision);
        Ok(Response::new(convert::range_response(found, Some(header))))
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
        let op = convert::put(&request.into_inner()).map_err(|error| status(&error))?;
        let (result, revision) = self.one(op).await?;
        let OpResult::Put(previous) = result else {
            unreachable!("a put answers as a put")
        };
        let prev_kv = previous.map(convert::key_value);
        let header = Some(self.0.header_at(revision));
        Ok(Response::new(pb::PutResponse { header, prev_kv }))
    }

    async fn delete_range(
        &self,
        request: Request<pb::DeleteRangeRequest>,
    ) -> Result<Response<pb::DeleteRangeResponse>, Status> {
        let op = convert::delete(request.into_inner()).map_err(|error| status(&error))?;
        let (result, revision) = self.one(op).await?;
        let OpResult::Delete { count, previous } = result else {
            unreachable!("a deletion answers as a deletion")
        };
        let header = self.0.header_at(revision);
        Ok(Response::new(convert::delete_response(
            count, previous, header,
        )))
    }

    async fn txn(
        &self,
        request: Request<pb::TxnRequest>,
    ) -> Result<Response<pb::TxnResponse>, Status> {
        let txn = convert::txn(request.into_inner()).map_err(|error| status(&error))?;
        self.0.quota.admit(&self.0.engine, &txn)?;
        let result = self
            .0
            .engine
            .txn(txn)
            .await
            .map_err(|error| status(&error))?;
        let header = self.0.header_at(result.revision);
        Ok(Response::new(convert::txn_response(result, header)))
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
