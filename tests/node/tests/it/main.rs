//! Nodes without a cluster: our kubelet and our runtime, and either beside the real other one.

#[cfg(test)]
mod image;
#[cfg(test)]
mod node;
#[cfg(test)]
mod sandbox;
#[cfg(test)]
mod survival;
