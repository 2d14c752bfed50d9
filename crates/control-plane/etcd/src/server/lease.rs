//! The Lease service.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, StreamExt as _};
use styr_store::proto::etcdserverpb as pb;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::{Backend, status};

/// The service.
#[derive(Debug)]
pub(crate) struct Lease(pub(crate) Arc<Backend>);

#[async_trait]
impl pb::lease_server::Lease for Lease {
    type LeaseKeepAliveStream =
        Pin<Box<dyn Stream<Item = Result<pb::LeaseKeepAliveResponse, Status>> + Send>>;

    async fn lease_grant(
        &self,
        request: Request<pb::LeaseGrantRequest>,
    ) -> Result<Response<pb::LeaseGrantResponse>, Status> {
        let request = request.into_inner();
        let granted = self.0.engine.grant(request.id, request.ttl).await;
        let (id, ttl) = granted.map_err(|error| status(&error))?;
        let header = Some(self.0.header());
        Ok(Response::new(pb::LeaseGrantResponse {
            header,
            id,
            ttl,
            error: String::new(),
        }))
    }

    async fn lease_revoke(
        &self,
        request: Request<pb::LeaseRevokeRequest>,
    ) -> Result<Response<pb::LeaseRevokeResponse>, Status> {
        let revoked = self.0.engine.revoke(request.into_inner().id).await;
        let revision = revoked.map_err(|error| status(&error))?;
        let header = Some(self.0.header_at(revision));
        Ok(Response::new(pb::LeaseRevokeResponse { header }))
    }

    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<pb::LeaseKeepAliveRequest>>,
    ) -> Result<Response<Self::LeaseKeepAliveStream>, Status> {
        let backend = Arc::clone(&self.0);
        let answers = request.into_inner().map(move |request| {
            let id = request?.id;
            // A lease that is gone has no time left; that is the answer, not an error.
            let ttl = backend.engine.keep_alive(id).unwrap_or(0);
            Ok(pb::LeaseKeepAliveResponse {
                header: Some(backend.header()),
                id,
                ttl,
            })
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn lease_time_to_live(
        &self,
        request: Request<pb::LeaseTimeToLiveRequest>,
    ) -> Result<Response<pb::LeaseTimeToLiveResponse>, Status> {
        let pb::LeaseTimeToLiveRequest { id, keys } = request.into_inner();
        let header = Some(self.0.header());
        let Some((granted_ttl, ttl, held)) = self.0.engine.lease(id) else {
            let (ttl, granted_ttl, keys) = (-1, 0, Vec::new());
            let gone = pb::LeaseTimeToLiveResponse {
                header,
                id,
                ttl,
                granted_ttl,
                keys,
            };
            return Ok(Response::new(gone));
        };
        let keys = if keys { held } else { Vec::new() };
        Ok(Response::new(pb::LeaseTimeToLiveResponse {
            header,
            id,
            ttl,
            granted_ttl,
            keys,
        }))
    }

    async fn lease_leases(
        &self,
        _: Request<pb::LeaseLeasesRequest>,
    ) -> Result<Response<pb::LeaseLeasesResponse>, Status> {
        let ids = self.0.engine.lease_ids();
        let leases = ids.into_iter().map(|id| pb::LeaseStatus { id }).collect();
        Ok(Response::new(pb::LeaseLeasesResponse {
            header: Some(self.0.header()),
            leases,
        }))
    }
}
