//! The report: what failed and why, then every spec with its time beside upstream's.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::causes;
use super::suite::{Done, Outcome};

/// Longest part of the suite's own words that is shown.
const WORDS_MAX: usize = 160;

/// Writes the report; the causes of failures lie beside it in `conformance-causes.txt`.
pub(super) fn write(file: &Path, outcome: &Outcome) -> Result<()> {
    let causes = causes::read(&file.with_file_name("conformance-causes.txt"))?;
    let failed: Vec<&Done> = outcome.results.iter().filter(|done| !done.passed).collect();
    let mut text = head(outcome);
    if !failed.is_empty() {
        text.push_str("\n## What fails\n\n| spec | cause |\n|---|---|\n");
        for done in failed {
            let words = || format!("not looked into; the suite says: {}", words(&done.message));
            let cause = causes.get(&done.spec.name).cloned().unwrap_or_else(words);
            line(&mut text, &[&cell(&done.spec.name), &cell(&cause)]);
        }
    }
    text.push_str("\n## Every spec\n\n| spec | state | seconds | upstream |\n|---|---|---|---|\n");
    for done in &outcome.results {
        let state = if done.passed { "passed" } else { "failed" };
        let upstream = done.spec.upstream_seconds;
        let upstream = upstream.map_or_else(|| "-".to_owned(), |it| format!("{it:.1}"));
        let seconds = format!("{:.1}", done.seconds);
        line(
            &mut text,
            &[&cell(&done.spec.name), state, &seconds, &upstream],
        );
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, text).with_context(|| format!("could not write {}", file.display()))
}

fn head(outcome: &Outcome) -> String {
    let seconds: f64 = outcome.results.iter().map(|done| done.seconds).sum();
    let upstream = |done: &Done| done.spec.upstream_seconds.unwrap_or_default();
    let theirs: f64 = outcome.results.iter().map(upstream).sum();
    format!(
        "# Conformance\n\n\
         Written by `cargo xtask conformance`: upstream's own suite for Kubernetes 1.37, unmodified, \
         against a cluster of two nodes, each spec once.\n\n\
         **{} of {} specs passed** in {:.0} s with {} processes. Added up, the specs took {seconds:.0} s; \
         upstream's components took {theirs:.0} s for the same ones with 6 processes.\n",
        outcome.passed(),
        outcome.results.len(),
        outcome.seconds,
        outcome.processes,
    )
}

fn line(text: &mut String, cells: &[&str]) {
    // Writing to memory does not fail.
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

fn words(message: &str) -> String {
    let one_line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    one_line.chars().take(WORDS_MAX).collect()
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
