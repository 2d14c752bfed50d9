//! Tasks of the project itself: setup, up, test, generate, conformance, bench.

fn main() {}
