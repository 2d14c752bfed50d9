//! Finds the credentials for an image among a pod's pull secrets.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Secret;
use serde::Deserialize;
use styr_cri::v1::AuthConfig;

const DOCKER_HUB: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    auths: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Entry {
    username: String,
    password: String,
    auth: String,
}

/// The most specific entry that covers the image.
pub(super) fn find(image: &str, secrets: &[Arc<Secret>]) -> Option<AuthConfig> {
    let mut best: Option<(usize, AuthConfig)> = None;
    for secret in secrets {
        for (server, entry) in entries(secret) {
            let Some(score) = covers(&server, image) else {
                continue;
            };
            if best.as_ref().is_none_or(|(known, _)| score > *known) {
                best = Some((score, auth(&entry)));
            }
        }
    }
    best.map(|(_, auth)| auth)
}

fn entries(secret: &Secret) -> BTreeMap<String, Entry> {
    let data = secret.data.as_ref();
    let get = |key| {
        data.and_then(|data| data.get(key))
            .map(|bytes| bytes.0.as_slice())
    };
    if let Some(text) = get(".dockerconfigjson") {
        return serde_json::from_slice::<Config>(text)
            .unwrap_or_default()
            .auths;
    }
    let text = get(".dockercfg").unwrap_or(b"{}");
    serde_json::from_slice(text).unwrap_or_default()
}

fn covers(server: &str, image: &str) -> Option<usize> {
    let server = server
        .trim_start_matches("https://")
        .trim_start_matches("http://");
    let server = server
        .trim_end_matches('/')
        .trim_end_matches("/v1")
        .trim_end_matches("/v2");
    let image = qualified(image);
    let is_hub = |host: &str| DOCKER_HUB.contains(&host);
    let (host, path) = server.split_once('/').unwrap_or((server, ""));
    let (image_host, image_path) = image.split_once('/')?;
    let same_host = host == image_host || is_hub(host) && is_hub(image_host);
    let wildcard = host
        .strip_prefix("*.")
        .is_some_and(|tail| image_host.ends_with(tail));
    ((same_host || wildcard) && image_path.starts_with(path)).then_some(server.len())
}

fn qualified(image: &str) -> String {
    match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => image.to_owned(),
        Some(_) => format!("docker.io/{image}"),
        None => format!("docker.io/library/{image}"),
    }
}

fn auth(entry: &Entry) -> AuthConfig {
    let decoded = STANDARD.decode(&entry.auth).ok();
    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    let pair = decoded.as_deref().and_then(|text| text.split_once(':'));
    let (username, password) = pair.unwrap_or((&entry.username, &entry.password));
    AuthConfig {
        username: username.to_owned(),
        password: password.trim_end_matches('\0').to_owned(),
        ..AuthConfig::default()
    }
}
