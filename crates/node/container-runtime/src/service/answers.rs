//! Longer answers.

use std::collections::HashMap;
use std::time::Duration;

use styr_cri::v1;
use styr_oci::pod_init::protocol::Action;
use tonic::Status;

use super::Service;
use crate::runtime::{Container, failed};

pub(super) fn version() -> v1::VersionResponse {
    v1::VersionResponse {
        version: "0.1.0".to_owned(),
        runtime_name: "styr".to_owned(),
        runtime_version: env!("CARGO_PKG_VERSION").to_owned(),
        runtime_api_version: "v1".to_owned(),
    }
}

/// Whether pods can be run; the network may come later.
pub(super) fn status(network_problem: Option<String>) -> v1::StatusResponse {
    let condition = |name: &str, problem: Option<String>, reason: &str| v1::RuntimeCondition {
        r#type: name.to_owned(),
        status: problem.is_none(),
        reason: problem
            .as_ref()
            .map(|_| reason.to_owned())
            .unwrap_or_default(),
        message: problem.unwrap_or_default(),
    };
    let network = network_problem.map(|problem| format!("Network plugin returns error: {problem}"));
    let handlers = ["", "runc", "styr"].map(|name| v1::RuntimeHandler {
        name: name.to_owned(),
        features: Some(v1::RuntimeHandlerFeatures {
            recursive_read_only_mounts: true,
            user_namespaces: false,
        }),
    });
    v1::StatusResponse {
        status: Some(v1::RuntimeStatus {
            conditions: vec![
                condition("RuntimeReady", None, ""),
                condition("NetworkReady", network, "NetworkPluginNotReady"),
            ],
        }),
        info: HashMap::new(),
        runtime_handlers: handlers.into(),
        features: Some(v1::RuntimeFeatures {
            supplemental_groups_policy: true,
            user_namespaces_host_network: false,
            mount_options: false,
        }),
    }
}

impl Service {
    pub(super) async fn run_sync(
        &self,
        request: v1::ExecSyncRequest,
    ) -> Result<v1::ExecSyncResponse, Status> {
        let container = self.runtime.container(&request.container_id)?;
        let seconds = u64::try_from(request.timeout).unwrap_or(0);
        let patience = Some(Duration::from_secs(seconds)).filter(|patience| !patience.is_zero());
        let output = self
            .runtime
            .exec_sync(&container, request.cmd, patience)
            .await;
        match output.map_err(|error| failed(&error.context("failed to exec in container")))? {
            Some(output) => Ok(v1::ExecSyncResponse {
                stdout: output.stdout.into(),
                stderr: output.stderr.into(),
                exit_code: output.code,
            }),
            None => Err(Status::deadline_exceeded(format!(
                "failed to exec in container: timeout {seconds}s exceeded: context deadline exceeded"
            ))),
        }
    }

    pub(super) async fn reopen_log(&self, container: &Container) -> Result<(), Status> {
        if !container.is_running() {
            return Err(Status::failed_precondition("container is not running"));
        }
        let pod = self.runtime.pod(&container.pod)?;
        let link = pod
            .link()
            .ok_or_else(|| Status::failed_precondition("the pod is not running"))?;
        let action = Action::ReopenLog {
            container: container.id.clone(),
        };
        link.ask(action, &[])
            .await
            .map_err(|error| failed(&error))?;
        Ok(())
    }
}
