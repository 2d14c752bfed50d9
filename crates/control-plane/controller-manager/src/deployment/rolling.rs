//! A step of a rolling update: the new set up as far as the surge allows, the old ones down as far as
//! availability allows.

use super::plan::{Sets, Sizes};
use super::set::Set;

pub(super) fn roll(sets: &mut Sets, sizes: Sizes) {
    let size = size_of_new(sets, sizes);
    let Some(new) = &mut sets.new else {
        return;
    };
    let exists = new.exists();
    if new.replicas() != size {
        new.set_replicas(size);
        new.set_sizes(sizes.replicas, sizes.max());
        // One thing at a time: what was just asked for is not available yet.
        if exists {
            return;
        }
    }
    shrink_old(sets, sizes);
}

/// How large the new set may be, given all the others.
pub(super) fn size_of_new(sets: &Sets, sizes: Sizes) -> i32 {
    let Some(new) = &sets.new else {
        return 0;
    };
    if !sizes.is_rolling || new.replicas() > sizes.replicas {
        return sizes.replicas;
    }
    let current = sets.replicas();
    if current >= sizes.max() {
        return new.replicas();
    }
    let room = sizes.max() - current;
    new.replicas() + room.min(sizes.replicas - new.replicas())
}

fn shrink_old(sets: &mut Sets, sizes: Sizes) {
    let old_replicas: i32 = sets.old.iter().map(Set::replicas).sum();
    let Some(new) = sets.new.as_ref().filter(|_| old_replicas > 0) else {
        return;
    };
    let available_min = sizes.replicas - sizes.unavailable;
    let new_unavailable = new.replicas() - new.available();
    let shrink_max = sets.replicas() - available_min - new_unavailable;
    if shrink_max <= 0 {
        return;
    }
    let new_available = new.available();
    // What does not serve anyway goes first, wherever it is.
    let mut left = shrink_max;
    for set in &mut sets.old {
        let unhealthy = (set.replicas() - set.available()).max(0);
        left -= shrink(set, unhealthy.min(left), sizes);
    }
    let available: i32 = sets.old.iter().map(Set::available).sum::<i32>() + new_available;
    let mut left = available - available_min;
    for set in &mut sets.old {
        if left <= 0 {
            break;
        }
        left -= shrink(set, set.replicas().min(left), sizes);
    }
}

fn shrink(set: &mut Set, by: i32, sizes: Sizes) -> i32 {
    if by <= 0 {
        return 0;
    }
    set.set_replicas(set.replicas() - by);
    set.set_sizes(sizes.replicas, sizes.max());
    by
}
