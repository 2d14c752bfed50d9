//! The store of images, which several nodes of one machine may share.
//!
//! Layers are kept unpacked, once each, under the digest of their content; images are small files
//! that name them. Whoever changes the store holds its lock; readers need none, since files appear
//! whole and a layer is never changed.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

mod archive;
mod forget;
mod program;
mod reference;
mod unpack;
mod users;

pub use program::Program;
pub use reference::normalize;

const IMAGES: &str = "images";
const LAYERS: &str = "layers";
const IN_USE: &str = "in-use";
const TEMPORARY: &str = "tmp";
const LOCK: &str = "lock";
/// Of an image's id: SHA-256 in hexadecimal.
const ID_LENGTH: usize = 64;
/// The files of a layer lie in this folder of it.
const CONTENT: &str = "fs";

/// What an image's configuration says about processes in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImageConfig {
    #[serde(deserialize_with = "or_default")]
    pub user: String,
    #[serde(deserialize_with = "or_default")]
    pub env: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub entrypoint: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub cmd: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub working_dir: String,
    #[serde(deserialize_with = "or_default")]
    pub stop_signal: String,
}

/// `null` is as good as nothing.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// An image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// `sha256:...` of the configuration.
    pub id: String,
    /// Full names with tags.
    pub tags: Vec<String>,
    /// Full names with digests of manifests.
    pub digests: Vec<String>,
    /// Bytes of its blobs.
    pub size: u64,
    pub config: ImageConfig,
    /// Hexadecimal digests of unpacked layers, the lowest first.
    pub layers: Vec<String>,
}

/// The store.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// Loads an archive (OCI layout or `docker save`) into the store at `root`; answers the images.
pub fn load_archive(store: &Path, archive: &Path) -> anyhow::Result<Vec<Image>> {
    Store::open(store)?.load(archive)
}

impl Store {
    /// Opens a store, which is made if it is missing.
    pub fn open(root: &Path) -> anyhow::Result<Self> {
        for folder in [IMAGES, LAYERS, IN_USE, TEMPORARY] {
            let folder = root.join(folder);
            fs::create_dir_all(&folder)
                .with_context(|| format!("could not make {}", folder.display()))?;
        }
        let root = fs::canonicalize(root)?;
        Ok(Self { root })
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Loads an archive. Layers that are there already are not even read.
    pub fn load(&self, archive: &Path) -> anyhow::Result<Vec<Image>> {
        let _lock = self.lock()?;
        let loaded = archive::load(self, archive)
            .with_context(|| format!("could not load {}", archive.display()))?;
        for image in &loaded {
            self.add(image)?;
        }
        Ok(loaded)
    }

    /// All images.
    pub fn list(&self) -> anyhow::Result<Vec<Image>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.root.join(IMAGES))? {
            let path = entry?.path();
            // A hidden file is one that is being written.
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                found.extend(read(&path)?);
            }
        }
        Ok(found)
    }

    /// The image of a name, a digest or an id (with or without `sha256:`).
    pub fn find(&self, name: &str) -> anyhow::Result<Option<Image>> {
        if name.is_empty() {
            return Ok(None);
        }
        let hex = name.strip_prefix("sha256:").unwrap_or(name);
        let is_id = hex.len() == ID_LENGTH && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_id && let Some(image) = read(&self.image_file(hex))? {
            return Ok(Some(image));
        }
        let Ok(full) = normalize(name) else {
            return Ok(None);
        };
        let images = self.list()?;
        let named = |image: &Image| image.tags.contains(&full) || image.digests.contains(&full);
        Ok(images.into_iter().find(named))
    }

    /// Folders of an image's layers, the topmost first.
    pub fn layers(&self, image: &Image) -> Vec<PathBuf> {
        image
            .layers
            .iter()
            .rev()
            .map(|layer| self.layer(layer).join(CONTENT))
            .collect()
    }

    /// Takes an image, with all its names, and layers that nobody needs any more.
    pub fn remove(&self, image: &Image) -> anyhow::Result<()> {
        let _lock = self.lock()?;
        let path = self.image_file(&image.id);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("could not remove {}", path.display()));
            }
            _ => {}
        }
        self.collect()
    }

    /// Removes layers without an image and without a container.
    fn collect(&self) -> anyhow::Result<()> {
        let mut needed: BTreeSet<String> = users::layers(&self.root.join(IN_USE))?;
        needed.extend(self.list()?.into_iter().flat_map(|image| image.layers));
        for entry in fs::read_dir(self.root.join(LAYERS))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !needed.contains(&name) {
                fs::remove_dir_all(entry.path())
                    .with_context(|| format!("could not remove layer {name}"))?;
            }
        }
        Ok(())
    }

    /// Keeps the layers of an image for a container, even if the image is removed.
    pub fn hold(&self, image: &Image, container: &str) -> anyhow::Result<()> {
        let _lock = self.lock()?;
        users::hold(&self.root.join(IN_USE), image, container)
    }

    /// The container has gone.
    pub fn release(&self, container: &str) {
        users::release(&self.root.join(IN_USE), container);
    }

    fn add(&self, image: &Image) -> anyhow::Result<()> {
        // A name moves to the newest image that carries it.
        for mut other in self.list()? {
            let before = other.tags.len();
            other
                .tags
                .retain(|tag| other.id == image.id || !image.tags.contains(tag));
            if other.tags.len() != before {
                self.write(&other)?;
            }
        }
        let mut image = image.clone();
        if let Some(known) = self.find(&image.id)? {
            merge(&mut image.tags, known.tags);
            merge(&mut image.digests, known.digests);
        }
        self.write(&image)
    }

    fn write(&self, image: &Image) -> anyhow::Result<()> {
        let path = self.image_file(&image.id);
        let temporary = path.with_extension("new");
        fs::write(&temporary, serde_json::to_vec(image)?)?;
        fs::rename(&temporary, &path).with_context(|| format!("could not write {}", path.display()))
    }

    fn image_file(&self, id: &str) -> PathBuf {
        let hex = id.strip_prefix("sha256:").unwrap_or(id);
        self.root.join(IMAGES).join(format!("{hex}.json"))
    }

    fn layer(&self, digest: &str) -> PathBuf {
        self.root.join(LAYERS).join(digest)
    }

    fn lock(&self) -> anyhow::Result<File> {
        let path = self.root.join(LOCK);
        let options = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let file = options.with_context(|| format!("could not open {}", path.display()))?;
        file.lock()
            .with_context(|| format!("could not lock {}", path.display()))?;
        Ok(file)
    }

    /// Bytes and files that the layers take, as the file system sees it.
    pub fn usage(&self) -> anyhow::Result<(u64, u64)> {
        let mut total = (0, 0);
        for image in self.list()? {
            total.0 += image.size;
            total.1 += 1;
        }
        if total.1 == 0 && !self.root.exists() {
            bail!("the image store {} is gone", self.root.display());
        }
        Ok(total)
    }
}

/// An image's file; `None` if it is not there, or not any more.
fn read(path: &Path) -> anyhow::Result<Option<Image>> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .with_context(|| format!("could not understand {}", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("could not read {}", path.display())),
    }
}

fn merge(names: &mut Vec<String>, more: Vec<String>) {
    for name in more {
        if !names.contains(&name) {
            names.push(name);
        }
    }
}

#[cfg(test)]
mod tests;
