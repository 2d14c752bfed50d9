//! A step of a rolling update.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Fit, Pass, Removal, removal, scaled};

/// How many nodes may have two pods, and how many none.
pub(super) fn limits(daemon_set: &DaemonSet, desired: usize) -> (usize, usize) {
    let strategy = daemon_set.spec.update_strategy.clone().unwrap_or_default();
    if strategy.type_.as_deref() == Some("OnDelete") {
        return (0, 0);
    }
    let rolling = strategy.rolling_update.unwrap_or_default();
    let surge = rolling
        .max_surge
        .as_ref()
        .map_or(0, |surge| scaled(surge, desired));
    let one = IntOrString::Int(1);
    let unavailable = scaled(rolling.max_unavailable.as_ref().unwrap_or(&one), desired);
    if surge == 0 && unavailable == 0 {
        (0, 1)
    } else {
        (surge, unavailable)
    }
}

type Pair<'a> = (Option<&'a Arc<Pod>>, Option<&'a Arc<Pod>>);

/// The pods of one node that are not going: current, old. `None` if there are several of a kind.
fn pair<'a>(pass: &Pass<'_>, pods: &'a [Arc<Pod>]) -> Option<Pair<'a>> {
    let (mut new, mut old) = (None, None);
    for pod in pods
        .iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_none())
    {
        let place = if pass.is_current(pod) {
            &mut new
        } else {
            &mut old
        };
        if place.replace(pod).is_some() {
            return None;
        }
    }
    Some((new, old))
}

pub(super) fn roll(pass: &Pass<'_>, create: &mut Vec<String>, remove: &mut Vec<Removal>) {
    let strategy = pass.observed.daemon_set.spec.update_strategy.as_ref();
    if strategy.and_then(|strategy| strategy.type_.as_deref()) == Some("OnDelete") {
        return;
    }
    let (surge, unavailable) = limits(&pass.observed.daemon_set, pass.desired());
    if surge == 0 {
        replace(pass, unavailable, remove);
    } else {
        overlap(pass, surge, create, remove);
    }
}

/// The nodes that take part: those that ought to have a pod, and those that have one.
fn nodes<'a>(pass: &'a Pass<'_>) -> impl Iterator<Item = &'a str> {
    let taking_part = pass.fits.iter();
    let taking_part =
        taking_part.filter(|(node, fit)| *fit == Fit::Run || !pass.pods(node).is_empty());
    taking_part.map(|(node, _)| *node)
}

/// Old pods go; new ones come in their place.
fn replace(pass: &Pass<'_>, unavailable_max: usize, remove: &mut Vec<Removal>) {
    let mut unavailable = 0;
    let mut candidates = Vec::new();
    for node in nodes(pass) {
        match pair(pass, pass.pods(node)) {
            None | Some((None, None) | (Some(_), Some(_))) => unavailable += 1,
            Some((Some(new), None)) => unavailable += usize::from(!pass.is_available(new)),
            // It serves nobody, so nothing is lost.
            Some((None, Some(old))) if !pass.is_available(old) => remove.extend(removal(old)),
            Some((None, Some(old))) => candidates.push(old),
        }
    }
    let allowed = unavailable_max.saturating_sub(unavailable);
    remove.extend(candidates.into_iter().take(allowed).filter_map(removal));
}

/// New pods come beside old ones, which go once the new ones are available.
fn overlap(pass: &Pass<'_>, surge_max: usize, create: &mut Vec<String>, remove: &mut Vec<Removal>) {
    let mut surging = 0;
    let mut candidates = Vec::new();
    for node in nodes(pass) {
        match pair(pass, pass.pods(node)) {
            None => surging += 1,
            Some((_, None)) => {}
            Some((None, Some(old))) if !pass.is_available(old) => create.push(node.to_owned()),
            Some((None, Some(_))) => candidates.push(node),
            Some((Some(_), Some(old))) if !pass.is_available(old) => remove.extend(removal(old)),
            Some((Some(new), Some(old))) => {
                surging += 1;
                if pass.is_available(new) {
                    remove.extend(removal(old));
                }
            }
        }
    }
    let allowed = surge_max.saturating_sub(surging);
    create.extend(candidates.into_iter().take(allowed).map(str::to_owned));
}
