//! One pass: which sets there are to be, how large, which go, and what to report.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::set::Set;
use super::{revision, rolling, scale, status};

/// What the cluster looks like, as far as this controller cares.
pub(super) struct Observed {
    pub(super) deployment: Arc<Deployment>,
    pub(super) sets: Vec<Set>,
}

/// Writes, in this order.
#[derive(Debug)]
pub(super) struct Plan {
    /// To be created or patched, as each says itself.
    pub(super) sets: Vec<Set>,
    /// The Deployment's revision, if it is a new one.
    pub(super) revision: Option<String>,
    pub(super) delete: Vec<Set>,
    pub(super) status: DeploymentStatus,
    /// When progress becomes due.
    pub(super) then: Option<Duration>,
}

/// The sets of a pass: the one with the current template apart from all others.
pub(super) struct Sets {
    pub(super) new: Option<Set>,
    pub(super) old: Vec<Set>,
}

impl Sets {
    pub(super) fn all(&self) -> impl Iterator<Item = &Set> {
        self.old.iter().chain(&self.new)
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Set> {
        self.old.iter_mut().chain(&mut self.new)
    }

    pub(super) fn replicas(&self) -> i32 {
        self.all().map(Set::replicas).sum()
    }
}

/// A Deployment's numbers, with percentages resolved.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) replicas: i32,
    pub(super) surge: i32,
    pub(super) unavailable: i32,
    pub(super) is_rolling: bool,
}

impl Sizes {
    pub(super) fn of(spec: &DeploymentSpec) -> Self {
        let replicas = spec.replicas.unwrap_or(1);
        let strategy = spec.strategy.clone().unwrap_or_default();
        if strategy.type_.as_deref() == Some("Recreate") {
            return Self {
                replicas,
                surge: 0,
                unavailable: 0,
                is_rolling: false,
            };
        }
        let rolling = strategy.rolling_update.unwrap_or_default();
        let surge = resolve(rolling.max_surge.as_ref(), replicas, true);
        let mut unavailable = resolve(rolling.max_unavailable.as_ref(), replicas, false);
        // Both zero would never move; only percentages that round down can get here.
        if surge == 0 && unavailable == 0 {
            unavailable = 1;
        }
        Self {
            replicas,
            surge,
            unavailable: unavailable.min(replicas),
            is_rolling: true,
        }
    }

    /// How many pods there may be in all.
    pub(super) fn max(self) -> i32 {
        self.replicas.saturating_add(self.surge)
    }
}

fn resolve(value: Option<&IntOrString>, of: i32, up: bool) -> i32 {
    match value {
        None => resolve(Some(&IntOrString::String("25%".to_owned())), of, up),
        Some(IntOrString::Int(number)) => *number,
        Some(IntOrString::String(text)) => {
            let percent: i64 = text.trim_end_matches('%').parse().unwrap_or(0);
            let hundredths = i64::from(of) * percent;
            let scaled = if up {
                (hundredths + 99).div_euclid(100)
            } else {
                hundredths / 100
            };
            i32::try_from(scaled).unwrap_or(i32::MAX)
        }
    }
}

/// Decides; touches nothing.
pub(super) fn plan(observed: &Observed, now: Timestamp) -> Plan {
    let deployment = &observed.deployment;
    let spec = deployment.spec.clone();
    let sizes = Sizes::of(&spec);
    let mut sets = split(observed);
    let mut pass = Pass {
        deployment,
        spec: &spec,
        sizes,
        revision: None,
        delete: Vec::new(),
    };
    let selects_everything = spec.selector == LabelSelector::default();
    let mut known = deployment.status.clone().unwrap_or_default();
    if selects_everything {
        known.observed_generation = deployment.metadata.generation;
        return pass.end(Vec::new(), known, None);
    }
    if deployment.metadata.deletion_timestamp.is_some() {
        let status = status::calculate(deployment, &sets, sizes, known, now);
        return pass.end(Vec::new(), status, None);
    }
    status::note_pause(&spec, &mut known, now);
    let is_paused = spec.paused == Some(true);
    let follows_progress = if is_paused || scale::is_due(&sets, sizes) {
        pass.prepare_new(&mut sets, false);
        scale::scale(&mut sets, sizes, known.replicas.unwrap_or(0));
        if is_paused {
            pass.clean_up(&sets);
        }
        false
    } else {
        if sizes.is_rolling {
            pass.prepare_new(&mut sets, true);
            rolling::roll(&mut sets, sizes);
        } else {
            pass.recreate(&mut sets);
        }
        if status::is_complete(&spec, deployment, &known) {
            pass.clean_up(&sets);
        }
        true
    };
    let was_there = known.clone();
    let mut status = status::calculate(deployment, &sets, sizes, known, now);
    let mut then = None;
    if follows_progress {
        status::follow_progress(deployment, &sets, (&was_there, &mut status), now);
        then = status::until_stuck(deployment, &status, now);
    }
    let touched = sets.old.into_iter().chain(sets.new).collect();
    pass.end(touched, status, then)
}

