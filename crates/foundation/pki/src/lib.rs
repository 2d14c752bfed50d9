//! Keys, certificates, service-account tokens and kubeconfigs.
//!
//! Keys are ECDSA P-256; RSA keys that others made are read and used. Nothing here asks for the
//! time: whoever issues or checks says what time it is.

pub mod authority;
pub mod csr;
mod error;
pub mod kubeconfig;
pub mod service_account;
pub mod tls;
pub mod verify;

pub use authority::{Authority, KeyPair, Profile, Usage};
pub use error::PkiError;
pub use kubeconfig::Kubeconfig;
