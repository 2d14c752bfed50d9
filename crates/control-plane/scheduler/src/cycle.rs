//! One scheduling cycle: asks the plugins about nodes and picks the best.

use std::collections::{BTreeMap, BTreeSet};

use crate::framework::{Concern, Plugin, Rejection};
use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::snapshot::Snapshot;

/// In clusters up to this size, all nodes that fit are compared; upstream's value.
const COMPARED_MIN: usize = 100;
/// In larger ones, this part of them, in percent, less one for each so many nodes.
const COMPARED_PERCENT: usize = 50;
const NODES_PER_PERCENT: usize = 125;
const COMPARED_PERCENT_MIN: usize = 5;

/// The plugins of a profile, in the order in which they are asked.
pub(crate) type Plugins = [Box<dyn Plugin>];

/// Why a pod fits nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Diagnosis {
    /// How many nodes there are.
    pub(crate) nodes: usize,
    /// What was said before any node was looked at.
    pub(crate) general: Option<String>,
    /// How many nodes were rejected for each reason.
    pub(crate) reasons: BTreeMap<String, usize>,
    /// Who rejected.
    pub(crate) plugins: BTreeSet<&'static str>,
    /// Nodes where it might help if other pods went.
    pub(crate) resolvable: Vec<String>,
}

/// A plugin's name and its objection.
type Objection = (&'static str, Rejection);

/// The node for a pod. `turn` chooses among equally good ones, and with which node to begin where
/// not all are looked at.
pub(crate) fn choose(
    plugins: &Plugins,
    pod: &PodInfo,
    snapshot: &Snapshot,
    turn: usize,
) -> Result<String, Diagnosis> {
    let count = snapshot.nodes().len();
    if count == 0 {
        return Err(Diagnosis::default());
    }
    let filters = concerned(plugins, pod, snapshot).map_err(|(plugin, rejection)| Diagnosis {
        nodes: count,
        general: Some(rejection.reasons.join(", ")),
        plugins: [plugin].into(),
        ..Diagnosis::default()
    })?;
    let enough = compared(count);
    let mut fitting = Vec::with_capacity(enough);
    let mut objections = Vec::new();
    for node in snapshot.nodes_from(turn.wrapping_mul(enough) % count) {
        match fits(&filters, pod, node, snapshot) {
            Ok(()) => fitting.push(node),
            Err(objection) => objections.push((node, objection)),
        }
        if fitting.len() == enough {
            break;
        }
    }
    let chosen = best(plugins, pod, (&fitting, snapshot), turn);
    chosen.ok_or_else(|| diagnose(count, objections))
}

/// How many nodes that fit are compared.
fn compared(nodes: usize) -> usize {
    let percent = COMPARED_PERCENT.saturating_sub(nodes / NODES_PER_PERCENT);
    let share = nodes * percent.max(COMPARED_PERCENT_MIN) / 100;
    share.max(COMPARED_MIN).min(nodes)
}

fn diagnose(nodes: usize, objections: Vec<(&NodeInfo, Objection)>) -> Diagnosis {
    let mut diagnosis = Diagnosis {
        nodes,
        ..Diagnosis::default()
    };
    for (node, (plugin, rejection)) in objections {
        diagnosis.plugins.insert(plugin);
        if rejection.is_resolvable {
            diagnosis.resolvable.push(node.name.clone());
        }
        for reason in rejection.reasons {
            *diagnosis.reasons.entry(reason.into_owned()).or_default() += 1;
        }
    }
    diagnosis.resolvable.sort();
    diagnosis
}

/// The plugins that have to be asked about each node.
pub(crate) fn concerned<'a>(
    plugins: &'a Plugins,
    pod: &PodInfo,
    snapshot: &Snapshot,
) -> Result<Vec<&'a dyn Plugin>, Objection> {
    let mut concerned = Vec::with_capacity(plugins.len());
    for plugin in plugins {
        match plugin.pre_filter(pod, snapshot) {
            Ok(Concern::Each) => concerned.push(&**plugin),
            Ok(Concern::None) => {}
            Err(rejection) => return Err((plugin.name(), rejection)),
        }
    }
    Ok(concerned)
}

/// Whether no plugin of those that are concerned objects to a node.
pub(crate) fn fits(
    concerned: &[&dyn Plugin],
    pod: &PodInfo,
    node: &NodeInfo,
    snapshot: &Snapshot,
) -> Result<(), Objection> {
    concerned.iter().try_for_each(|plugin| {
        let verdict = plugin.filter(pod, node, snapshot);
        verdict.map_err(|rejection| (plugin.name(), rejection))
    })
}

fn best(
    plugins: &Plugins,
    pod: &PodInfo,
    (nodes, snapshot): (&[&NodeInfo], &Snapshot),
    turn: usize,
) -> Option<String> {
    if let [only] = nodes {
        return Some(only.name.clone());
    }
    let mut totals = vec![0; nodes.len()];
    let scoring = plugins.iter().filter(|plugin| plugin.weight() > 0);
    for plugin in scoring.filter(|plugin| plugin.pre_score(pod) == Concern::Each) {
        let mut scores: Vec<i64> = nodes
            .iter()
            .map(|node| plugin.score(pod, node, snapshot))
            .collect();
        plugin.normalize(&mut scores);
        for (total, score) in totals.iter_mut().zip(scores) {
            *total += plugin.weight() * score;
        }
    }
    let most = totals.iter().max()?;
    let ranked = nodes.iter().zip(&totals);
    let top: Vec<&str> = ranked
        .filter(|(_, total)| *total == most)
        .map(|(node, _)| node.name.as_str())
        .collect();
    top.get(turn % top.len()).map(|name| (*name).to_owned())
}

#[cfg(test)]
mod tests;
