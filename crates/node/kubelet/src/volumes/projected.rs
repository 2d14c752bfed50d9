//! Several sources in one volume: secrets, config maps, facts about the pod, tokens.

use std::io;

use k8s_openapi::api::core::v1::VolumeProjection;

use super::atomic::{self, Payload};
use super::ownership::{self, Rights};
use super::{Mounted, Request, config_map, downward_api, fs_group, mount_table, secret, token};
use crate::pod;

const DEFAULT_MODE: i32 = 0o644;

pub(super) async fn set_up(request: Request<'_>) -> Result<Mounted, String> {
    let source = request.volume.projected.clone().unwrap_or_default();
    let mode = source.default_mode.unwrap_or(DEFAULT_MODE);
    let parts = source.sources.iter().flatten();
    let parts = parts.map(|source| part(&request, source, mode));
    let parts = futures::future::try_join_all(parts).await?;
    let payload = parts.into_iter().flatten().collect();
    write_payload(&request, &payload, true)
}

/// The files of one source.
async fn part(
    request: &Request<'_>,
    source: &VolumeProjection,
    mode: i32,
) -> Result<Payload, String> {
    let namespace = pod::namespace(request.pod);
    if let Some(source) = &source.secret {
        let optional = source.optional == Some(true);
        let found = request.objects.secret(namespace, &source.name).await;
        match found.map_err(|failure| failure.message)? {
            Some(object) => secret::payload(&object, source.items.as_deref(), mode, optional),
            None if optional => Ok(Payload::new()),
            None => Err(format!("secret {:?} not found", source.name)),
        }
    } else if let Some(source) = &source.config_map {
        let optional = source.optional == Some(true);
        let found = request.objects.config_map(namespace, &source.name).await;
        match found.map_err(|failure| failure.message)? {
            Some(map) => config_map::payload(&map, source.items.as_deref(), mode, optional),
            None if optional => Ok(Payload::new()),
            None => Err(format!("configmap {:?} not found", source.name)),
        }
    } else if let Some(source) = &source.downward_api {
        downward_api::payload(request, source.items.as_deref().unwrap_or_default(), mode)
    } else if let Some(source) = &source.service_account_token {
        token::payload(request, source, mode).await
    } else if source.cluster_trust_bundle.is_some() {
        Err("clusterTrustBundle sources are not implemented".into())
    } else {
        Err("a source of the projected volume is not implemented".into())
    }
}

/// Puts files into a volume's directory; secret ones live in memory.
pub(super) fn write_payload(
    request: &Request<'_>,
    payload: &Payload,
    in_memory: bool,
) -> Result<Mounted, String> {
    let directory = &request.directory;
    let write = || -> io::Result<()> {
        std::fs::create_dir_all(directory)?;
        if in_memory {
            mount_table::mount_memory(directory, None)?;
        }
        set_mode(directory, 0o777)?;
        let group = fs_group(request.pod);
        if let Some(group) = group {
            std::os::unix::fs::lchown(directory, None, u32::try_from(group).ok())?;
            set_mode(directory, 0o2777)?;
        }
        atomic::write(directory, payload, request.now, |new| match group {
            Some(group) => ownership::give(new, group, Rights::Read, false),
            None => Ok(()),
        })?;
        Ok(())
    };
    write().map_err(|error| format!("could not write {}: {error}", directory.display()))?;
    Ok(Mounted {
        path: directory.clone(),
        read_only: false,
    })
}

fn set_mode(path: &std::path::Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}
