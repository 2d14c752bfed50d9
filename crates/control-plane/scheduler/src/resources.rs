//! Amounts of resources, as the scheduler adds and compares them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// What a container without a request counts for when nodes are scored; upstream's values.
const SCORE_MILLI_CPU: i64 = 100;
const SCORE_MEMORY: i64 = 200 * 1024 * 1024;

type Amounts = BTreeMap<String, Quantity>;

/// The resources that every node has. They are asked about for each node and pod, so they are not
/// looked up by name.
const COMMON: [&str; 4] = ["cpu", "memory", "ephemeral-storage", "pods"];
pub(crate) const CPU: usize = 0;
pub(crate) const MEMORY: usize = 1;
pub(crate) const PODS: usize = 3;

/// What is asked for or offered: processors in thousandths, all else in units.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Resources {
    common: [i64; COMMON.len()],
    others: BTreeMap<String, i64>,
}

impl Resources {
    pub(crate) fn of(amounts: Option<&Amounts>) -> Self {
        let mut resources = Self::default();
        for (name, amount) in amounts.into_iter().flatten() {
            *resources.amount(name) = number(name, amount);
        }
        resources
    }

    /// One of those that every node has.
    pub(crate) fn common(&self, resource: usize) -> i64 {
        self.common[resource]
    }

    pub(crate) fn get(&self, name: &str) -> i64 {
        match COMMON.iter().position(|common| *common == name) {
            Some(common) => self.common[common],
            None => self.others.get(name).copied().unwrap_or(0),
        }
    }

    /// Each resource of which `self` is more than nothing, its amount, and that of two others.
    pub(crate) fn beside<'a>(
        &'a self,
        one: &'a Self,
        other: &'a Self,
    ) -> impl Iterator<Item = (&'a str, i64, i64, i64)> {
        let common = COMMON.iter().enumerate().map(|(at, name)| {
            let amounts = (self.common[at], one.common[at], other.common[at]);
            (*name, amounts.0, amounts.1, amounts.2)
        });
        let others = self
            .others
            .iter()
            .map(|(name, amount)| (name.as_str(), *amount, one.get(name), other.get(name)));
        common.chain(others).filter(|(_, amount, _, _)| *amount > 0)
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.combine(other, i64::saturating_add);
    }

    pub(crate) fn subtract(&mut self, other: &Self) {
        self.combine(other, i64::saturating_sub);
    }

    fn at_least(&mut self, other: &Self) {
        self.combine(other, i64::max);
    }

    fn combine(&mut self, other: &Self, with: impl Fn(i64, i64) -> i64) {
        for (own, amount) in self.common.iter_mut().zip(other.common) {
            *own = with(*own, amount);
        }
        for (name, amount) in &other.others {
            let own = self.amount(name);
            *own = with(*own, *amount);
        }
    }

    fn amount(&mut self, name: &str) -> &mut i64 {
        match COMMON.iter().position(|common| *common == name) {
            Some(common) => &mut self.common[common],
            None => self.others.entry(name.to_owned()).or_insert(0),
        }
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
        let named = |name: &str| {
            let resources = container.resources.as_ref();
            let requests = resources.and_then(|resources| resources.requests.as_ref());
            requests.is_some_and(|requests| requests.contains_key(name))
        };
        let mut assumed = asked(container);
        if !named("cpu") {
            assumed.common[CPU] = SCORE_MILLI_CPU;
        }
        if !named("memory") {
            assumed.common[MEMORY] = SCORE_MEMORY;
        }
        assumed
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
    let whole = spec
        .resources
        .as_ref()
        .and_then(|whole| whole.requests.as_ref());
    for (name, amount) in whole.into_iter().flatten() {
        *total.amount(name) = number(name, amount);
    }
    total.add(&Resources::of(spec.overhead.as_ref()));
    total
}

#[cfg(test)]
mod tests;
