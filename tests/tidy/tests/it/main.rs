//! The rules of the source tree, each a test.

mod layers;
mod sources;
mod tree;
