//! Archives of images: what is loaded, and what is refused with a word.

use std::fs;

use crate::ground::Ground;
use crate::images::{Image, Packing, packed, write_docker, write_layout};

/// An archive, and what the refusal says of it.
struct Refusal {
    archive: Vec<u8>,
    words: &'static str,
}

fn layout(ground: &Ground, image: &Image) -> Vec<u8> {
    let path = ground.path("layout.tar");
    write_layout(&path, b"#!program", std::slice::from_ref(image));
    fs::read(path).unwrap()
}

#[test]
fn archives_of_all_forms_are_loaded_and_damaged_ones_are_refused() {
    let Some(ground) = Ground::take(&["e2e"]) else {
        return;
    };
    ground.run(&["create", "cluster", "--name=e2e"]);
    let path = ground.path("archive.tar");
    let file = path.to_str().unwrap();
    let load = ["load", "image-archive", "--name=e2e", file];
    for (number, packing) in [Packing::Plain, Packing::Gzip, Packing::Zstd]
        .into_iter()
        .enumerate()
    {
        let name = format!("localhost/packed:v{number}");
        let image = Image {
            packing,
            ..Image::new(&name, "program")
        };
        fs::write(&path, layout(&ground, &image)).unwrap();
        assert_eq!(ground.run(&load), format!("Loaded {name}\n"));
    }
    write_docker(&path, b"#!other", &Image::new("saved:v1", "program"));
    assert_eq!(ground.run(&load), "Loaded docker.io/library/saved:v1\n");

    let name = "localhost/whole:v1";
    let archive = layout(&ground, &Image::new(name, "whole"));
    fs::write(&path, packed(&archive, Packing::Gzip)).unwrap();
    assert_eq!(ground.run(&load), format!("Loaded {name}\n"));

    let image = Image::new("localhost/damaged:v1", "damaged");
    let whole = layout(&ground, &image);
    let foreign = Image {
        architecture: "riscv64",
        ..image
    };
    let refusals = [
        Refusal {
            archive: b"just words".to_vec(),
            words: "not a tar archive",
        },
        Refusal {
            archive: whole[..whole.len() / 2].to_vec(),
            words: "truncated",
        },
        Refusal {
            archive: layout(&ground, &foreign),
            words: "riscv64",
        },
    ];
    for Refusal { archive, words } in refusals {
        fs::write(&path, archive).unwrap();
        let text = ground.refused(&load);
        assert!(
            text.contains(words) && text.contains(file),
            "{words:?} is not in: {text}"
        );
    }
    let text = ground.refused(&["load", "image-archive", "--name=e2e", "/no/such.tar"]);
    assert!(text.contains("/no/such.tar"), "{text}");
    let text = ground.refused(&["load", "image-archive", "--name=e2e", "--nodes=other", file]);
    assert!(text.contains("no node \"other\""), "{text}");
    ground.run(&["delete", "cluster", "--name=e2e"]);
    ground.assert_unchanged();
}
