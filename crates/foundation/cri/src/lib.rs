//! The container runtime's contract: CRI v1, generated from `proto/cri.proto`.
//!
//! See <https://kubernetes.io/docs/concepts/containers/cri/>.

/// Messages, client and server of RuntimeService and ImageService.
#[allow(missing_debug_implementations, unreachable_pub, reason = "generated")]
#[allow(clippy::all, clippy::pedantic, clippy::restriction, clippy::nursery, reason = "generated")]
#[rustfmt::skip]
#[path = "../generated/runtime.v1.rs"]
pub mod v1;
