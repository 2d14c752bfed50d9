//! What several controllers have in common.

pub(crate) mod claims;
pub(crate) mod conditions;
pub(crate) mod discovery;
pub(crate) mod hash;
pub(crate) mod nodes;
pub(crate) mod ownership;
pub(crate) mod pods;
pub(crate) mod requests;
pub(crate) mod revisions;
pub(crate) mod selector;
pub(crate) mod side_by_side;
pub(crate) mod slow_start;
