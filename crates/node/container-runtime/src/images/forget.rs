//! Takes out what nobody will ask for again: marks of containers whose node is gone, images of
//! programs that were built anew, layers of neither.

use std::collections::BTreeSet;
use std::fs;

use anyhow::Context as _;

use super::{IN_USE, Store, users};

impl Store {
    /// The node of these containers has been taken away, and they with it.
    pub fn forget(&self, containers: &BTreeSet<String>) -> anyhow::Result<()> {
        let _lock = self.lock()?;
        let folder = self.root.join(IN_USE);
        for entry in fs::read_dir(&folder).context("could not read who uses layers")? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            // Images that are mounted as volumes are held under the container's id and a number.
            let container = name.split('-').next().unwrap_or_default();
            if containers.contains(container) {
                users::release(&folder, &name);
            }
        }
        self.prune()
    }

    /// Removes images of programs that have neither a name nor a container.
    pub(super) fn prune(&self) -> anyhow::Result<()> {
        let held = users::layers(&self.root.join(IN_USE))?;
        for image in self.list()? {
            let is_held = image.layers.iter().any(|layer| held.contains(layer));
            if image.is_program() && image.tags.is_empty() && !is_held {
                let path = self.image_file(&image.id);
                fs::remove_file(&path)
                    .with_context(|| format!("could not remove {}", path.display()))?;
            }
        }
        self.collect()
    }
}
