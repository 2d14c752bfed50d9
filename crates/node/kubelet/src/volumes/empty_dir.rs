//! A directory that lives as long as its pod, on disk or in memory.

use std::os::unix::fs::PermissionsExt as _;

use styr_meta::Quantity;

use super::ownership::{self, Rights};
use super::{Mounted, Request, fs_group, mount_table};

const MODE: u32 = 0o777;

pub(super) async fn set_up(request: Request<'_>) -> Result<Mounted, String> {
    let source = request.volume.empty_dir.clone().unwrap_or_default();
    let directory = &request.directory;
    let limit = source
        .size_limit
        .as_ref()
        .and_then(|text| Quantity::parse(&text.0).ok());
    let limit = limit.map(|limit| limit.value()).filter(|limit| *limit > 0);
    let medium = source.medium.as_deref().unwrap_or_default();
    if !matches!(medium, "" | "Memory") {
        return Err(format!("emptyDir medium {medium:?} is not implemented"));
    }
    let make = || -> std::io::Result<()> {
        let is_new = !directory.exists();
        std::fs::create_dir_all(directory)?;
        if medium == "Memory" {
            let allocatable = request.facts.allocatable.memory;
            let size = limit.unwrap_or(allocatable).min(allocatable.max(1));
            mount_table::mount_memory(directory, Some(size).filter(|size| *size > 1))?;
        }
        if is_new {
            std::fs::set_permissions(directory, std::fs::Permissions::from_mode(MODE))?;
            if let Some(group) = fs_group(request.pod) {
                ownership::give(directory, group, Rights::ReadWrite, false)?;
            }
        }
        Ok(())
    };
    make().map_err(|error| format!("could not make {}: {error}", directory.display()))?;
    Ok(Mounted {
        path: directory.clone(),
        read_only: false,
    })
}
