//! Pods that take more local storage than they were given: a limit of an emptyDir, of a container,
//! or of all containers together. Memory has the kernel for that, disks have nobody. Pure.
//!
//! See <https://kubernetes.io/docs/concepts/storage/ephemeral-storage/>.

use k8s_openapi::api::core::v1::{Pod, Volume};
use styr_meta::Quantity;

use super::usage::Usage;
use crate::launch::resources;
use crate::pod;

const STORAGE: &str = "ephemeral-storage";

/// Whether anything of a pod has to be measured.
pub(super) fn is_limited(pod: &Pod) -> bool {
    volumes(pod).any(|volume| size_limit(volume).is_some())
        || resources::limits_given(pod, STORAGE).is_some()
}

/// What a pod has too much of, in upstream's words; `volume` is the size of an emptyDir by name.
pub(super) fn exceeded(
    pod: &Pod,
    usage: Option<&Usage>,
    volume: impl Fn(&str) -> i64,
) -> Option<String> {
    for definition in volumes(pod) {
        if let Some(limit) = size_limit(definition)
            && volume(&definition.name) > limit.value()
        {
            let (name, limit) = (&definition.name, limit.text());
            return Some(format!(
                "Usage of EmptyDir volume \"{name}\" exceeds the limit \"{limit}\". "
            ));
        }
    }
    let usage = usage?;
    if let Some(limit) = resources::limits_given(pod, STORAGE)
        && usage.disk > limit.value()
    {
        let limit = limit.text();
        return Some(format!(
            "Pod ephemeral local storage usage exceeds the total limit of containers {limit}. "
        ));
    }
    usage.containers.iter().find_map(|used| {
        let mut sidecars = pod::init_containers(pod).iter();
        let mut all = pod::containers(pod).iter();
        let definition = all.find(|it| it.name == used.name).or_else(|| {
            sidecars.find(|container| container.name == used.name && pod::is_sidecar(container))
        })?;
        let limit = resources::limit(definition, STORAGE).filter(|limit| !limit.is_zero())?;
        let (name, text) = (&used.name, limit.text());
        (used.disk > limit.value()).then(|| {
            format!("Container {name} exceeded its local ephemeral storage limit \"{text}\". ")
        })
    })
}

fn volumes(pod: &Pod) -> impl Iterator<Item = &Volume> {
    pod::spec(pod).volumes.iter().flatten()
}

/// Of an emptyDir on disk; the kernel holds those in memory to theirs.
fn size_limit(volume: &Volume) -> Option<Quantity> {
    let source = volume.empty_dir.as_ref()?;
    if source.medium.as_deref() == Some("Memory") {
        return None;
    }
    let limit = Quantity::parse(&source.size_limit.as_ref()?.0).ok()?;
    (limit.value() > 0).then_some(limit)
}

#[cfg(test)]
mod tests;
