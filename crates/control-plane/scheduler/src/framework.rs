//! What a plugin can be asked, in the order of upstream's extension points.

use std::borrow::Cow;
use std::fmt::Debug;

use futures::future::BoxFuture;

use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::snapshot::Snapshot;

/// The best score, after normalisation.
pub(crate) const SCORE_MAX: i64 = 100;

/// Something happened that may make a rejected pod fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happening {
    NodeAdded,
    NodeAllocatable,
    NodeLabels,
    NodeTaints,
    PodPlaced,
    PodGone,
    Claim,
    Volume,
    Class,
    VolumeLimits,
}

/// Why a plugin does not want a pod, or does not want it on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejection {
    pub(crate) reasons: Vec<Cow<'static, str>>,
    /// Whether it would help if other pods went.
    pub(crate) is_resolvable: bool,
}

impl Rejection {
    /// Other pods going would not help.
    pub(crate) fn firm(reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            reasons: vec![reason.into()],
            is_resolvable: false,
        }
    }

    /// It might fit if other pods went.
    pub(crate) fn resolvable(reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            reasons: vec![reason.into()],
            is_resolvable: true,
        }
    }
}

/// Whether a plugin has anything to say about a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Concern {
    /// It has to be asked about each node.
    Each,
    /// All nodes are the same to it.
    None,
}

impl Concern {
    /// [`Self::Each`] if there is something to ask.
    pub(crate) fn when(is_concerned: bool) -> Self {
        if is_concerned { Self::Each } else { Self::None }
    }
}

/// A rule of placement. All questions but the last are answered at once, from what is at hand.
pub(crate) trait Plugin: Send + Sync + Debug {
    /// Upstream's name of it.
    fn name(&self) -> &'static str;

    /// What may make a pod fit that this one has rejected.
    fn hints(&self) -> &'static [Happening] {
        &[]
    }

    /// Whether the pod may be considered at all; otherwise why not.
    fn pre_enqueue(&self, _pod: &PodInfo) -> Result<(), String> {
        Ok(())
    }

    /// Whether any node would do, and whether [`Self::filter`] has anything against some.
    fn pre_filter(&self, _pod: &PodInfo, _snapshot: &Snapshot) -> Result<Concern, Rejection> {
        Ok(Concern::None)
    }

    /// Whether this node would do.
    fn filter(
        &self,
        _pod: &PodInfo,
        _node: &NodeInfo,
        _snapshot: &Snapshot,
    ) -> Result<(), Rejection> {
        Ok(())
    }

    /// How much its scores count; 0 if it does not score.
    fn weight(&self) -> i64 {
        0
    }

    /// Whether [`Self::score`] tells nodes apart; asked of those that score.
    fn pre_score(&self, _pod: &PodInfo) -> Concern {
        Concern::Each
    }

    /// How well the node would do.
    fn score(&self, _pod: &PodInfo, _node: &NodeInfo, _snapshot: &Snapshot) -> i64 {
        0
    }

    /// Brings the scores of all nodes between 0 and [`SCORE_MAX`].
    fn normalize(&self, _scores: &mut [i64]) {}

    /// Sets aside what the pod needs on its node beside room.
    fn reserve(&self, _pod: &PodInfo, _node: &NodeInfo) -> Result<(), Rejection> {
        Ok(())
    }

    /// Gives it back.
    fn unreserve(&self, _pod: &PodInfo) {}

    /// Makes the node ready for the pod; the only question that may wait.
    fn pre_bind<'a>(
        &'a self,
        _pod: &'a PodInfo,
        _node: &'a str,
    ) -> BoxFuture<'a, anyhow::Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Scales scores so that the highest is [`SCORE_MAX`]; reversed, so that the lowest is.
pub(crate) fn scale(scores: &mut [i64], is_reversed: bool) {
    let most = scores.iter().copied().max().unwrap_or(0);
    for score in scores {
        let scaled = if most == 0 {
            0
        } else {
            SCORE_MAX * *score / most
        };
        *score = if is_reversed {
            SCORE_MAX - scaled
        } else {
            scaled
        };
    }
}
