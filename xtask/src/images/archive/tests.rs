use std::io::Read as _;

use super::*;

fn image(name: &str, program: &[u8]) -> Image {
    Image {
        name: name.to_owned(),
        layer: layer("program", program).unwrap(),
        entrypoint: "/program".to_owned(),
        environment: vec!["VERSION=v1".to_owned()],
        user: "1:1".to_owned(),
    }
}

fn archive(images: &[Image]) -> Vec<u8> {
    let mut bytes = Vec::new();
    layout(&mut bytes, images).unwrap();
    bytes
}

fn files(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (entry.path().unwrap().display().to_string(), bytes)
    });
    entries.collect()
}

/// What a descriptor leads to; its digest and size must be right.
fn follow<'a>(files: &'a BTreeMap<String, Vec<u8>>, descriptor: &Value) -> &'a [u8] {
    let digest = descriptor["digest"]
        .as_str()
        .unwrap()
        .strip_prefix("sha256:")
        .unwrap();
    let bytes = &files[&format!("blobs/sha256/{digest}")];
    assert_eq!(hex(&Sha256::digest(bytes)), digest);
    assert_eq!(descriptor["size"], bytes.len());
    bytes
}

#[test]
fn the_index_leads_to_the_program() {
    let files = files(&archive(&[image("localhost/a:v1", b"code")]));
    let index: Value = serde_json::from_slice(&files["index.json"]).unwrap();
    let manifest: Value = serde_json::from_slice(follow(&files, &index["manifests"][0])).unwrap();
    let config: Value = serde_json::from_slice(follow(&files, &manifest["config"])).unwrap();
    let layer = follow(&files, &manifest["layers"][0]);
    assert_eq!(
        config["rootfs"]["diff_ids"][0],
        manifest["layers"][0]["digest"]
    );
    assert_eq!(self::files(layer)["program"], b"code");
}

#[test]
fn the_index_names_every_image() {
    let files = files(&archive(&[
        image("localhost/a:v1", b"1"),
        image("localhost/a:v2", b"2"),
    ]));
    let index: Value = serde_json::from_slice(&files["index.json"]).unwrap();
    let name =
        |number: usize| &index["manifests"][number]["annotations"]["io.containerd.image.name"];
    assert_eq!(
        (name(0), name(1)),
        (&json!("localhost/a:v1"), &json!("localhost/a:v2"))
    );
}

#[test]
fn images_of_one_program_share_its_layer() {
    let files = files(&archive(&[
        image("localhost/a:v1", b"code"),
        image("localhost/a:v2", b"code"),
    ]));
    let blobs = files.keys().filter(|name| name.starts_with("blobs/"));
    // Layer, configuration, manifest: the name is in none of them.
    assert_eq!(blobs.count(), 3);
}

#[test]
fn the_same_programs_give_the_same_bytes() {
    let images = [image("localhost/a:v1", b"code")];
    assert_eq!(archive(&images), archive(&images));
}

#[test]
fn the_program_is_roots_and_may_be_started_by_all() {
    let layer = layer("program", b"code").unwrap();
    let mut archive = tar::Archive::new(&layer[..]);
    let entry = archive.entries().unwrap().next().unwrap().unwrap();
    let header = entry.header();
    assert_eq!(
        (
            header.uid().unwrap(),
            header.gid().unwrap(),
            header.mode().unwrap()
        ),
        (0, 0, 0o755)
    );
}
