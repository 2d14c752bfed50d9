//! Volumes of pods: one file per kind, and the table below.
//!
//! The layout of directories is upstream's: `pods/UID/volumes/kubernetes.io~KIND/NAME`. Setting up
//! is repeatable: it makes what is missing and renews contents that have changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, Volume};

use crate::launch::downward::Facts;
use crate::objects::Objects;
use crate::pod;

pub(crate) mod atomic;
mod config_map;
mod downward_api;
mod empty_dir;
mod host_path;
pub(crate) mod mount_table;
mod ownership;
mod persistent_volume_claim;
mod projected;
mod references;
mod secret;
mod tear_down;
#[cfg(test)]
mod tests;
pub(crate) mod token;

pub(crate) use references::{Reference, references};
pub(crate) use tear_down::tear_down;

/// A volume that containers can mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mounted {
    pub(crate) path: PathBuf,
    pub(crate) read_only: bool,
}

/// What setting up one volume needs.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) volume: &'a Volume,
    /// Where its contents belong; not made yet.
    pub(crate) directory: PathBuf,
    pub(crate) facts: Facts<'a>,
    pub(crate) objects: &'a Objects,
    pub(crate) tokens: &'a token::Tokens,
    pub(crate) now: Timestamp,
}

type SetUp =
    for<'a> fn(Request<'a>) -> Pin<Box<dyn Future<Output = Result<Mounted, String>> + Send + 'a>>;

/// A kind of volume.
pub(crate) struct Kind {
    /// Its directory's name.
    directory: &'static str,
    is_kind: fn(&Volume) -> bool,
    set_up: SetUp,
}

/// The directory of volumes that live as long as their pods.
pub(crate) const EMPTY_DIR: &str = "kubernetes.io~empty-dir";

/// All kinds that are known, by name.
const KINDS: [Kind; 7] = [
    Kind {
        directory: "kubernetes.io~configmap",
        is_kind: |volume| volume.config_map.is_some(),
        set_up: |request| Box::pin(config_map::set_up(request)),
    },
    Kind {
        directory: "kubernetes.io~downward-api",
        is_kind: |volume| volume.downward_api.is_some(),
        set_up: |request| Box::pin(downward_api::set_up(request)),
    },
    Kind {
        directory: EMPTY_DIR,
        is_kind: |volume| volume.empty_dir.is_some(),
        set_up: |request| Box::pin(empty_dir::set_up(request)),
    },
    Kind {
        directory: "kubernetes.io~host-path",
        is_kind: |volume| volume.host_path.is_some(),
        set_up: |request| Box::pin(host_path::set_up(request)),
    },
    Kind {
        directory: "kubernetes.io~local-volume",
        is_kind: |volume| volume.persistent_volume_claim.is_some() || volume.ephemeral.is_some(),
        set_up: |request| Box::pin(persistent_volume_claim::set_up(request)),
    },
    Kind {
        directory: "kubernetes.io~projected",
        is_kind: |volume| volume.projected.is_some(),
        set_up: |request| Box::pin(projected::set_up(request)),
    },
    Kind {
        directory: "kubernetes.io~secret",
        is_kind: |volume| volume.secret.is_some(),
        set_up: |request| Box::pin(secret::set_up(request)),
    },
];

/// What all volumes of a pod need.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    /// The pod's directory.
    pub(crate) directory: &'a Path,
    pub(crate) facts: Facts<'a>,
    pub(crate) objects: &'a Objects,
    pub(crate) tokens: &'a token::Tokens,
    pub(crate) now: Timestamp,
}

/// Sets up all volumes of a pod; the error is an event's message.
pub(crate) async fn set_up(
    pod: &Pod,
    context: &Context<'_>,
) -> Result<BTreeMap<String, Mounted>, String> {
    let volumes = pod::spec(pod).volumes.as_deref().unwrap_or_default();
    let all = volumes.iter().filter(|volume| volume.image.is_none()).map(async |volume| {
        let name = &volume.name;
        let Some(kind) = KINDS.iter().find(|kind| (kind.is_kind)(volume)) else {
            return Err(format!(
                "MountVolume.NewMounter initialization failed for volume {name:?} : no volume plugin matched"
            ));
        };
        let request = Request {
            pod,
            volume,
            directory: context.directory.join("volumes").join(kind.directory).join(name),
            facts: context.facts,
            objects: context.objects,
            tokens: context.tokens,
            now: context.now,
        };
        let mounted = (kind.set_up)(request).await;
        let mounted = mounted
            .map_err(|text| format!("MountVolume.SetUp failed for volume {name:?} : {text}"))?;
        Ok((name.clone(), mounted))
    });
    futures::future::try_join_all(all)
        .await
        .map(|list| list.into_iter().collect())
}

/// The group that shared volumes belong to.
fn fs_group(pod: &Pod) -> Option<i64> {
    pod::spec(pod).security_context.as_ref()?.fs_group
}
