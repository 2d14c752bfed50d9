//! Sets of completion indexes, written as `0,2-4,7`.

use std::collections::BTreeSet;

/// Reads a set; what cannot be read is left out.
pub(super) fn parse(text: &str) -> BTreeSet<i32> {
    let mut set = BTreeSet::new();
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(from), Ok(to)) = (from.parse::<i32>(), to.parse::<i32>()) {
            set.extend(from..=to);
        }
    }
    set
}

/// Writes a set. Two neighbours are written with a comma, more as a range.
pub(super) fn text(set: &BTreeSet<i32>) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut rest = set.iter().copied().peekable();
    while let Some(from) = rest.next() {
        let mut to = from;
        while let Some(next) = rest.next_if(|next| *next == to + 1) {
            to = next;
        }
        match to - from {
            0 => parts.push(from.to_string()),
            1 => parts.extend([from.to_string(), to.to_string()]),
            _ => parts.push(format!("{from}-{to}")),
        }
    }
    parts.join(",")
}

#[cfg(test)]
mod tests;
