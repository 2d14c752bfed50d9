//! One question put to two servers in turn.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::apibench;
use super::report::Row;
use super::start::median;

/// A scenario, its figure, and whether more is better.
pub(super) struct Scenario {
    pub(super) what: &'static str,
    pub(super) args: &'static [&'static str],
    pub(super) figure: &'static str,
    pub(super) unit: &'static str,
    pub(super) more_is_better: bool,
}

/// How often both are asked what takes seconds.
pub(super) const PAIRS: usize = 3;

/// A row for each scenario: the median of some pairs.
pub(super) fn compare(
    scenarios: &[Scenario],
    (ours, real): (&Path, &Path),
    pairs: usize,
    rows: &mut Vec<Row>,
) -> Result<()> {
    for scenario in scenarios {
        let ask = |kubeconfig| -> Result<f64> {
            let figures = apibench::run(kubeconfig, scenario.args)?;
            figures
                .get(scenario.figure)
                .context("apibench gave no such figure")
        };
        let more_is_better = scenario.more_is_better;
        let pairs = in_turn(pairs, || ask(ours), || ask(real))?;
        rows.push(row(scenario.what, scenario.unit, more_is_better, &pairs));
    }
    Ok(())
}

/// Asks both sides in turn, so that both see the same machine.
pub(super) fn in_turn(
    pairs: usize,
    ours: impl Fn() -> Result<f64>,
    real: impl Fn() -> Result<f64>,
) -> Result<Vec<(f64, f64)>> {
    (0..pairs).map(|_| Ok((ours()?, real()?))).collect()
}

/// The medians of both sides and of their ratios.
pub(super) fn row(
    what: &str,
    unit: &'static str,
    more_is_better: bool,
    pairs: &[(f64, f64)],
) -> Row {
    let ratio = |(one, other): &(f64, f64)| {
        if more_is_better {
            one / other
        } else {
            other / one
        }
    };
    let ours = median(pairs.iter().map(|pair| pair.0).collect());
    let real = median(pairs.iter().map(|pair| pair.1).collect());
    let ratio = median(pairs.iter().map(ratio).collect());
    Row::both(what, (ours, real), unit, ratio)
}
