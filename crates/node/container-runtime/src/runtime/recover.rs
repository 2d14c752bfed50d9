//! Finding, after a restart, what was there before it.

use std::collections::HashSet;
use std::fs;
use std::sync::Arc;

use anyhow::Context;
use styr_oci::pod_init::protocol::{Action, Began, Ended};
use styr_oci::pod_init::{EXIT_FILE, STARTED_FILE};

use super::containers::{exited, lost, start_error};
use super::{Container, Life, Pod, Runtime};
use crate::pod_link::PodLink;
use crate::records::{self, ContainerMeta, META_FILE, PodMeta};

impl Runtime {
    /// Reads all records and connects to the inits that still run.
    pub(super) async fn recover(self: &Arc<Self>) -> anyhow::Result<()> {
        let mut running = HashSet::new();
        for entry in fs::read_dir(self.config.pods())? {
            let folder = entry?.path();
            match self.recover_pod(&folder).await {
                Ok(ids) => running.extend(ids),
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::error!(error, folder = %folder.display(), "pod is not understood");
                }
            }
        }
        for entry in fs::read_dir(self.config.containers())? {
            let folder = entry?.path();
            if let Err(error) = self.recover_container(&folder, &running) {
                let error = format!("{error:#}");
                tracing::error!(error, folder = %folder.display(), "container is not understood");
            }
        }
        Ok(())
    }

    async fn recover_pod(
        self: &Arc<Self>,
        folder: &std::path::Path,
    ) -> anyhow::Result<Vec<String>> {
        let Some(mut meta) = records::read_json::<PodMeta>(folder, META_FILE)? else {
            // Never made: kubelet does not know it.
            fs::remove_dir_all(folder)?;
            return Ok(Vec::new());
        };
        let config = records::read_config(folder)?;
        let running = self.config.running().join(&meta.id);
        let mut ids = Vec::new();
        let mut connected = None;
        if !meta.stopped
            && let Ok((link, events)) = PodLink::connect(&running)
            && let Ok(answer) = link.ask(Action::Subscribe, &[]).await
        {
            ids = answer.message.running;
            connected = Some((link, events));
        }
        if connected.is_none() {
            // Kubelet stops it, which takes away what is left.
            meta.stopped = true;
        }
        let (link, events) = connected.unzip();
        let id = meta.id.clone();
        let pod = Arc::new(Pod::new(folder.to_owned(), running, config, meta, link));
        self.known().pods.insert(id, Arc::clone(&pod));
        if let Some(events) = events {
            self.follow(pod, events);
        }
        Ok(ids)
    }

    fn recover_container(
        &self,
        folder: &std::path::Path,
        running: &HashSet<String>,
    ) -> anyhow::Result<()> {
        let Some(meta) = records::read_json::<ContainerMeta>(folder, META_FILE)? else {
            fs::remove_dir_all(folder).context("could not remove a half-made container")?;
            return Ok(());
        };
        let config = records::read_config(folder)?;
        let began = records::read_json::<Began>(folder, STARTED_FILE)?;
        let ended = records::read_json::<Ended>(folder, EXIT_FILE)?;
        let life = match (began, ended) {
            (began, Some(ended)) => exited(
                began.map_or(ended.nanoseconds, |began| began.nanoseconds),
                &ended,
            ),
            (Some(began), None) if running.contains(&meta.id) => Life::Running {
                pid: began.pid,
                started_at: began.nanoseconds,
            },
            (Some(began), None) => lost(began.nanoseconds, self.now()),
            (None, None) => match &meta.start_error {
                Some((at, message)) => start_error(*at, message.clone()),
                None => Life::Created,
            },
        };
        let id = meta.id.clone();
        let container = Container::new(folder.to_owned(), config, meta, life);
        self.known().containers.insert(id, Arc::new(container));
        Ok(())
    }
}
