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

/// A row for each scenario: the median of some pairs.
pub(super) fn compare(
    scenarios: &[Scenario],
    (ours, real): (&Path, &Path),
    pairs: usize,
    rows: &mut Vec<Row>,
) -> Result<()> {
    for scenario in scenarios {
        let (mut own, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..pairs {
            let ask = |kubeconfig| -> Result<f64> {
                let figures = apibench::run(kubeconfig, scenario.args)?;
                figures
                    .get(scenario.figure)
                    .context("apibench gave no such figure")
            };
            let (one, other) = (ask(ours)?, ask(real)?);
            let ratio = if scenario.more_is_better {
                one / other
            } else {
                other / one
            };
            own.push(one);
            theirs.push(other);
            ratios.push(ratio);
        }
        let sides = (median(own), median(theirs));
        rows.push(Row::both(
            scenario.what,
            sides,
            scenario.unit,
            median(ratios),
        ));
    }
    Ok(())
}