fn split(observed: &Observed) -> Sets {
    let mut old = observed.sets.clone();
    let new = revision::find_new(&observed.deployment, &old).map(|at| old.remove(at));
    old.sort_by_key(Set::age_order);
    Sets { new, old }
}

struct Pass<'a> {
    deployment: &'a Deployment,
    spec: &'a DeploymentSpec,
    sizes: Sizes,
    revision: Option<String>,
    delete: Vec<Set>,
}

impl Pass<'_> {
    /// Makes sure that the new set is there, if wanted, and carries what it has to.
    fn prepare_new(&mut self, sets: &mut Sets, create: bool) {
        if sets.new.is_none() && create {
            let mut made = revision::make_new(self.deployment);
            made.set_sizes(self.sizes.replicas, self.sizes.max());
            sets.new = Some(made);
            let size = rolling::size_of_new(sets, self.sizes);
            if let Some(new) = &mut sets.new {
                new.set_replicas(size);
            }
        }
        let Some(new) = &mut sets.new else {
            return;
        };
        new.set_min_ready(self.spec.min_ready_seconds);
        let old_max = sets.old.iter().map(Set::revision).max().unwrap_or(0);
        let current = revision::annotate(self.deployment, new, old_max);
        let annotations = self.deployment.metadata.annotations.as_ref();
        let known = annotations.and_then(|annotations| annotations.get(revision::ANNOTATION));
        if known != Some(&current) {
            self.revision = Some(current);
        }
    }

    /// All old pods go before the first new one comes.
    fn recreate(&mut self, sets: &mut Sets) {
        self.prepare_new(sets, false);
        let mut scaled_down = false;
        for set in sets.old.iter_mut().filter(|set| set.replicas() > 0) {
            set.set_replicas(0);
            set.set_sizes(self.sizes.replicas, self.sizes.max());
            scaled_down = true;
        }
        if scaled_down || sets.old.iter().any(Set::has_running_pods) {
            return;
        }
        self.prepare_new(sets, true);
        if let Some(new) = &mut sets.new
            && new.replicas() != self.sizes.replicas
        {
            new.set_replicas(self.sizes.replicas);
            new.set_sizes(self.sizes.replicas, self.sizes.max());
        }
    }

    /// Old sets beyond the history limit go, if they are empty.
    fn clean_up(&mut self, sets: &Sets) {
        let limit = usize::try_from(self.spec.revision_history_limit.unwrap_or(10)).unwrap_or(0);
        let mut alive: Vec<&Set> = sets.old.iter().filter(|set| !set.is_leaving()).collect();
        let excess = alive.len().saturating_sub(limit);
        alive.sort_by_key(|set| set.revision());
        let is_empty =
            |set: &&&Set| set.status().replicas == 0 && set.replicas() == 0 && set.is_observed();
        self.delete = alive
            .iter()
            .take(excess)
            .filter(is_empty)
            .map(|set| (*set).clone())
            .collect();
    }

    fn end(self, mut sets: Vec<Set>, status: DeploymentStatus, then: Option<Duration>) -> Plan {
        sets.iter_mut().for_each(Set::finish);
        Plan {
            sets,
            revision: self.revision,
            delete: self.delete,
            status,
            then,
        }
    }
}

#[cfg(test)]
mod tests;
