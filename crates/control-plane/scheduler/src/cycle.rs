//! One scheduling cycle: asks all plugins about all nodes and picks the best.

use std::collections::{BTreeMap, BTreeSet};

use crate::framework::{Plugin, Rejection};
use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::snapshot::Snapshot;

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

/// The node for a pod. `turn` chooses among equally good ones.
pub(crate) fn choose(
    plugins: &Plugins,
    pod: &PodInfo,
    snapshot: &Snapshot,
    turn: usize,
) -> Result<String, Diagnosis> {
    let mut diagnosis = Diagnosis {
        nodes: snapshot.nodes().count(),
        ..Diagnosis::default()
    };
    if diagnosis.nodes == 0 {
        return Err(diagnosis);
    }
    for plugin in plugins {
        if let Err(rejection) = plugin.pre_filter(pod, snapshot) {
            diagnosis.plugins.insert(plugin.name());
            diagnosis.general = Some(rejection.reasons.join(", "));
            return Err(diagnosis);
        }
    }
    let mut fitting = Vec::new();
    for node in snapshot.nodes() {
        match fits(plugins, pod, node, snapshot) {
            Ok(()) => fitting.push(node),
            Err((plugin, rejection)) => {
                diagnosis.plugins.insert(plugin);
                if rejection.is_resolvable {
                    diagnosis.resolvable.push(node.name.clone());
                }
                for reason in rejection.reasons {
                    *diagnosis.reasons.entry(reason).or_default() += 1;
                }
            }
        }
    }
    best(plugins, pod, (&fitting, snapshot), turn).ok_or(diagnosis)
}

/// Whether no plugin objects to a node.
pub(crate) fn fits(
    plugins: &Plugins,
    pod: &PodInfo,
    node: &NodeInfo,
    snapshot: &Snapshot,
) -> Result<(), (&'static str, Rejection)> {
    plugins.iter().try_for_each(|plugin| {
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
    for plugin in plugins.iter().filter(|plugin| plugin.weight() > 0) {
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
