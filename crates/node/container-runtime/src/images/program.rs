//! The image of the running program: linked into the store, not copied.
//!
//! Nothing else is in it, so the program must be static. Its id follows from the file itself (place,
//! size, time), because reading it through for a digest would take longer than starting a pod.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use super::{CONTENT, Image, ImageConfig, Store, normalize};

const FOLDER: &str = "usr/local/bin";
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What programs look up in any root.
const FOLDERS: [&str; 5] = ["etc", "tmp", "var/run", "run", "etc/ssl/certs"];

/// The program, and the other names that it answers to.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    /// The file.
    pub file: &'a Path,
    /// Its name in the image.
    pub name: &'a str,
    /// Names that lead to it.
    pub links: &'a [&'a str],
}

impl Image {
    /// Whether it was linked rather than loaded: its only layer has its own id.
    pub(crate) fn is_program(&self) -> bool {
        let hex = self.id.strip_prefix("sha256:");
        matches!(self.layers.as_slice(), [only] if Some(only.as_str()) == hex)
    }
}

impl Store {
    /// Puts the program's image into the store under `reference`.
    pub fn link_program(&self, reference: &str, program: Program<'_>) -> anyhow::Result<Image> {
        let tag = normalize(reference)?;
        let _lock = self.lock()?;
        let metadata = fs::metadata(program.file)
            .with_context(|| format!("could not look at {}", program.file.display()))?;
        let identity = format!(
            "{tag} {} {} {} {}.{} {:?}",
            metadata.dev(),
            metadata.ino(),
            metadata.len(),
            metadata.mtime(),
            metadata.mtime_nsec(),
            program.links
        );
        let hash = Sha256::digest(identity.as_bytes());
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let layer = self.layer(&hex);
        if !layer.exists() {
            self.make_layer(&layer, program)
                .with_context(|| format!("could not link {}", program.file.display()))?;
        }
        let image = Image {
            id: format!("sha256:{hex}"),
            tags: vec![tag],
            digests: Vec::new(),
            size: metadata.len(),
            config: ImageConfig {
                env: vec![PATH.to_owned()],
                cmd: vec![program.name.to_owned()],
                ..ImageConfig::default()
            },
            layers: vec![hex],
        };
        self.add(&image)?;
        self.prune()?;
        Ok(image)
    }

    fn make_layer(&self, layer: &Path, program: Program<'_>) -> anyhow::Result<()> {
        let draft = layer.with_extension("new");
        if draft.exists() {
            fs::remove_dir_all(&draft)?;
        }
        let root = draft.join(CONTENT);
        for folder in FOLDERS.into_iter().chain([FOLDER]) {
            fs::create_dir_all(root.join(folder))?;
        }
        fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777))?;
        let accounts = "root:x:0:0:root:/:/bin/false\nnobody:x:65534:65534::/:/bin/false\n";
        fs::write(root.join("etc/passwd"), accounts)?;
        fs::write(root.join("etc/group"), "root:x:0:\nnogroup:x:65534:\n")?;
        let target = root.join(FOLDER).join(program.name);
        // Another file system cannot share the file; a copy does as well, only later.
        if fs::hard_link(program.file, &target).is_err() {
            fs::copy(program.file, &target)?;
        }
        fs::set_permissions(&target, fs::Permissions::from_mode(0o755))?;
        for link in program.links {
            symlink(program.name, root.join(FOLDER).join(link))?;
        }
        fs::rename(&draft, layer)?;
        Ok(())
    }
}
