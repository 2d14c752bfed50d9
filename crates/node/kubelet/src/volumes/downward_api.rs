//! Facts about the pod as files.

use k8s_openapi::api::core::v1::{Container, DownwardAPIVolumeFile};

use super::atomic::{Content, Payload};
use super::projected::write_payload;
use super::{Mounted, Request};
use crate::launch::downward;

const DEFAULT_MODE: i32 = 0o644;

pub(super) async fn set_up(request: Request<'_>) -> Result<Mounted, String> {
    let source = request.volume.downward_api.clone().unwrap_or_default();
    let items = source.items.unwrap_or_default();
    let payload = payload(
        &request,
        &items,
        source.default_mode.unwrap_or(DEFAULT_MODE),
    )?;
    write_payload(&request, &payload, true)
}

pub(super) fn payload(
    request: &Request<'_>,
    items: &[DownwardAPIVolumeFile],
    default_mode: i32,
) -> Result<Payload, String> {
    let mut out = Payload::new();
    for item in items {
        let value = if let Some(selector) = &item.field_ref {
            downward::field(request.pod, selector, request.facts)?
        } else if let Some(selector) = &item.resource_field_ref {
            let nobody = Container::default();
            downward::resource(request.pod, &nobody, selector, request.facts.allocatable)?
        } else {
            continue;
        };
        let mode = u32::try_from(item.mode.unwrap_or(default_mode)).unwrap_or(0o644);
        out.insert(
            item.path.clone(),
            Content {
                bytes: value.into_bytes(),
                mode,
                user: None,
            },
        );
    }
    Ok(out)
}
