//! Which specs there are, and how they are shared out.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use regex::Regex;
use serde_json::Value;

use super::Options;

/// What a spec takes that upstream has no time of.
const SECONDS_UNKNOWN: f64 = 10.0;

/// A spec of the suite.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spec {
    pub(super) name: String,
    /// What upstream took for it, on two nodes of its own.
    pub(super) upstream_seconds: Option<f64>,
}

impl Spec {
    /// Whether it wants the cluster for itself.
    fn is_serial(&self) -> bool {
        ["[Serial]", "[Disruptive]"]
            .iter()
            .any(|mark| self.name.contains(mark))
    }

    fn weight(&self) -> f64 {
        self.upstream_seconds.unwrap_or(SECONDS_UNKNOWN)
    }
}

/// All specs that the facts name, by name.
pub(super) fn known(facts: &Path) -> Result<BTreeMap<String, Spec>> {
    let names = read(&facts.join("conformance.json"))?;
    let times = read(&facts.join("conformance-times.json"))?;
    let names = names.as_array().into_iter().flatten();
    let specs = names.filter_map(|spec| spec["name"].as_str()).map(|name| {
        let spec = Spec {
            name: name.to_owned(),
            upstream_seconds: times[name]["seconds"].as_f64(),
        };
        (name.to_owned(), spec)
    });
    Ok(specs.collect())
}

/// The specs that the user wants, by name.
pub(super) fn choose(
    known: &BTreeMap<String, Spec>,
    facts: &Path,
    options: &Options,
) -> Result<Vec<Spec>> {
    let mut chosen: Vec<Spec> = if options.all {
        known.values().cloned().collect()
    } else {
        let default = facts.join("conformance-first.txt");
        listed(known, options.list.as_deref().unwrap_or(&default))?
    };
    if let Some(focus) = &options.focus {
        let focus = Regex::new(focus).context("--focus is no regular expression")?;
        chosen.retain(|spec| focus.is_match(&spec.name));
    }
    if chosen.is_empty() {
        bail!("no spec is chosen: see --focus, --list and --all");
    }
    Ok(chosen)
}

fn listed(known: &BTreeMap<String, Spec>, file: &Path) -> Result<Vec<Spec>> {
    let text =
        fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))?;
    let names = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let find = |name: &str| {
        known
            .get(name)
            .cloned()
            .with_context(|| format!("no spec: {name}"))
    };
    names.map(find).collect()
}

/// Shares specs out so that all processes end about together; those that want the cluster for
/// themselves are the last item.
pub(super) fn share(specs: &[Spec], processes: u16) -> (Vec<Vec<Spec>>, Vec<Spec>) {
    let (serial, mut parallel): (Vec<Spec>, Vec<Spec>) =
        specs.iter().cloned().partition(Spec::is_serial);
    parallel.sort_by(|one, other| other.weight().total_cmp(&one.weight()));
    let mut shares: Vec<(f64, Vec<Spec>)> = vec![(0.0, Vec::new()); processes.into()];
    for spec in parallel {
        let lightest = shares
            .iter_mut()
            .min_by(|one, other| one.0.total_cmp(&other.0))
            .expect("there is at least one process");
        // Setting a namespace up and taking it down takes about a second.
        lightest.0 += spec.weight() + 1.0;
        lightest.1.push(spec);
    }
    (shares.into_iter().map(|(_, specs)| specs).collect(), serial)
}

fn read(path: &Path) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("could not read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("could not parse {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::{Spec, share};

    fn spec(name: &str, seconds: f64) -> Spec {
        Spec {
            name: name.to_owned(),
            upstream_seconds: Some(seconds),
        }
    }

    #[test]
    fn a_long_spec_has_a_process_to_itself() {
        let specs = [
            spec("a", 1.0),
            spec("b", 60.0),
            spec("c", 2.0),
            spec("[Serial] d", 9.0),
        ];
        let (shares, serial) = share(&specs, 2);
        assert_eq!(shares[0], [spec("b", 60.0)]);
        assert_eq!(shares[1], [spec("c", 2.0), spec("a", 1.0)]);
        assert_eq!(serial, [spec("[Serial] d", 9.0)]);
    }
}
