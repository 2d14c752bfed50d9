//! Rejects pods with a need that no plugin here knows, so that it is not silently ignored.

use crate::framework::{Concern, Plugin, Rejection};
use crate::pod::PodInfo;
use crate::snapshot::Snapshot;

#[derive(Debug)]
pub(super) struct Unsupported;

impl Plugin for Unsupported {
    fn name(&self) -> &'static str {
        "Unsupported"
    }

    fn pre_filter(&self, pod: &PodInfo, _: &Snapshot) -> Result<Concern, Rejection> {
        let claims = pod.spec().resource_claims.as_deref().unwrap_or_default();
        if claims.is_empty() {
            return Ok(Concern::None);
        }
        Err(Rejection::firm("resourceClaims are not implemented"))
    }
}
