//! What the runtime says about one pod, freed from the wire format.

use jiff::Timestamp;

/// All sandboxes and containers of a pod, newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Observed {
    pub(crate) sandboxes: Vec<Sandbox>,
    pub(crate) containers: Vec<Container>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sandbox {
    pub(crate) id: String,
    pub(crate) is_ready: bool,
    pub(crate) attempt: u32,
    pub(crate) created_at: i64,
    pub(crate) uses_host_network: bool,
    /// The main address first; none with the host's network.
    pub(crate) ips: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum State {
    Created,
    Running,
    Exited,
    #[default]
    Unknown,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) sandbox_id: String,
    pub(crate) state: State,
    pub(crate) created_at: i64,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) exit_code: i32,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) image: String,
    pub(crate) image_ref: String,
    /// Of the container's definition when it was created.
    pub(crate) hash: Option<u32>,
    pub(crate) restart_count: i32,
    pub(crate) log_path: String,
    pub(crate) user: Option<User>,
    /// The resources it has, if the runtime says so.
    pub(crate) applied: Option<crate::worker::resize::Applied>,
}

/// Whom the first process of a container runs as.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct User {
    pub(crate) uid: i64,
    pub(crate) gid: i64,
    pub(crate) supplemental_groups: Vec<i64>,
}

impl Observed {
    /// The newest container of a name, whichever sandbox it was in.
    pub(crate) fn latest(&self, name: &str) -> Option<&Container> {
        self.containers
            .iter()
            .find(|container| container.name == name)
    }

    /// The newest container of a name in the newest sandbox.
    pub(crate) fn active(&self, name: &str) -> Option<&Container> {
        let sandbox = self.sandboxes.first()?;
        let mut active = self.containers.iter();
        active.find(|container| container.name == name && container.sandbox_id == sandbox.id)
    }

    pub(crate) fn container(&self, id: &str) -> Option<&Container> {
        self.containers.iter().find(|container| container.id == id)
    }

    /// Whether nothing of the pod runs any more.
    pub(crate) fn is_stopped(&self) -> bool {
        let containers = self.containers.iter();
        let mut running = containers.filter(|container| container.state == State::Running);
        running.next().is_none() && !self.sandboxes.iter().any(|sandbox| sandbox.is_ready)
    }

    /// The addresses of the pod, if it has its own network.
    pub(crate) fn ips(&self) -> &[String] {
        let sandbox = self.sandboxes.first().filter(|sandbox| sandbox.is_ready);
        sandbox
            .map(|sandbox| sandbox.ips.as_slice())
            .unwrap_or_default()
    }
}
