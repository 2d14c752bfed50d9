//! Which containers use which layers: one small file for each container.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Context;

use super::Image;

pub(super) fn hold(folder: &Path, image: &Image, container: &str) -> anyhow::Result<()> {
    let path = folder.join(container);
    fs::write(&path, image.layers.join("\n"))
        .with_context(|| format!("could not write {}", path.display()))
}

pub(super) fn release(folder: &Path, container: &str) {
    let path = folder.join(container);
    if let Err(error) = fs::remove_file(&path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %path.display(), "layers stay held");
    }
}

pub(super) fn layers(folder: &Path) -> anyhow::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let text = fs::read_to_string(entry?.path())?;
        found.extend(text.lines().map(str::to_owned));
    }
    Ok(found)
}
