//! What both reconcilers work with.

use styr_base::SharedClock;
use styr_client::events::Recorder;
use styr_client::{Cache, Client};

use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;

use crate::config::Options;

#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) options: Options,
    pub(crate) client: Client,
    pub(crate) clock: SharedClock,
    pub(crate) recorder: Recorder,
    pub(crate) claims: Cache<PersistentVolumeClaim>,
    pub(crate) volumes: Cache<PersistentVolume>,
    pub(crate) classes: Cache<StorageClass>,
    pub(crate) nodes: Cache<Node>,
    /// Helper pods only.
    pub(crate) helpers: Cache<Pod>,
}
