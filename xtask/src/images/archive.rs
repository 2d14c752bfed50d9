//! Writes OCI image layouts as one tar file; the same programs give the same bytes.
//!
//! See <https://github.com/opencontainers/image-spec>. Equal layers stand in the file once.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// An image of one layer.
#[derive(Debug)]
pub(super) struct Image {
    /// With its tag.
    pub(super) name: String,
    /// A tar file.
    pub(super) layer: Vec<u8>,
    /// What it starts.
    pub(super) entrypoint: String,
    /// `NAME=value`.
    pub(super) environment: Vec<String>,
    /// `uid:gid`.
    pub(super) user: String,
}

/// A layer that holds one program, at the root.
pub(super) fn layer(name: &str, program: &[u8]) -> Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    append(&mut tar, name, program, 0o755)?;
    tar.into_inner().context("could not end the layer")
}

/// Writes an archive, whole or not at all.
pub(super) fn write(path: &Path, images: &[Image]) -> Result<()> {
    let draft = path.with_extension("draft");
    let file = File::create(&draft).context("could not make the file")?;
    layout(file, images)?;
    fs::rename(&draft, path).context("could not move the file to its place")
}

fn layout(out: impl Write, images: &[Image]) -> Result<()> {
    let mut blobs = Blobs::default();
    let manifests: Vec<Value> = images.iter().map(|image| blobs.image(image)).collect();
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
    let mut tar = tar::Builder::new(out);
    let version = json!({ "imageLayoutVersion": "1.0.0" });
    append(
        &mut tar,
        "oci-layout",
        version.to_string().as_bytes(),
        0o644,
    )?;
    append(&mut tar, "index.json", index.to_string().as_bytes(), 0o644)?;
    for (digest, bytes) in &blobs.0 {
        append(&mut tar, &format!("blobs/sha256/{digest}"), bytes, 0o644)?;
    }
    tar.into_inner().context("could not end the archive")?;
    Ok(())
}

/// What manifests refer to, by its digest.
#[derive(Default)]
struct Blobs(BTreeMap<String, Vec<u8>>);

impl Blobs {
    /// Adds all that an image is; answers its entry in the index.
    fn image(&mut self, image: &Image) -> Value {
        let layer = self.blob(LAYER, image.layer.clone());
        let config = json!({
            "architecture": architecture(),
            "os": "linux",
            "config": {
                "Entrypoint": [image.entrypoint],
                "Env": image.environment,
                "User": image.user,
            },
            // Of a layer that is not compressed, both digests are one.
            "rootfs": { "type": "layers", "diff_ids": [layer["digest"]] },
        });
        let config = self.blob(CONFIG, config.to_string().into_bytes());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config,
            "layers": [layer],
        });
        let mut entry = self.blob(MANIFEST, manifest.to_string().into_bytes());
        entry["annotations"] = json!({
            "io.containerd.image.name": image.name,
            "org.opencontainers.image.ref.name": image.name,
        });
        entry
    }

    /// Adds a blob; answers its descriptor.
    fn blob(&mut self, kind: &str, bytes: Vec<u8>) -> Value {
        let digest = hex(&Sha256::digest(&bytes));
        let descriptor = json!({
            "mediaType": kind,
            "digest": format!("sha256:{digest}"),
            "size": bytes.len(),
        });
        self.0.insert(digest, bytes);
        descriptor
    }
}

/// Go's name for this machine's architecture, which images use.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn append<W: Write>(tar: &mut tar::Builder<W>, name: &str, bytes: &[u8], mode: u32) -> Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(bytes.len() as u64);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    tar.append_data(&mut header, name, bytes)
        .with_context(|| format!("could not write {name} into the archive"))
}

#[cfg(test)]
mod tests;
