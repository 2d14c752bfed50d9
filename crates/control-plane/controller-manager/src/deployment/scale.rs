//! A change of `replicas` alone: all sets that have pods share it in proportion to their size.

use std::cmp::Reverse;

use super::plan::{Sets, Sizes};
use super::set::Set;

/// Whether `replicas` was changed since the sets were last sized.
pub(super) fn is_due(sets: &Sets, sizes: Sizes) -> bool {
    let active = sets.all().filter(|set| set.replicas() > 0);
    active
        .filter_map(Set::desired)
        .any(|desired| desired != sizes.replicas)
}

pub(super) fn scale(sets: &mut Sets, sizes: Sizes, reported: i32) {
    let active = sets.all().filter(|set| set.replicas() > 0).count();
    if active <= 1 {
        if let Some(only) = active_or_latest(sets) {
            resize(only, sizes.replicas, sizes);
        }
        return;
    }
    if is_saturated(sets.new.as_ref(), sizes) {
        for set in sets.old.iter_mut().filter(|set| set.replicas() > 0) {
            resize(set, 0, sizes);
        }
        return;
    }
    if sizes.is_rolling {
        proportionally(sets, sizes, reported);
    }
}

fn active_or_latest(sets: &mut Sets) -> Option<&mut Set> {
    if sets.all().any(|set| set.replicas() > 0) {
        return sets.all_mut().find(|set| set.replicas() > 0);
    }
    match &mut sets.new {
        Some(new) => Some(new),
        None => sets.old.last_mut(),
    }
}

fn is_saturated(new: Option<&Set>, sizes: Sizes) -> bool {
    new.is_some_and(|new| {
        new.replicas() == sizes.replicas
            && new.desired() == Some(sizes.replicas)
            && new.available() == sizes.replicas
    })
}

fn resize(set: &mut Set, replicas: i32, sizes: Sizes) {
    if set.replicas() != replicas {
        set.set_replicas(replicas);
        set.set_sizes(sizes.replicas, sizes.max());
    }
}

fn proportionally(sets: &mut Sets, sizes: Sizes, reported: i32) {
    let allowed = if sizes.replicas > 0 { sizes.max() } else { 0 };
    let to_add = allowed - sets.replicas();
    let mut active: Vec<&mut Set> = sets.all_mut().filter(|set| set.replicas() > 0).collect();
    // The largest set takes the remainder; of equals the newer one grows, the older one shrinks.
    active.sort_by_key(|set| set.age_order());
    if to_add > 0 {
        active.reverse();
    }
    active.sort_by_key(|set| Reverse(set.replicas()));
    let mut added = 0;
    let mut planned = Vec::new();
    for set in &active {
        let share = share(set, sizes, reported, to_add - added);
        planned.push(set.replicas() + share);
        added += share;
    }
    if let Some(first) = planned.first_mut() {
        *first = (*first + to_add - added).max(0);
    }
    for (set, replicas) in active.into_iter().zip(planned) {
        set.set_replicas(replicas);
        set.set_sizes(sizes.replicas, sizes.max());
    }
}

fn share(set: &Set, sizes: Sizes, reported: i32, left: i32) -> i32 {
    if left == 0 {
        return 0;
    }
    let fraction = if sizes.replicas == 0 {
        -set.replicas()
    } else {
        let before = set.max().unwrap_or(reported).max(1);
        let scaled = i64::from(set.replicas()) * i64::from(sizes.max());
        // Rounded half away from zero, as Go's `math.Round` does.
        let rounded = (scaled * 2 + i64::from(before)) / (i64::from(before) * 2);
        i32::try_from(rounded).unwrap_or(i32::MAX) - set.replicas()
    };
    if left > 0 {
        fraction.min(left)
    } else {
        fraction.max(left)
    }
}
