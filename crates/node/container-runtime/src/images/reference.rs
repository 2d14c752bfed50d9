//! Names of images: what people write, in full.

use anyhow::bail;

const DEFAULT_DOMAIN: &str = "docker.io";
const LEGACY_DOMAIN: &str = "index.docker.io";
const DEFAULT_FOLDER: &str = "library";
const DEFAULT_TAG: &str = "latest";

/// The full form of a name: with domain, and with a tag or digest (which wins over a tag).
pub fn normalize(name: &str) -> anyhow::Result<String> {
    let (rest, digest) = match name.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (name, None),
    };
    let (path, tag) = match rest.rsplit_once(':') {
        // A colon before a slash belongs to a port.
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (rest, None),
    };
    let (domain, path) = match path.split_once('/') {
        Some((first, path)) if first.contains(['.', ':']) || first == "localhost" => (first, path),
        _ => (DEFAULT_DOMAIN, path),
    };
    let domain = if domain == LEGACY_DOMAIN {
        DEFAULT_DOMAIN
    } else {
        domain
    };
    let allowed = |letter: char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || "/._-".contains(letter)
    };
    if path.is_empty() || !path.chars().all(allowed) || tag.is_some_and(str::is_empty) {
        bail!("invalid reference format: {name:?}");
    }
    let path = if domain == DEFAULT_DOMAIN && !path.contains('/') {
        format!("{DEFAULT_FOLDER}/{path}")
    } else {
        path.to_owned()
    };
    Ok(match (digest, tag) {
        (Some(digest), _) => format!("{domain}/{path}@{digest}"),
        (None, tag) => format!("{domain}/{path}:{}", tag.unwrap_or(DEFAULT_TAG)),
    })
}

/// The name without tag or digest.
pub(super) fn repository(full: &str) -> &str {
    let rest = full.split_once('@').map_or(full, |(rest, _)| rest);
    match rest.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => path,
        _ => rest,
    }
}
