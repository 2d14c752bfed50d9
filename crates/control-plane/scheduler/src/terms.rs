//! Terms of affinity between pods: which pods, and what being together means.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PodAffinityTerm, PodSpec, WeightedPodAffinityTerm};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use styr_meta::labels::Selector;

use crate::selection::{self, Labels};

/// The labels of a namespace.
pub(crate) type NamespaceLabels<'a> = &'a dyn Fn(&str) -> Option<Labels>;

/// What upstream counts a required term of a running pod for, when nodes are scored.
const REQUIRED_WEIGHT: i64 = 1;

/// One term, ready to be matched.
#[derive(Debug, Clone)]
pub(crate) struct Term {
    /// Terms with the same text are the same.
    pub(crate) id: String,
    pub(crate) topology_key: String,
    selector: Selector,
    namespaces: Vec<String>,
    /// Namespaces by their labels, beside those by name.
    namespace_selector: Option<Selector>,
}

impl Term {
    /// `namespace` and `labels` are those of the pod that has the term.
    fn new(term: &PodAffinityTerm, namespace: &str, labels: Option<&Labels>) -> Self {
        let mut namespaces = term.namespaces.clone().unwrap_or_default();
        if namespaces.is_empty() && term.namespace_selector.is_none() {
            namespaces.push(namespace.to_owned());
        }
        let keys = term.match_label_keys.as_deref().unwrap_or_default();
        let selector = with_own(term.label_selector.as_ref(), ("In", keys), labels);
        let keys = term.mismatch_label_keys.as_deref().unwrap_or_default();
        let selector = with_own(selector.as_ref(), ("NotIn", keys), labels);
        let mut term = Self {
            id: String::new(),
            topology_key: term.topology_key.clone(),
            selector: selector.map_or_else(Selector::nothing, |s| selection::labels(&s)),
            namespaces,
            namespace_selector: term.namespace_selector.as_ref().map(selection::labels),
        };
        term.id = format!("{term:?}");
        term
    }

    /// Whether what it matches depends on labels of namespaces, which change.
    pub(crate) fn asks_namespaces(&self) -> bool {
        self.namespace_selector.is_some()
    }

    /// Whether it is about a pod with these labels in this namespace.
    pub(crate) fn matches(
        &self,
        namespace: &str,
        labels: Option<&Labels>,
        of_namespace: NamespaceLabels<'_>,
    ) -> bool {
        let is_near = self.namespaces.iter().any(|known| known == namespace)
            || self.namespace_selector.as_ref().is_some_and(|selector| {
                selection::matches(selector, of_namespace(namespace).as_ref())
            });
        is_near && selection::matches(&self.selector, labels)
    }
}

/// A selector that also asks for (or against) the pod's own values of some labels.
pub(crate) fn with_own(
    selector: Option<&LabelSelector>,
    (operator, keys): (&str, &[String]),
    labels: Option<&Labels>,
) -> Option<LabelSelector> {
    let mut selector = selector?.clone();
    for key in keys {
        let Some(value) = labels.and_then(|labels| labels.get(key)) else {
            continue;
        };
        let requirements = selector.match_expressions.get_or_insert_default();
        requirements.push(LabelSelectorRequirement {
            key: key.clone(),
            operator: operator.to_owned(),
            values: Some(vec![value.clone()]),
        });
    }
    Some(selector)
}

/// How a running pod sees the pods that its term matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Stance {
    /// They must keep away.
    Guard,
    /// They are welcome, or with less than nothing, not.
    Wish(i64),
}

/// What a pod asks about the pods near it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Affinity {
    pub(crate) near: Vec<Term>,
    pub(crate) far: Vec<Term>,
    /// Wishes by their weight; negative for those to be far from.
    pub(crate) wishes: Vec<(i64, Term)>,
}

impl Affinity {
    /// What later pods have to heed once the pod has its node.
    pub(crate) fn stances(&self) -> impl Iterator<Item = (Stance, &Term)> {
        let guards = self.far.iter().map(|term| (Stance::Guard, term));
        let near = self.near.iter();
        let near = near.map(|term| (Stance::Wish(REQUIRED_WEIGHT), term));
        let wishes = self.wishes.iter();
        let wishes = wishes.map(|(weight, term)| (Stance::Wish(*weight), term));
        guards.chain(near).chain(wishes)
    }

    pub(crate) fn of(
        spec: &PodSpec,
        namespace: &str,
        labels: Option<&BTreeMap<String, String>>,
    ) -> Self {
        let Some(affinity) = &spec.affinity else {
            return Self::default();
        };
        let read = |terms: Option<&Vec<PodAffinityTerm>>| -> Vec<Term> {
            let terms = terms.into_iter().flatten();
            terms
                .map(|term| Term::new(term, namespace, labels))
                .collect()
        };
        let wish = |terms: Option<&Vec<WeightedPodAffinityTerm>>, sign: i64| -> Vec<(i64, Term)> {
            let terms = terms.into_iter().flatten();
            let term = |weighted: &WeightedPodAffinityTerm| {
                let term = Term::new(&weighted.pod_affinity_term, namespace, labels);
                (sign * i64::from(weighted.weight), term)
            };
            terms.map(term).collect()
        };
        let near = affinity.pod_affinity.as_ref();
        let far = affinity.pod_anti_affinity.as_ref();
        let required = (
            near.and_then(|a| {
                a.required_during_scheduling_ignored_during_execution
                    .as_ref()
            }),
            far.and_then(|a| {
                a.required_during_scheduling_ignored_during_execution
                    .as_ref()
            }),
        );
        let preferred = (
            near.and_then(|a| {
                a.preferred_during_scheduling_ignored_during_execution
                    .as_ref()
            }),
            far.and_then(|a| {
                a.preferred_during_scheduling_ignored_during_execution
                    .as_ref()
            }),
        );
        let mut wishes = wish(preferred.0, 1);
        wishes.extend(wish(preferred.1, -1));
        Self {
            near: read(required.0),
            far: read(required.1),
            wishes,
        }
    }
}
