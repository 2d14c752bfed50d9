//! What the name of an image says about when to pull it.

/// `Always` for the tag `latest` (or none at all), else `IfNotPresent`.
pub(super) fn pull_policy(image: &str) -> &'static str {
    if is_latest(image) {
        "Always"
    } else {
        "IfNotPresent"
    }
}

fn is_latest(image: &str) -> bool {
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    let last = name.rsplit('/').next().unwrap_or(name);
    let valid = !name.is_empty() && name.bytes().all(|c| c.is_ascii_graphic());
    match last.split_once(':') {
        Some((_, tag)) => tag == "latest",
        // An invalid name has no tag at all.
        None => digest.is_none() && valid && !last.bytes().any(|c| c.is_ascii_uppercase()),
    }
}
