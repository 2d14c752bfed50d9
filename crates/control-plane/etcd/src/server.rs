//! etcd's v3 gRPC API over an engine: one file per service.

mod cluster;
mod convert;
mod kv;
mod lease;
mod maintenance;
mod quota;
mod watch;

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use styr_base::Shutdown;
use styr_component::serve::{self, Listener};
use styr_store::StoreError;
use styr_store::proto::etcdserverpb as pb;
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use crate::engine::VERSION;
use crate::{Engine, wire};

/// Bytes of one message that comes in; etcd allows its request limit and half a megabyte more.
pub(crate) const MESSAGE_MAX: usize = crate::txn::REQUEST_MAX + (512 << 10);

/// Who this member is, as clients are told.
#[derive(Debug, Clone)]
pub struct Member {
    /// `--name`.
    pub name: String,
    /// `--advertise-client-urls`.
    pub client_urls: Vec<String>,
    /// `--initial-advertise-peer-urls`.
    pub peer_urls: Vec<String>,
    /// How often a watcher that asked for it is told that nothing happened.
    pub progress_interval: Duration,
    /// `--quota-backend-bytes`; nothing is no limit.
    pub bytes_max: Option<u64>,
}

/// What every service needs.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) engine: Engine,
    pub(crate) member: Member,
    pub(crate) clock: styr_base::SharedClock,
    pub(crate) quota: quota::Quota,
    member_id: u64,
}

impl Backend {
    /// The head of every answer.
    pub(crate) fn header(&self) -> pb::ResponseHeader {
        self.header_at(self.engine.revision())
    }

    pub(crate) fn header_at(&self, revision: i64) -> pb::ResponseHeader {
        let cluster_id = self.member_id.rotate_left(17);
        pb::ResponseHeader {
            cluster_id,
            member_id: self.member_id,
            revision,
            raft_term: 2,
        }
    }
}

/// All services behind one door.
#[derive(Debug, Clone)]
pub struct Server {
    /// What the connection answers by itself, past the handlers.
    plain: Arc<kv::Kv>,
    kv: pb::kv_server::KvServer<kv::Kv>,
    watch: pb::watch_server::WatchServer<watch::Watch>,
    lease: pb::lease_server::LeaseServer<lease::Lease>,
    cluster: pb::cluster_server::ClusterServer<cluster::Cluster>,
    maintenance: pb::maintenance_server::MaintenanceServer<maintenance::Maintenance>,
}

impl Server {
    /// Serves an engine.
    pub fn new(engine: Engine, member: Member, clock: styr_base::SharedClock) -> Self {
        // Any number does that stays the same for a member: clients only compare it.
        let member_id = u64::from(crc32c::crc32c(member.name.as_bytes())) << 20 | 1;
        let quota = quota::Quota::new(member.bytes_max);
        let backend = Arc::new(Backend {
            engine,
            member,
            clock,
            quota,
            member_id,
        });
        let plain = Arc::new(kv::Kv(Arc::clone(&backend)));
        let kv = pb::kv_server::KvServer::from_arc(Arc::clone(&plain));
        let watch = pb::watch_server::WatchServer::new(watch::Watch(Arc::clone(&backend)));
        let lease = pb::lease_server::LeaseServer::new(lease::Lease(Arc::clone(&backend)));
        let cluster = cluster::Cluster(Arc::clone(&backend));
        let maintenance = maintenance::Maintenance(backend);
        Self {
            plain,
            kv: kv
                .max_decoding_message_size(MESSAGE_MAX)
                .max_encoding_message_size(usize::MAX),
            watch: watch.max_encoding_message_size(usize::MAX),
            lease,
            cluster: pb::cluster_server::ClusterServer::new(cluster),
            maintenance: pb::maintenance_server::MaintenanceServer::new(maintenance),
        }
    }

    /// Serves clients until `shutdown` is requested.
    pub async fn serve(self, listener: Listener, shutdown: Shutdown) {
        let connections = move |stream, connection, shutdown| {
            wire::serve(stream, connection, self.clone(), shutdown)
        };
        serve::serve_streams(listener, connections, shutdown).await;
    }

    pub(crate) fn kv(&self) -> Arc<kv::Kv> {
        Arc::clone(&self.plain)
    }
}

impl Service<http::Request<Body>> for Server {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = request.uri().path().split('/').nth(1).unwrap_or_default();
        match service {
            "etcdserverpb.KV" => self.kv.call(request),
            "etcdserverpb.Watch" => self.watch.call(request),
            "etcdserverpb.Lease" => self.lease.call(request),
            "etcdserverpb.Cluster" => self.cluster.call(request),
            "etcdserverpb.Maintenance" => self.maintenance.call(request),
            _ => {
                let status = Status::unimplemented(format!("unknown service {service}"));
                Box::pin(async move { Ok(status.into_http()) })
            }
        }
    }
}

/// An error as etcd words it.
pub(crate) fn status(error: &StoreError) -> Status {
    let text = error.to_string();
    match error {
        StoreError::Compacted { .. } | StoreError::Future { .. } => Status::out_of_range(text),
        // The one refusal of this kind that etcd gives another code.
        StoreError::Invalid(_) if text.ends_with("too large lease TTL") => {
            Status::out_of_range(text)
        }
        StoreError::TooLarge { .. } | StoreError::Invalid(_) => Status::invalid_argument(text),
        StoreError::LeaseNotFound => Status::not_found(text),
        StoreError::LeaseExists => Status::failed_precondition(text),
        StoreError::Unavailable(_) => Status::unavailable(text),
        StoreError::Exists | StoreError::Conflict { .. } => Status::aborted(text),
    }
}

/// The version that is told to clients.
pub(crate) fn version() -> String {
    VERSION.to_owned()
}
