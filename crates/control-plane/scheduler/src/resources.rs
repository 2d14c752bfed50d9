//! Amounts of resources, as the scheduler adds and compares them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// What a container without a request counts for when nodes are scored; upstream's values.
const SCORE_MILLI_CPU: i64 = 100;
const SCORE_MEMORY: i64 = 200 * 1024 * 1024;

type Amounts = BTreeMap<String, Quantity>;

/// What is asked for or offered: processors in thousandths, all else in units.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Resources(BTreeMap<String, i64>);

impl Resources {
    pub(crate) fn of(amounts: Option<&Amounts>) -> Self {
        let amounts = amounts.into_iter().flatten();
        Self(
            amounts
                .map(|(name, amount)| (name.clone(), number(name, amount)))
                .collect(),
        )
    }

    pub(crate) fn get(&self, name: &str) -> i64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, i64)> {
        self.0.iter().map(|(name, amount)| (name.as_str(), *amount))
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (name, amount) in &other.0 {
            let sum = self.0.entry(name.clone()).or_insert(0);
            *sum = sum.saturating_add(*amount);
        }
    }

    pub(crate) fn subtract(&mut self, other: &Self) {
        for (name, amount) in &other.0 {
            let rest = self.0.entry(name.clone()).or_insert(0);
            *rest = rest.saturating_sub(*amount);
        }
    }

    fn at_least(&mut self, other: &Self) {
        for (name, amount) in &other.0 {
            let most = self.0.entry(name.clone()).or_insert(0);
            *most = (*most).max(*amount);
        }
    }

    fn floor(&mut self, name: &str, amount: i64) {
        self.0.entry(name.to_owned()).or_insert(amount);
    }
}

fn number(name: &str, amount: &Quantity) -> i64 {
    // The server has validated what it stores.
    let Ok(amount) = styr_meta::Quantity::parse(&amount.0) else {
        return 0;
    };
    if name == "cpu" {
        amount.milli_value()
    } else {
        amount.value()
    }
}

/// What a pod asks for; and the same with a little for containers that ask for nothing.
pub(crate) fn requests(spec: &PodSpec) -> (Resources, Resources) {
    let asked = |container: &Container| asked(container.resources.as_ref());
    let assumed = |container: &Container| {
        let mut asked = asked(container);
        asked.floor("cpu", SCORE_MILLI_CPU);
        asked.floor("memory", SCORE_MEMORY);
        asked
    };
    (pod(spec, asked), pod(spec, assumed))
}

fn asked(requirements: Option<&ResourceRequirements>) -> Resources {
    Resources::of(requirements.and_then(|requirements| requirements.requests.as_ref()))
}

/// Containers run together; init containers run before them, one after the other, save those that
/// stay.
fn pod(spec: &PodSpec, of: impl Fn(&Container) -> Resources) -> Resources {
    let mut total = Resources::default();
    for container in &spec.containers {
        total.add(&of(container));
    }
    let mut staying = Resources::default();
    let mut peak = Resources::default();
    for container in spec.init_containers.iter().flatten() {
        let mut now = of(container);
        if container.restart_policy.as_deref() == Some("Always") {
            total.add(&now);
            staying.add(&now);
            peak.at_least(&staying);
        } else {
            now.add(&staying);
            peak.at_least(&now);
        }
    }
    total.at_least(&peak);
    // What is asked for the pod as a whole stands before the sum of its containers.
    for (name, amount) in asked(spec.resources.as_ref()).0 {
        total.0.insert(name, amount);
    }
    total.add(&Resources::of(spec.overhead.as_ref()));
    total
}

#[cfg(test)]
mod tests;
