//! Which pod goes first: whoever uses more than it asked for, then the least important, then the
//! one that is furthest above what it asked for. Pure.

use std::cmp::Reverse;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use super::usage::Usage;
use crate::launch::resources;
use crate::pod;

/// A pod that could go, with what it uses; nothing is known of one that has just begun.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) pod: Arc<Pod>,
    pub(super) usage: Option<Usage>,
}

/// Puts those that are to go first to the front.
pub(super) fn rank(candidates: &mut [Candidate], resource: &str) {
    candidates.sort_by_key(|candidate| {
        let requested = match resource {
            // Nobody asks for these.
            "inodes" | "pids" => 0,
            resource => resources::pod_request(&candidate.pod, resource).value(),
        };
        let used = candidate.usage.as_ref().map(|usage| usage.of(resource));
        // Pods that nothing is known of go before others, as upstream has it.
        let exceeds = used.is_none_or(|used| used > requested);
        let above = used.map_or(i64::MAX, |used| used.saturating_sub(requested));
        let priority = pod::spec(&candidate.pod).priority.unwrap_or(0);
        let exceeds = exceeds || resource == "pids";
        (!exceeds, used.is_some(), priority, Reverse(above))
    });
}

#[cfg(test)]
mod tests;
