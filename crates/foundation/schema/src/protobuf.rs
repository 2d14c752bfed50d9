//! Protobuf messages by type: the same fields, order and bytes as upstream's generated code.

mod read;
pub(crate) mod wire;
mod write;

pub(crate) use read::decode;
pub(crate) use write::encode;
