use super::*;

fn endpoints(count: u8) -> Vec<SocketAddrV4> {
    (0..count)
        .map(|last| SocketAddrV4::new([10, 0, 0, last].into(), 80))
        .collect()
}

fn counts(slots: &Slots) -> Vec<usize> {
    let mut counts = BTreeMap::new();
    for endpoint in &slots.0 {
        *counts.entry(*endpoint).or_insert(0) += 1;
    }
    counts.into_values().collect()
}

#[test]
fn shares_are_even() {
    let check = |count: u8, expected: &[usize]| {
        let slots = Slots::assign(&Slots::default(), &endpoints(count));
        assert_eq!(counts(&slots), expected, "{count} endpoints");
    };
    check(0, &[]);
    check(1, &[1]);
    check(2, &[2, 2]);
    check(3, &[6, 5, 5]);
    check(4, &[1, 1, 1, 1]);
    check(5, &[4, 3, 3, 3, 3]);
    check(8, &[2; 8]);
    check(16, &[1; 16]);
}

#[test]
fn a_change_moves_only_the_slots_that_must_move() {
    for (from, to) in [(3, 5), (5, 3), (20, 19), (19, 20), (100, 99)] {
        let old = Slots::assign(&Slots::default(), &endpoints(from));
        let new = Slots::assign(&old, &endpoints(to));
        let fresh = Slots::assign(&Slots::default(), &endpoints(to));
        let sorted = |slots: &Slots| {
            let mut counts = counts(slots);
            counts.sort_unstable();
            counts
        };
        assert_eq!(
            sorted(&new),
            sorted(&fresh),
            "{from} to {to}: shares are even"
        );
        let moved = old
            .0
            .iter()
            .zip(&new.0)
            .filter(|(old, new)| old != new)
            .count();
        let share = new.0.len() / usize::from(from.min(to));
        let bound = (share + 1) * usize::from(from.abs_diff(to));
        assert!(
            moved <= bound,
            "{from} to {to}: {moved} slots moved, {bound} allowed"
        );
    }
}

#[test]
fn the_same_endpoints_keep_all_slots() {
    let old = Slots::assign(&Slots::default(), &endpoints(7));
    assert_eq!(Slots::assign(&old, &endpoints(7)), old);
}
