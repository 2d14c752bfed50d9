//! Lets the linker of a static release fold functions that are the same, and leave symbols out.
//!
//! A generic function is compiled once in each crate that uses it, and each kind's decoder many
//! times over. Only LLD folds, so this is for the target for which rustc brings it along. A package
//! whose optimization is named in the profile does not heed the profile's `strip`.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|it| it == value);
    let features = env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    let is_static = features.split(',').any(|it| it == "crt-static");
    if is("TARGET", "x86_64-unknown-linux-gnu") && is("PROFILE", "release") && is_static {
        println!("cargo:rustc-link-arg-bins=-Wl,--icf=all,--strip-all");
    }
}
