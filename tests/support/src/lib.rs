//! What tests share: where the real components are.

pub mod oracle;
