//! What a cluster needs of the host: a bridge, a way out, control groups.
//!
//! Each thing is written into the journal before it is made; [`undo`] takes it back.

mod machine;
mod network;
mod undo;

pub(crate) use network::{attach, control_group, make};
pub(crate) use undo::undo;
