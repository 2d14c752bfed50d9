//! One pod and one container, in memory.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

use styr_cri::v1;
use tokio::sync::watch;

use crate::pod_link::PodLink;
use crate::records::{ContainerMeta, PodMeta};

/// A pod.
#[derive(Debug)]
pub(crate) struct Pod {
    pub(crate) id: String,
    /// What stays over a reboot.
    pub(crate) folder: PathBuf,
    /// What does not: socket, shared memory.
    pub(crate) running: PathBuf,
    pub(crate) config: v1::PodSandboxConfig,
    meta: Mutex<PodMeta>,
    link: Mutex<Option<PodLink>>,
    /// Held while it is stopped or removed.
    pub(crate) changing: tokio::sync::Mutex<()>,
}

impl Pod {
    pub(crate) fn new(
        folder: PathBuf,
        running: PathBuf,
        config: v1::PodSandboxConfig,
        meta: PodMeta,
        link: Option<PodLink>,
    ) -> Self {
        Self {
            id: meta.id.clone(),
            folder,
            running,
            config,
            meta: Mutex::new(meta),
            link: Mutex::new(link),
            changing: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn meta(&self) -> MutexGuard<'_, PodMeta> {
        self.meta.lock().expect("no holder of this lock panics")
    }

    /// The connection to its init, if that lives.
    pub(crate) fn link(&self) -> Option<PodLink> {
        self.link
            .lock()
            .expect("no holder of this lock panics")
            .clone()
    }

    pub(crate) fn set_link(&self, link: Option<PodLink>) {
        *self.link.lock().expect("no holder of this lock panics") = link;
    }

    pub(crate) fn is_ready(&self) -> bool {
        !self.meta().stopped && self.link().is_some()
    }

    pub(crate) fn metadata(&self) -> v1::PodSandboxMetadata {
        self.config.metadata.clone().unwrap_or_default()
    }

    pub(crate) fn security(&self) -> v1::LinuxSandboxSecurityContext {
        let linux = self.config.linux.clone().unwrap_or_default();
        linux.security_context.unwrap_or_default()
    }
}

/// Where a container is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Life {
    Created,
    Running {
        pid: i32,
        started_at: i64,
    },
    Exited {
        started_at: i64,
        finished_at: i64,
        code: i32,
        reason: String,
        message: String,
    },
}

/// A container.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) pod: String,
    pub(crate) folder: PathBuf,
    pub(crate) config: v1::ContainerConfig,
    pub(crate) meta: ContainerMeta,
    /// Limits as they were last set.
    pub(crate) resources: Mutex<Option<v1::LinuxContainerResources>>,
    pub(crate) life: watch::Sender<Life>,
    /// Held while it is started or removed.
    pub(crate) changing: tokio::sync::Mutex<()>,
}

impl Container {
    pub(crate) fn new(
        folder: PathBuf,
        config: v1::ContainerConfig,
        meta: ContainerMeta,
        life: Life,
    ) -> Self {
        let resources = config
            .linux
            .as_ref()
            .and_then(|linux| linux.resources.clone());
        Self {
            id: meta.id.clone(),
            pod: meta.pod.clone(),
            folder,
            config,
            meta,
            resources: Mutex::new(resources),
            life: watch::Sender::new(life),
            changing: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn life(&self) -> Life {
        self.life.borrow().clone()
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(*self.life.borrow(), Life::Running { .. })
    }

    pub(crate) fn pid(&self) -> Option<i32> {
        match *self.life.borrow() {
            Life::Running { pid, .. } => Some(pid),
            _ => None,
        }
    }

    /// Waits until it does not run.
    pub(crate) async fn ended(&self) {
        let mut life = self.life.subscribe();
        // The sender lives as long as this container.
        let _ = life
            .wait_for(|life| !matches!(life, Life::Running { .. }))
            .await;
    }
}
