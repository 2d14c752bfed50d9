//! Claims that are bound to volumes of this machine: `local` and `hostPath`.

use std::path::PathBuf;

use super::ownership::{self, Rights};
use super::{Mounted, Request, fs_group, host_path};
use crate::pod;

pub(super) async fn set_up(request: Request<'_>) -> Result<Mounted, String> {
    let namespace = pod::namespace(request.pod);
    let source = request.volume.persistent_volume_claim.as_ref();
    let (name, read_only) = match source {
        Some(source) => (source.claim_name.clone(), source.read_only == Some(true)),
        None => (
            format!("{}-{}", pod::name(request.pod), request.volume.name),
            false,
        ),
    };
    let text = |failure: crate::launch::Failure| failure.message;
    let claim = request
        .objects
        .claim(namespace, &name)
        .await
        .map_err(text)?;
    let claim = claim.ok_or_else(|| format!("persistentvolumeclaim {name:?} not found"))?;
    let phase = claim
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    let volume = claim
        .spec
        .as_ref()
        .and_then(|spec| spec.volume_name.clone());
    let volume = volume.filter(|volume| !volume.is_empty() && phase == Some("Bound"));
    let volume = volume.ok_or_else(|| format!("PVC {namespace}/{name} is not bound"))?;
    let found = request.objects.volume(&volume).await.map_err(text)?;
    let found = found.ok_or_else(|| format!("persistentvolume {volume:?} not found"))?;
    let spec = found.spec.clone().unwrap_or_default();
    let path = if let Some(local) = &spec.local {
        let path = PathBuf::from(&local.path);
        if !path.exists() {
            return Err(format!("path {:?} does not exist", local.path));
        }
        share(&request, &path)?;
        path
    } else if let Some(source) = &spec.host_path {
        let path = PathBuf::from(&source.path);
        host_path::check(&path, source.type_.as_deref().unwrap_or_default())?;
        path
    } else {
        return Err(format!(
            "the source of persistent volume {volume:?} is not implemented"
        ));
    };
    Ok(Mounted { path, read_only })
}

fn share(request: &Request<'_>, path: &std::path::Path) -> Result<(), String> {
    let Some(group) = fs_group(request.pod) else {
        return Ok(());
    };
    let context = pod::spec(request.pod).security_context.as_ref();
    let policy = context.and_then(|context| context.fs_group_change_policy.as_deref());
    let only_if_root_differs = policy == Some("OnRootMismatch");
    ownership::give(path, group, Rights::ReadWrite, only_if_root_differs).map_err(|error| {
        format!(
            "could not give {} to group {group}: {error}",
            path.display()
        )
    })
}
