//! Keys of a secret as files, in memory.

use k8s_openapi::api::core::v1::{KeyToPath, Secret};

use super::atomic::Payload;
use super::config_map::pick;
use super::projected::write_payload;
use super::{Mounted, Request};
use crate::pod;

const DEFAULT_MODE: i32 = 0o644;

pub(super) async fn set_up(request: Request<'_>) -> Result<Mounted, String> {
    let source = request.volume.secret.clone().unwrap_or_default();
    let namespace = pod::namespace(request.pod);
    let name = source.secret_name.unwrap_or_default();
    let found = request.objects.secret(namespace, &name).await;
    let found = found.map_err(|failure| failure.message)?;
    let optional = source.optional == Some(true);
    let secret = match &found {
        Some(secret) => (**secret).clone(),
        None if optional => Secret::default(),
        None => return Err(format!("secret {name:?} not found")),
    };
    let mode = source.default_mode.unwrap_or(DEFAULT_MODE);
    let payload = payload(&secret, source.items.as_deref(), mode, optional)?;
    write_payload(&request, &payload, true)
}

pub(super) fn payload(
    secret: &Secret,
    items: Option<&[KeyToPath]>,
    default_mode: i32,
    optional: bool,
) -> Result<Payload, String> {
    let all = secret.data.iter().flatten();
    let all = all
        .map(|(key, value)| (key.clone(), value.0.clone()))
        .collect();
    pick(&all, items, default_mode, optional, "secret")
}
