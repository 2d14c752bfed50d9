//! The rules of the source tree, each a test.

#[cfg(test)]
mod layers;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod tree;
