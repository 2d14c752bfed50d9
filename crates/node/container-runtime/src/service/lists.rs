//! Lists and states, filtered as asked.

use std::collections::HashMap;

use styr_cri::v1;
use tonic::Status;

use super::Service;
use crate::runtime::convert::{
    container_entry, has_labels, pod_entry, pod_state, pod_status, state_of,
};

impl Service {
    pub(super) fn list_pods(&self, filter: Option<&v1::PodSandboxFilter>) -> Vec<v1::PodSandbox> {
        let all = self.runtime.pods().into_iter();
        let wanted = all.filter(|pod| {
            filter.is_none_or(|filter| {
                (filter.id.is_empty() || pod.id.starts_with(&filter.id))
                    && filter
                        .state
                        .is_none_or(|state| state.state() == pod_state(pod))
                    && has_labels(&pod.config.labels, &filter.label_selector)
            })
        });
        wanted.map(|pod| pod_entry(&pod)).collect()
    }

    pub(super) fn list_all(&self, filter: Option<&v1::ContainerFilter>) -> Vec<v1::Container> {
        let all = self.runtime.containers().into_iter();
        let wanted = all.filter(|container| {
            filter.is_none_or(|filter| {
                (filter.id.is_empty() || container.id.starts_with(&filter.id))
                    && filter
                        .state
                        .is_none_or(|state| state.state() == state_of(container))
                    && (filter.pod_sandbox_id.is_empty()
                        || container.pod.starts_with(&filter.pod_sandbox_id))
                    && has_labels(&container.config.labels, &filter.label_selector)
            })
        });
        wanted
            .map(|container| container_entry(&container))
            .collect()
    }

    pub(super) fn list_stats(
        &self,
        filter: Option<&v1::ContainerStatsFilter>,
    ) -> Vec<v1::ContainerStats> {
        let all = self.runtime.containers().into_iter();
        let wanted = all.filter(|container| {
            container.is_running()
                && filter.is_none_or(|filter| {
                    (filter.id.is_empty() || container.id.starts_with(&filter.id))
                        && (filter.pod_sandbox_id.is_empty()
                            || container.pod.starts_with(&filter.pod_sandbox_id))
                        && has_labels(&container.config.labels, &filter.label_selector)
                })
        });
        wanted
            .map(|container| self.runtime.container_stats(&container))
            .collect()
    }

    pub(super) fn list_pod_stats(
        &self,
        filter: Option<&v1::PodSandboxStatsFilter>,
    ) -> Vec<v1::PodSandboxStats> {
        let all = self.runtime.pods().into_iter();
        let wanted = all.filter(|pod| {
            pod.is_ready()
                && filter.is_none_or(|filter| {
                    (filter.id.is_empty() || pod.id.starts_with(&filter.id))
                        && has_labels(&pod.config.labels, &filter.label_selector)
                })
        });
        wanted.map(|pod| self.runtime.pod_stats(&pod)).collect()
    }

    pub(super) fn pod_status(
        &self,
        request: &v1::PodSandboxStatusRequest,
    ) -> Result<v1::PodSandboxStatusResponse, Status> {
        let pod = self.runtime.pod(&request.pod_sandbox_id)?;
        let containers = self.runtime.containers_of(&pod.id);
        let mut info = HashMap::new();
        if request.verbose {
            let meta = serde_json::to_string(&*pod.meta()).unwrap_or_default();
            info.insert("info".to_owned(), meta);
        }
        Ok(v1::PodSandboxStatusResponse {
            status: Some(pod_status(&pod)),
            info,
            containers_statuses: containers
                .iter()
                .map(|one| self.runtime.status_of(one))
                .collect(),
            timestamp: self.runtime.now(),
        })
    }

    pub(super) fn container_answer(
        &self,
        request: &v1::ContainerStatusRequest,
    ) -> Result<v1::ContainerStatusResponse, Status> {
        let container = self.runtime.container(&request.container_id)?;
        let mut info = HashMap::new();
        if request.verbose {
            let pid = container.pid().unwrap_or(0);
            let text = serde_json::json!({"pid": pid, "sandboxID": container.pod}).to_string();
            info.insert("info".to_owned(), text);
        }
        let status = Some(self.runtime.status_of(&container));
        Ok(v1::ContainerStatusResponse { status, info })
    }
}
