//! Image archives out of programs: OCI layouts and what `docker save` writes.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// How a layer is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// An image of one program, at the root of the only layer.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    pub(crate) name: String,
    pub(crate) program: &'static str,
    pub(crate) environment: Vec<String>,
    pub(crate) architecture: &'static str,
    pub(crate) packing: Packing,
}

/// The parts that both forms of an archive hold.
struct Parts {
    config: Vec<u8>,
    layer: Vec<u8>,
}

impl Image {
    pub(crate) fn new(name: &str, program: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            program,
            environment: Vec::new(),
            architecture: architecture(),
            packing: Packing::Plain,
        }
    }

    fn parts(&self, program: &[u8]) -> Parts {
        let layer = tar(&[(self.program.to_owned(), program.to_vec(), 0o755)]);
        let config = json!({
            "architecture": self.architecture,
            "os": "linux",
            "config": {
                "Entrypoint": [format!("/{}", self.program)],
                "Env": self.environment,
                "User": "10001:10001",
            },
            "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
        });
        Parts {
            config: config.to_string().into_bytes(),
            layer: packed(&layer, self.packing),
        }
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

/// Writes images of one program as an OCI layout.
pub(crate) fn write_layout(path: &Path, program: &[u8], images: &[Image]) {
    let mut files = vec![(
        "oci-layout".to_owned(),
        br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec(),
        0o644,
    )];
    let mut manifests = Vec::new();
    for image in images {
        let parts = image.parts(program);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("application/vnd.oci.image.config.v1+json", &parts.config),
            "layers": [descriptor(layer_type(image.packing), &parts.layer)],
        });
        let manifest = manifest.to_string().into_bytes();
        let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", &manifest);
        entry["annotations"] = json!({ "io.containerd.image.name": image.name });
        manifests.push(entry);
        files.extend([parts.config, parts.layer, manifest].map(|bytes| {
            let name = digest(&bytes).replacen(':', "/", 1);
            (format!("blobs/{name}"), bytes, 0o644)
        }));
    }
    let index = json!({ "schemaVersion": 2, "manifests": manifests });
    files.push((
        "index.json".to_owned(),
        index.to_string().into_bytes(),
        0o644,
    ));
    std::fs::write(path, tar(&files)).unwrap();
}

/// Writes an image as `docker save` does.
pub(crate) fn write_docker(path: &Path, program: &[u8], image: &Image) {
    let parts = image.parts(program);
    let manifest = json!([{
        "Config": "config.json", "RepoTags": [image.name], "Layers": ["layer/layer.tar"],
    }]);
    let files = [
        ("config.json".to_owned(), parts.config, 0o644),
        ("layer/layer.tar".to_owned(), parts.layer, 0o644),
        (
            "manifest.json".to_owned(),
            manifest.to_string().into_bytes(),
            0o644,
        ),
    ];
    std::fs::write(path, tar(&files)).unwrap();
}

fn layer_type(packing: Packing) -> &'static str {
    match packing {
        Packing::Plain => "application/vnd.oci.image.layer.v1.tar",
        Packing::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
        Packing::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
    }
}

pub(crate) fn packed(layer: &[u8], packing: Packing) -> Vec<u8> {
    match packing {
        Packing::Plain => layer.to_vec(),
        Packing::Gzip => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(layer).unwrap();
            encoder.finish().unwrap()
        }
        Packing::Zstd => zstd::encode_all(layer, 1).unwrap(),
    }
}

fn descriptor(kind: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": kind, "digest": digest(bytes), "size": bytes.len() })
}

fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn tar(files: &[(String, Vec<u8>, u32)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes, mode) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(*mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        tar.append_data(&mut header, name, bytes.as_slice())
            .unwrap();
    }
    tar.into_inner().unwrap()
}
