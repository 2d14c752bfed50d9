//! Archives of images: OCI layouts and what `docker save` writes, as one tar file.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, Read, Seek, SeekFrom, Take};
use std::path::Path;

use anyhow::{Context, bail};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::reference::{normalize, repository};
use super::{CONTENT, Image, ImageConfig, Store, TEMPORARY, unpack};

/// Descriptions are small; layers are not read into memory.
const LONGEST_DESCRIPTION: u64 = 4 << 20;
/// With these bytes begins what is packed.
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const MAGIC: u64 = 4;
const NAME_ANNOTATIONS: [&str; 2] = [
    "io.containerd.image.name",
    "org.opencontainers.image.ref.name",
];

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Descriptor {
    digest: String,
    size: u64,
    media_type: String,
    platform: Option<Platform>,
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Platform {
    architecture: String,
    os: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Manifest {
    manifests: Vec<Descriptor>,
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct DockerManifest {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ConfigFile {
    architecture: String,
    config: ImageConfig,
    rootfs: RootFs,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RootFs {
    diff_ids: Vec<String>,
}

/// Where the files of the archive lie.
struct Index {
    file: File,
    places: BTreeMap<String, (u64, u64)>,
}

pub(super) fn load(store: &Store, path: &Path) -> anyhow::Result<Vec<Image>> {
    let mut index = Index::read(opened(store, path)?)?;
    if index.places.contains_key("index.json") {
        return load_layout(store, &mut index);
    }
    let manifests: Vec<DockerManifest> = index
        .json("manifest.json")
        .context("the archive holds neither an OCI layout nor a Docker image")?;
    let mut images = Vec::new();
    for manifest in manifests {
        let mut image = read_image(store, &mut index, &manifest.config, &manifest.layers)?;
        for tag in manifest.repo_tags.unwrap_or_default() {
            image.tags.push(normalize(&tag)?);
        }
        images.push(image);
    }
    Ok(images)
}

/// The archive, unpacked if it is packed as a whole: what lies in it is read in any order.
fn opened(store: &Store, path: &Path) -> anyhow::Result<File> {
    let mut file = File::open(path).context("could not open it")?;
    let mut start = Vec::new();
    (&mut file).take(MAGIC).read_to_end(&mut start)?;
    file.rewind()?;
    if !is_packed(&start) {
        return Ok(file);
    }
    let aside = store.root.join(TEMPORARY).join("archive");
    let options = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&aside);
    let mut whole = options.with_context(|| format!("could not make {}", aside.display()))?;
    // It has no name from here on, and is gone with this process.
    fs::remove_file(&aside)?;
    let length = file.metadata()?.len();
    let reader = BufReader::with_capacity(1 << 16, (&mut file).take(length));
    std::io::copy(&mut decompressed(reader)?, &mut whole).context("could not unpack it")?;
    whole.rewind()?;
    Ok(whole)
}

fn load_layout(store: &Store, index: &mut Index) -> anyhow::Result<Vec<Image>> {
    let top: Manifest = index.json("index.json")?;
    let mut images: Vec<Image> = Vec::new();
    for entry in top.manifests {
        let name = NAME_ANNOTATIONS
            .iter()
            .find_map(|key| entry.annotations.get(*key));
        let Some((digest, manifest)) = index.manifest(&entry)? else {
            continue;
        };
        let layers: Vec<_> = manifest
            .layers
            .iter()
            .map(|layer| blob(&layer.digest))
            .collect();
        let mut image = read_image(store, index, &blob(&manifest.config.digest), &layers)?;
        if let Some(name) = name {
            let full = normalize(name)?;
            image
                .digests
                .push(format!("{}@{digest}", repository(&full)));
            if !full.contains('@') {
                image.tags.push(full);
            }
        }
        // One image may stand there under several names.
        match images.iter_mut().find(|known| known.id == image.id) {
            Some(known) => {
                super::merge(&mut known.tags, image.tags);
                super::merge(&mut known.digests, image.digests);
            }
            None => images.push(image),
        }
    }
    Ok(images)
}

/// Go's name for this machine's architecture, which images use.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn blob(digest: &str) -> String {
    format!("blobs/{}", digest.replacen(':', "/", 1))
}

fn read_image(
    store: &Store,
    index: &mut Index,
    config: &str,
    layers: &[String],
) -> anyhow::Result<Image> {
    let text = index.text(config)?;
    let parsed: ConfigFile = serde_json::from_slice(&text)
        .with_context(|| format!("could not understand the image's configuration {config}"))?;
    let own = architecture();
    if !parsed.architecture.is_empty() && parsed.architecture != own {
        bail!(
            "the image is for {}, and this machine is {own}",
            parsed.architecture
        );
    }
    if parsed.rootfs.diff_ids.len() != layers.len() {
        bail!("the image's configuration and manifest disagree about the number of layers");
    }
    let mut size = text.len() as u64;
    let mut unpacked = Vec::new();
    for (digest, path) in parsed.rootfs.diff_ids.iter().zip(layers) {
        size += index.place(path)?.1;
        let hex = digest
            .strip_prefix("sha256:")
            .filter(|hex| hex.len() == 64 && hex.chars().all(|digit| digit.is_ascii_hexdigit()))
            .with_context(|| format!("layer digest {digest:?} is not understood"))?;
        if !store.layer(hex).exists() {
            unpack_layer(store, index, path, hex)
                .with_context(|| format!("could not unpack layer {digest}"))?;
        }
        unpacked.push(hex.to_owned());
    }
    Ok(Image {
        id: format!("sha256:{}", hex(&Sha256::digest(&text))),
        size,
        config: parsed.config,
        layers: unpacked,
        ..Image::default()
    })
}

/// Unpacks aside, checks the content, and moves the whole into its place.
fn unpack_layer(store: &Store, index: &mut Index, path: &str, digest: &str) -> anyhow::Result<()> {
    let aside = store.root.join(TEMPORARY).join(digest);
    match fs::remove_dir_all(&aside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let content = aside.join(CONTENT);
    fs::create_dir_all(&content)?;
    let reader = index.open(path)?;
    let mut counted = Hashing {
        inner: decompressed(reader)?,
        hash: Sha256::new(),
    };
    unpack::layer(&mut counted, &content)?;
    // A tar file may be padded after its end.
    std::io::copy(&mut counted, &mut std::io::sink())?;
    let found = hex(&counted.hash.finalize());
    if found != digest {
        bail!("its content has another digest, {found}");
    }
    rustix::fs::syncfs(File::open(&content)?)?;
    fs::rename(&aside, store.layer(digest))?;
    Ok(())
}

fn decompressed<'a>(
    mut reader: BufReader<Take<&'a mut File>>,
) -> anyhow::Result<Box<dyn Read + 'a>> {
    use std::io::BufRead;
    let start = reader.fill_buf()?;
    Ok(match start {
        _ if start.starts_with(GZIP) => Box::new(flate2::bufread::MultiGzDecoder::new(reader)),
        _ if start.starts_with(ZSTD) => Box::new(zstd::stream::read::Decoder::with_buffer(reader)?),
        _ => Box::new(reader),
    })
}

fn is_packed(start: &[u8]) -> bool {
    start.starts_with(GZIP) || start.starts_with(ZSTD)
}

struct Hashing<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.hash.update(&buffer[..length]);
        Ok(length)
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to memory does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Index {
    fn read(mut file: File) -> anyhow::Result<Self> {
        let length = file.metadata().context("could not look at it")?.len();
        let mut places = BTreeMap::new();
        let mut links = Vec::new();
        let mut archive = tar::Archive::new(&mut file);
        for entry in archive.entries_with_seek()? {
            let entry = match entry {
                // What stands there says nothing about archives.
                Err(_) if places.is_empty() => bail!("it is not a tar archive"),
                entry => entry.context("it is damaged or truncated")?,
            };
            let end = entry.raw_file_position() + entry.size();
            if end > length {
                bail!("it is truncated: it has {length} bytes of at least {end}");
            }
            let name = entry
                .path()?
                .to_string_lossy()
                .trim_start_matches("./")
                .to_owned();
            match entry.link_name()? {
                // `docker save` may link equal layers.
                Some(target) => links.push((name, target.to_string_lossy().into_owned())),
                None => drop(places.insert(name, (entry.raw_file_position(), entry.size()))),
            }
        }
        for (name, target) in links {
            let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
            let target = target.trim_start_matches("../");
            let found = [target.to_owned(), format!("{folder}/{target}")];
            if let Some(place) = found.iter().find_map(|target| places.get(target)).copied() {
                places.insert(name, place);
            }
        }
        Ok(Self { file, places })
    }

    fn place(&self, path: &str) -> anyhow::Result<(u64, u64)> {
        let place = self.places.get(path.trim_start_matches("./"));
        place
            .copied()
            .with_context(|| format!("the archive lacks {path}"))
    }

    fn open(&mut self, path: &str) -> anyhow::Result<BufReader<Take<&mut File>>> {
        let (start, length) = self.place(path)?;
        self.file.seek(SeekFrom::Start(start))?;
        Ok(BufReader::with_capacity(
            1 << 16,
            (&mut self.file).take(length),
        ))
    }

    fn text(&mut self, path: &str) -> anyhow::Result<Vec<u8>> {
        if self.place(path)?.1 > LONGEST_DESCRIPTION {
            bail!("{path} is too long for a description");
        }
        let mut text = Vec::new();
        self.open(path)?.read_to_end(&mut text)?;
        Ok(text)
    }

    fn json<T: for<'a> Deserialize<'a>>(&mut self, path: &str) -> anyhow::Result<T> {
        let text = self.text(path)?;
        serde_json::from_slice(&text).with_context(|| format!("could not understand {path}"))
    }

    /// The manifest for this machine: of several, the one for its architecture.
    fn manifest(&mut self, entry: &Descriptor) -> anyhow::Result<Option<(String, Manifest)>> {
        let manifest: Manifest = self.json(&blob(&entry.digest))?;
        if manifest.manifests.is_empty() {
            // Attestations and the like stand beside images.
            let is_image = !manifest.config.digest.is_empty()
                && entry
                    .platform
                    .as_ref()
                    .is_none_or(|platform| platform.os != "unknown");
            return Ok(is_image.then(|| (entry.digest.clone(), manifest)));
        }
        let architecture = architecture();
        let fits = |found: &&Descriptor| {
            let platform = found.platform.as_ref();
            platform.is_none_or(|platform| {
                platform.os == "linux" && platform.architecture == architecture
            }) && self.places.contains_key(&blob(&found.digest))
        };
        let Some(chosen) = manifest.manifests.iter().find(fits) else {
            bail!(
                "the image is not there for {architecture} ({})",
                entry.media_type
            );
        };
        if chosen.size > LONGEST_DESCRIPTION {
            bail!("the manifest {} is too long", chosen.digest);
        }
        let digest = blob(&chosen.digest);
        // Names belong to the list, not to the manifest in it.
        Ok(Some((entry.digest.clone(), self.json(&digest)?)))
    }
}
