//! The Maintenance service: status and alarms; the rest is not implemented.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use styr_store::proto::etcdserverpb as pb;
use tonic::{Request, Response, Status, async_trait};

use super::{Backend, status, version};

/// The service.
#[derive(Debug)]
pub(crate) struct Maintenance(pub(crate) Arc<Backend>);

fn missing<T>(what: &str) -> Result<Response<T>, Status> {
    Err(Status::unimplemented(format!("{what} is not implemented")))
}

#[async_trait]
impl pb::maintenance_server::Maintenance for Maintenance {
    type SnapshotStream = Pin<Box<dyn Stream<Item = Result<pb::SnapshotResponse, Status>> + Send>>;

    async fn status(
        &self,
        _: Request<pb::StatusRequest>,
    ) -> Result<Response<pb::StatusResponse>, Status> {
        let state = self.0.engine.state().map_err(|error| status(&error))?;
        let header = self.0.header_at(state.revision);
        let size = i64::try_from(state.size).unwrap_or(i64::MAX);
        let index = u64::try_from(state.revision).unwrap_or(0);
        Ok(Response::new(pb::StatusResponse {
            version: version(),
            storage_version: version(),
            db_size: size,
            db_size_in_use: size,
            leader: header.member_id,
            raft_index: index,
            raft_applied_index: index,
            raft_term: header.raft_term,
            header: Some(header),
            ..Default::default()
        }))
    }

    async fn alarm(
        &self,
        request: Request<pb::AlarmRequest>,
    ) -> Result<Response<pb::AlarmResponse>, Status> {
        if request.get_ref().action() == pb::alarm_request::AlarmAction::Activate {
            return missing("raising alarms");
        }
        let header = Some(self.0.header());
        Ok(Response::new(pb::AlarmResponse {
            header,
            alarms: Vec::new(),
        }))
    }

    async fn defragment(
        &self,
        _: Request<pb::DefragmentRequest>,
    ) -> Result<Response<pb::DefragmentResponse>, Status> {
        missing("defragmentation")
    }

    async fn hash(
        &self,
        _: Request<pb::HashRequest>,
    ) -> Result<Response<pb::HashResponse>, Status> {
        missing("hash")
    }

    async fn hash_kv(
        &self,
        _: Request<pb::HashKvRequest>,
    ) -> Result<Response<pb::HashKvResponse>, Status> {
        missing("hash")
    }

    async fn snapshot(
        &self,
        _: Request<pb::SnapshotRequest>,
    ) -> Result<Response<Self::SnapshotStream>, Status> {
        missing("snapshot over the wire")
    }

    async fn move_leader(
        &self,
        _: Request<pb::MoveLeaderRequest>,
    ) -> Result<Response<pb::MoveLeaderResponse>, Status> {
        missing("moving the leader")
    }

    async fn downgrade(
        &self,
        _: Request<pb::DowngradeRequest>,
    ) -> Result<Response<pb::DowngradeResponse>, Status> {
        missing("downgrade")
    }
}
