//! What can be had back without ending a pod: containers of ended pods, and images nobody uses.

use std::path::Path;
use std::time::Duration;

use styr_client::events::EventType;
use styr_cri::v1::ContainerState;

use super::signal::{Observations, Signal};
use crate::identity::POD_UID;
use crate::images::collect::{self, Known, Unused};
use crate::pods::Table;
use crate::shared::Shared;

/// What a disk under pressure can be relieved of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reclaimable {
    Nothing,
    ContainersAndImages,
}

/// Where images have a disk of their own, taking them away does not help the other one.
pub(super) fn reclaimable(signal: Signal, root: &Path, images: Option<&Path>) -> Reclaimable {
    use std::os::unix::fs::MetadataExt as _;
    let device = |path: &Path| std::fs::metadata(path).map(|found| found.dev()).ok();
    let images = images.and_then(device);
    let is_dedicated = images.is_some() && images != device(root);
    match signal {
        Signal::ImageDisk | Signal::ImageInodes => Reclaimable::ContainersAndImages,
        Signal::NodeDisk | Signal::NodeInodes if !is_dedicated => Reclaimable::ContainersAndImages,
        _ => Reclaimable::Nothing,
    }
}

/// Removes the containers of pods that have ended; their statuses are told already.
pub(super) async fn remove_dead(shared: &Shared, table: &Table) {
    let containers = match shared.runtime.all_containers().await {
        Ok(containers) => containers,
        Err(status) => {
            tracing::warn!(%status, "could not look for dead containers");
            return;
        }
    };
    for container in containers {
        let uid = container.labels.get(POD_UID).map(String::as_str);
        let has_ended = uid
            .and_then(|uid| table.status(uid))
            .is_some_and(|status| matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")));
        if container.state() != ContainerState::ContainerExited || !has_ended {
            continue;
        }
        if let Err(status) = shared.runtime.remove_container(&container.id).await {
            tracing::warn!(id = container.id, %status, "could not remove a dead container");
        }
    }
}

/// Images, and what is known of their use.
#[derive(Debug, Default)]
pub(super) struct Images {
    known: Known,
}

impl Images {
    /// Notes what is there and in use; answers what is not.
    pub(super) async fn look(&mut self, shared: &Shared) -> Result<Vec<Unused>, tonic::Status> {
        let images = shared.runtime.list_images().await?;
        let containers = shared.runtime.all_containers().await?;
        let mut used = collect::in_use(&containers);
        // Containers may name images by a digest of a manifest.
        let by_name = images.iter().filter(|image| {
            let mut names = image.repo_digests.iter().chain(&image.repo_tags);
            names.any(|name| used.contains(name))
        });
        let by_name: Vec<String> = by_name.map(|image| image.id.clone()).collect();
        used.extend(by_name);
        let now = shared.clock.monotonic();
        Ok(self.known.look(now, &images, &used))
    }

    /// The periodic pass: what is too old goes, and on a full disk what is needed to empty it.
    pub(super) async fn collect(
        &mut self,
        shared: &Shared,
        running: Duration,
        observations: &Observations,
    ) -> Result<(), tonic::Status> {
        let policy = shared.config.image_collection;
        let unused = self.look(shared).await?;
        let has_limit = !policy.age_max.is_zero() && running > policy.age_max;
        let (old, rest): (Vec<_>, Vec<_>) = unused
            .into_iter()
            .partition(|image| has_limit && image.idle > policy.age_max);
        for image in old {
            remove(shared, &image).await;
        }
        let Some(disk) = observations.get(&Signal::ImageDisk) else {
            return Ok(());
        };
        let Some(wanted) = policy.excess(disk.capacity, disk.available) else {
            return Ok(());
        };
        let freed = free(shared, &rest, wanted).await;
        if freed < wanted {
            let used = 100 - collect::percent(disk.available, disk.capacity);
            let text = format!(
                "Insufficient free disk space on the node's image filesystem ({used}% of {} used). \
                 Failed to free sufficient space by deleting unused images (freed {freed} bytes). \
                 Investigate disk usage, as it could be used by active images, logs, volumes, or \
                 other data.",
                collect::described(disk.capacity)
            );
            let events = &shared.events;
            events.node(EventType::Warning, "FreeDiskSpaceFailed", text);
        }
        Ok(())
    }

    /// Removes all images that nobody uses and that are old enough.
    pub(super) async fn remove_unused(&mut self, shared: &Shared) {
        match self.look(shared).await {
            Ok(unused) => {
                free(shared, &unused, i64::MAX).await;
            }
            Err(status) => tracing::warn!(%status, "could not look for unused images"),
        }
    }
}

/// Removes images until so much is free; answers how much was.
async fn free(shared: &Shared, unused: &[Unused], wanted: i64) -> i64 {
    let mut freed = 0;
    for image in unused {
        if freed >= wanted {
            break;
        }
        if image.age >= shared.config.image_collection.age_min && remove(shared, image).await {
            freed += image.size;
        }
    }
    freed
}

async fn remove(shared: &Shared, image: &Unused) -> bool {
    tracing::info!(id = image.id, size = image.size, "removing an unused image");
    match shared.runtime.remove_image(&image.id).await {
        Ok(()) => true,
        Err(status) => {
            tracing::warn!(id = image.id, %status, "could not remove an unused image");
            false
        }
    }
}

#[cfg(test)]
mod tests;
