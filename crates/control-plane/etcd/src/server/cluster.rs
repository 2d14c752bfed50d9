//! The Cluster service: one member, which can be listed and not changed.

use std::sync::Arc;

use styr_store::proto::etcdserverpb as pb;
use tonic::{Request, Response, Status, async_trait};

use super::Backend;

/// The service.
#[derive(Debug)]
pub(crate) struct Cluster(pub(crate) Arc<Backend>);

fn fixed<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented(
        "changing the members is not implemented",
    ))
}

#[async_trait]
impl pb::cluster_server::Cluster for Cluster {
    async fn member_list(
        &self,
        _: Request<pb::MemberListRequest>,
    ) -> Result<Response<pb::MemberListResponse>, Status> {
        let header = self.0.header();
        let member = pb::Member {
            id: header.member_id,
            name: self.0.member.name.clone(),
            peer_ur_ls: self.0.member.peer_urls.clone(),
            client_ur_ls: self.0.member.client_urls.clone(),
            is_learner: false,
        };
        let members = vec![member];
        Ok(Response::new(pb::MemberListResponse {
            header: Some(header),
            members,
        }))
    }

    async fn member_add(
        &self,
        _: Request<pb::MemberAddRequest>,
    ) -> Result<Response<pb::MemberAddResponse>, Status> {
        fixed()
    }

    async fn member_remove(
        &self,
        _: Request<pb::MemberRemoveRequest>,
    ) -> Result<Response<pb::MemberRemoveResponse>, Status> {
        fixed()
    }

    async fn member_update(
        &self,
        _: Request<pb::MemberUpdateRequest>,
    ) -> Result<Response<pb::MemberUpdateResponse>, Status> {
        fixed()
    }

    async fn member_promote(
        &self,
        _: Request<pb::MemberPromoteRequest>,
    ) -> Result<Response<pb::MemberPromoteResponse>, Status> {
        fixed()
    }
}
