//! How a file looks.

use std::path::Path;

use crate::tree::{packages, root, sources};

/// Two ideas in one file are two files.
const LINES_MAX: usize = 500;

#[test]
fn every_file_says_what_it_is() {
    for (path, text) in sources() {
        let is_tests = path.ends_with("tests.rs") || path.iter().any(|part| part == "tests");
        let head = text.trim_start_matches("#![").trim_start();
        assert!(
            is_tests || head.starts_with("//!"),
            "{} has no //! head",
            path.display()
        );
    }
}

#[test]
fn no_file_is_longer_than_one_idea() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines", path.display());
    }
}

#[test]
fn no_module_is_a_junk_drawer() {
    for (path, _) in sources() {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let junk = [
            "utils", "util", "common", "helpers", "helper", "misc", "mod",
        ];
        assert!(
            !junk.contains(&stem),
            "{} needs a name of its own",
            path.display()
        );
    }
}

#[test]
fn nothing_is_left_for_later_in_a_comment() {
    for (path, text) in sources() {
        let is_this = path.ends_with("sources.rs");
        for word in ["FIXME", "TODO", "XXX", "#[ignore"] {
            assert!(
                is_this || !text.contains(word),
                "{} says {word}",
                path.display()
            );
        }
    }
}

#[test]
fn every_crate_takes_the_workspace_lints() {
    for package in packages(false) {
        let text =
            std::fs::read_to_string(root().join(&package.folder).join("Cargo.toml")).unwrap();
        assert!(
            text.contains("[lints]\nworkspace = true"),
            "{} has its own lints",
            package.name
        );
    }
}

#[test]
fn unsafe_code_is_only_where_the_kernel_is_spoken_to() {
    for (path, text) in sources() {
        let allowed = path.starts_with("crates/node/kernel")
            || path.starts_with("crates/control-plane/etcd/src/log")
            || path.ends_with("sources.rs");
        let found = text.lines().any(|line| {
            let code = line.split("//").next().unwrap_or_default();
            code.contains("unsafe {") || code.contains("unsafe fn") || code.contains("unsafe impl")
        });
        assert!(allowed || !found, "{} has unsafe code", path.display());
    }
}

#[test]
fn the_texts_that_a_newcomer_reads_are_there() {
    for file in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "STYLE.md",
        "CHANGELOG.md",
        "docs/status.md",
    ] {
        assert!(Path::new(&root().join(file)).exists(), "{file} is missing");
    }
}
