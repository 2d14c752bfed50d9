//! Keys of a config map as files.

use k8s_openapi::api::core::v1::{ConfigMap, KeyToPath};

use super::atomic::{Content, Payload};
use super::projected::write_payload;
use super::{Mounted, Request};
use crate::pod;

const DEFAULT_MODE: i32 = 0o644;

pub(super) async fn set_up(request: Request<'_>) -> Result<Mounted, String> {
    let source = request.volume.config_map.clone().unwrap_or_default();
    let namespace = pod::namespace(request.pod);
    let found = request.objects.config_map(namespace, &source.name).await;
    let found = found.map_err(|failure| failure.message)?;
    let optional = source.optional == Some(true);
    let map = match &found {
        Some(map) => (**map).clone(),
        None if optional => ConfigMap::default(),
        None => return Err(format!("configmap {:?} not found", source.name)),
    };
    let mode = source.default_mode.unwrap_or(DEFAULT_MODE);
    let payload = payload(&map, source.items.as_deref(), mode, optional)?;
    write_payload(&request, &payload, false)
}

pub(super) fn payload(
    map: &ConfigMap,
    items: Option<&[KeyToPath]>,
    default_mode: i32,
    optional: bool,
) -> Result<Payload, String> {
    let text = map
        .data
        .iter()
        .flatten()
        .map(|(key, value)| (key, value.clone().into_bytes()));
    let binary = map
        .binary_data
        .iter()
        .flatten()
        .map(|(key, value)| (key, value.0.clone()));
    let all = text
        .chain(binary)
        .map(|(key, value)| (key.clone(), value))
        .collect();
    pick(&all, items, default_mode, optional, "config")
}

/// Only what `items` names, if it names anything.
pub(super) fn pick(
    all: &std::collections::BTreeMap<String, Vec<u8>>,
    items: Option<&[KeyToPath]>,
    default_mode: i32,
    optional: bool,
    kind: &str,
) -> Result<Payload, String> {
    let content = |bytes: &Vec<u8>, mode: i32| Content {
        bytes: bytes.clone(),
        mode: u32::try_from(mode).unwrap_or(0o644),
        user: None,
    };
    let items = items.unwrap_or_default();
    if items.is_empty() {
        let all = all
            .iter()
            .map(|(key, bytes)| (key.clone(), content(bytes, default_mode)));
        return Ok(all.collect());
    }
    let mut out = Payload::new();
    for item in items {
        match all.get(&item.key) {
            Some(bytes) => {
                let mode = item.mode.unwrap_or(default_mode);
                out.insert(item.path.clone(), content(bytes, mode));
            }
            None if optional => {}
            None => return Err(format!("references non-existent {kind} key: {}", item.key)),
        }
    }
    Ok(out)
}
