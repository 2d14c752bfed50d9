//! Known names that look like one that is not.

/// At most this many suggestions; more would not help.
const SUGGESTIONS_MAX: usize = 3;

/// Those of `known` that differ from `name` by little, the nearest first.
pub(super) fn names<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let worst = 1 + name.len() / 4;
    let mut near: Vec<(usize, &str)> = known
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= worst || candidate.starts_with(name))
        .collect();
    near.sort_unstable();
    near.into_iter()
        .take(SUGGESTIONS_MAX)
        .map(|(_, candidate)| candidate)
        .collect()
}

/// The number of single-character edits between two names.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
