//! The folder is the layer: arrows point down, and components never use one another.

use std::collections::BTreeMap;
use std::path::Path;

use crate::tree::{packages, root};

/// Height of a folder below `crates/`; a crate uses only what is lower.
fn height(folder: &Path) -> Option<u8> {
    let mut parts = folder.iter().map(|part| part.to_str().unwrap());
    if parts.next() != Some("crates") {
        return None;
    }
    Some(match (parts.next()?, parts.next()) {
        ("foundation", _) => 0,
        ("node", Some("kernel" | "oci")) => 1,
        ("control-plane" | "node" | "cluster-services" | "gateway", _) => 2,
        ("cluster", None) => 3,
        ("styr", None) => 4,
        _ => panic!("{} lies in no layer", folder.display()),
    })
}

#[test]
fn no_crate_uses_one_that_is_not_below_it() {
    let packages = packages(false);
    let by_name: BTreeMap<&str, &Path> = packages
        .iter()
        .map(|package| (package.name.as_str(), package.folder.as_path()))
        .collect();
    for package in &packages {
        let Some(own) = height(&package.folder) else {
            continue;
        };
        for used in &package.uses {
            let folder = by_name[used.as_str()];
            let other = height(folder)
                .unwrap_or_else(|| panic!("{} uses {used}, which is no product", package.name));
            // Foundation crates and the node's engines stand on one another; cargo has no cycles.
            let beside = own == other && own <= 1;
            assert!(
                other < own || beside,
                "{} uses {used}, which is not below it",
                package.name
            );
        }
    }
}

#[test]
fn a_crate_is_named_after_its_folder() {
    for package in packages(false) {
        let folder = package.folder.file_name().unwrap().to_str().unwrap();
        let expected = match folder {
            "styr" => folder.to_owned(),
            _ => format!("styr-{folder}"),
        };
        let is_product = package.folder.starts_with("crates");
        assert!(
            !is_product || package.name == expected,
            "{} lies in {folder}",
            package.name
        );
    }
}

#[test]
fn the_architecture_names_exactly_the_crates_that_exist() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for package in packages(false) {
        let folder = format!("`{}`", package.folder.display());
        assert!(
            text.contains(&folder),
            "ARCHITECTURE.md does not name {folder}"
        );
    }
    for word in text.split('`').filter(|word| word.starts_with("crates/")) {
        assert!(
            root().join(word).exists(),
            "ARCHITECTURE.md names {word}, which is not there"
        );
    }
}

#[test]
fn every_dependency_has_a_licence_that_ours_allows() {
    const ALLOWED: [&str; 12] = [
        "Apache-2.0",
        "MIT",
        "BSD-3-Clause",
        "BSD-2-Clause",
        "ISC",
        "Zlib",
        "Unicode-3.0",
        "0BSD",
        "Unlicense",
        "CC0-1.0",
        "BSL-1.0",
        "CDLA-Permissive-2.0",
    ];
    for package in packages(true) {
        let licences = package
            .licences
            .replace("Apache-2.0 WITH LLVM-exception", "Apache-2.0");
        let any = licences
            .split([' ', '/', '(', ')'])
            .any(|word| ALLOWED.contains(&word));
        assert!(any, "{} is under {:?}", package.name, package.licences);
    }
}
