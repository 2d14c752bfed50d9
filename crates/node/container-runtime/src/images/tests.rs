//! Archives made here, loaded and looked at.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{IN_USE, Image, Program, Store, normalize};

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn layer() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |name: &str, kind: tar::EntryType, text: &str| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o4755);
        header.set_mtime(7);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(0);
        if kind.is_hard_link() || kind.is_symlink() {
            builder.append_link(&mut header, name, text).unwrap();
        } else {
            header.set_size(text.len() as u64);
            builder
                .append_data(&mut header, name, text.as_bytes())
                .unwrap();
        }
    };
    add("bin/", tar::EntryType::Directory, "");
    add("bin/tool", tar::EntryType::Regular, "text");
    add("bin/same", tar::EntryType::Link, "bin/tool");
    add("lib", tar::EntryType::Symlink, "/../outside");
    add("lib/inside", tar::EntryType::Regular, "x");
    add("etc/.wh.gone", tar::EntryType::Regular, "");
    builder.into_inner().unwrap()
}

fn archive(folder: &Path) -> PathBuf {
    let layer = layer();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&layer).unwrap();
    let packed = packed.finish().unwrap();
    let config = format!(
        r#"{{"config":{{"Env":["A=1"],"Cmd":null,"Entrypoint":["/bin/tool"]}},
            "rootfs":{{"type":"layers","diff_ids":["sha256:{}"]}}}}"#,
        digest(&layer)
    );
    let manifest = format!(
        r#"{{"config":{{"digest":"sha256:{}"}},"layers":[{{"digest":"sha256:{}"}}]}}"#,
        digest(config.as_bytes()),
        digest(&packed)
    );
    let index = format!(
        r#"{{"manifests":[{{"digest":"sha256:{}","annotations":{{"io.containerd.image.name":"tool:1"}}}}]}}"#,
        digest(manifest.as_bytes())
    );
    let path = folder.join("image.tar");
    let mut builder = tar::Builder::new(File::create(&path).unwrap());
    let mut add = |name: String, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, bytes).unwrap();
    };
    for bytes in [packed.as_slice(), config.as_bytes(), manifest.as_bytes()] {
        add(format!("blobs/sha256/{}", digest(bytes)), bytes);
    }
    add("index.json".to_owned(), index.as_bytes());
    builder.finish().unwrap();
    path
}

#[test]
fn names_are_completed() {
    let full = |name: &str| normalize(name).unwrap();
    assert_eq!(full("busybox"), "docker.io/library/busybox:latest");
    assert_eq!(full("a/b:1"), "docker.io/a/b:1");
    assert_eq!(full("localhost:5000/x"), "localhost:5000/x:latest");
    assert_eq!(
        full("registry.k8s.io/pause:3.10"),
        "registry.k8s.io/pause:3.10"
    );
    assert_eq!(full("r.io/x:1@sha256:ab"), "r.io/x@sha256:ab");
    assert!(normalize("Bad Name").is_err());
}

#[test]
fn an_archive_is_loaded_once_and_removed() {
    if !rustix::process::geteuid().is_root() {
        return; // owners and devices need root
    }
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    let path = archive(folder.path());
    let loaded = store.load(&path).unwrap();
    assert_eq!(loaded[0].tags, ["docker.io/library/tool:1"]);
    let image = store.find("tool:1").unwrap().unwrap();
    assert_eq!(image.config.entrypoint, ["/bin/tool"]);
    assert_eq!(store.find(&image.id).unwrap().as_ref(), Some(&image));
    let files = &store.layers(&image)[0];
    let tool = files.join("bin/tool").metadata().unwrap();
    assert_eq!(
        (tool.mode() & 0o7777, tool.nlink(), tool.mtime()),
        (0o4755, 2, 7)
    );
    assert!(files.join("outside/inside").is_file());
    let gone = files.join("etc/gone").symlink_metadata().unwrap();
    assert!(gone.file_type().is_char_device() && gone.rdev() == 0);
    store.load(&path).unwrap();
    assert_eq!(store.list().unwrap().len(), 1);

    store.hold(&image, "c1").unwrap();
    store.remove(&image).unwrap();
    assert!(store.find("tool:1").unwrap().is_none() && files.exists());
    store.release("c1");
    store.remove(&image).unwrap();
    assert!(!files.exists());
}

/// A store, and a program that is linked into it.
fn linked(folder: &Path, program: &str) -> (Store, Image) {
    let store = Store::open(&folder.join("store")).unwrap();
    let file = folder.join("program");
    fs::write(&file, program).unwrap();
    let program = Program {
        file: &file,
        name: "program",
        links: &[],
    };
    let image = store.link_program("localhost/program:v1", program).unwrap();
    (store, image)
}

#[test]
fn a_program_that_is_built_anew_leaves_no_layers() {
    let folder = tempfile::tempdir().unwrap();
    let (_, first) = linked(folder.path(), "first");
    let (store, second) = linked(folder.path(), "and second");
    assert_ne!(first.id, second.id);
    assert_eq!(store.list().unwrap(), [second]);
    assert!(!store.layers(&first)[0].exists());
}

#[test]
fn a_program_stays_while_a_container_runs_it() {
    let folder = tempfile::tempdir().unwrap();
    let (store, first) = linked(folder.path(), "first");
    store.hold(&first, "c1").unwrap();
    linked(folder.path(), "and second");
    assert!(store.layers(&first)[0].exists());
    store.forget(&BTreeSet::from(["c1".to_owned()])).unwrap();
    assert!(!store.layers(&first)[0].exists());
}

#[test]
fn containers_of_other_nodes_are_not_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let (store, image) = linked(folder.path(), "first");
    for container in ["c1", "c1-0", "c2"] {
        store.hold(&image, container).unwrap();
    }
    store.forget(&BTreeSet::from(["c1".to_owned()])).unwrap();
    let left = fs::read_dir(store.root().join(IN_USE)).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["c2"]);
}
