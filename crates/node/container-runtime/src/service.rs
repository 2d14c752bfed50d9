//! CRI's RuntimeService.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use styr_cri::v1;
use styr_cri::v1::runtime_service_server::RuntimeService;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::BroadcastStream;
use tonic::{Request, Response, Status};

use crate::runtime::{Runtime, failed};
use crate::streaming::Wanted;

mod answers;
mod lists;

type Answer<T> = Result<Response<T>, Status>;
type Boxed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The service, over the runtime.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) runtime: Arc<Runtime>,
}

fn once<T: Send + 'static>(item: T) -> Boxed<T> {
    Box::pin(tokio_stream::once(Ok(item)))
}

fn unimplemented<T>(what: &str) -> Answer<T> {
    Err(Status::unimplemented(format!("{what} is not implemented")))
}

#[tonic::async_trait]
impl RuntimeService for Service {
    async fn version(&self, _: Request<v1::VersionRequest>) -> Answer<v1::VersionResponse> {
        Ok(Response::new(answers::version()))
    }

    async fn run_pod_sandbox(
        &self,
        request: Request<v1::RunPodSandboxRequest>,
    ) -> Answer<v1::RunPodSandboxResponse> {
        let request = request.into_inner();
        let config = request
            .config
            .ok_or_else(|| Status::invalid_argument("no pod is given"))?;
        let made = self.runtime.run_pod(config, request.runtime_handler).await;
        let pod_sandbox_id = made.map_err(|error| failed(&error))?;
        Ok(Response::new(v1::RunPodSandboxResponse { pod_sandbox_id }))
    }

    async fn stop_pod_sandbox(
        &self,
        request: Request<v1::StopPodSandboxRequest>,
    ) -> Answer<v1::StopPodSandboxResponse> {
        let id = request.into_inner().pod_sandbox_id;
        self.runtime
            .stop_pod(&id)
            .await
            .map_err(|error| failed(&error))?;
        Ok(Response::new(v1::StopPodSandboxResponse {}))
    }

    async fn remove_pod_sandbox(
        &self,
        request: Request<v1::RemovePodSandboxRequest>,
    ) -> Answer<v1::RemovePodSandboxResponse> {
        let id = request.into_inner().pod_sandbox_id;
        self.runtime
            .remove_pod(&id)
            .await
            .map_err(|error| failed(&error))?;
        Ok(Response::new(v1::RemovePodSandboxResponse {}))
    }

    async fn pod_sandbox_status(
        &self,
        request: Request<v1::PodSandboxStatusRequest>,
    ) -> Answer<v1::PodSandboxStatusResponse> {
        self.pod_status(&request.into_inner()).map(Response::new)
    }

    async fn list_pod_sandbox(
        &self,
        request: Request<v1::ListPodSandboxRequest>,
    ) -> Answer<v1::ListPodSandboxResponse> {
        let items = self.list_pods(request.into_inner().filter.as_ref());
        Ok(Response::new(v1::ListPodSandboxResponse { items }))
    }

    type StreamPodSandboxesStream = Boxed<v1::StreamPodSandboxesResponse>;

    async fn stream_pod_sandboxes(
        &self,
        request: Request<v1::StreamPodSandboxesRequest>,
    ) -> Answer<Self::StreamPodSandboxesStream> {
        let pod_sandboxes = self.list_pods(request.into_inner().filter.as_ref());
        Ok(Response::new(once(v1::StreamPodSandboxesResponse {
            pod_sandboxes,
        })))
    }

    async fn create_container(
        &self,
        request: Request<v1::CreateContainerRequest>,
    ) -> Answer<v1::CreateContainerResponse> {
        let request = request.into_inner();
        let pod = self.runtime.pod(&request.pod_sandbox_id)?;
        let config = request
            .config
            .ok_or_else(|| Status::invalid_argument("no container is given"))?;
        let made = self.runtime.create_container(&pod, config);
        let container_id = made.map_err(|error| failed(&error))?;
        Ok(Response::new(v1::CreateContainerResponse { container_id }))
    }

    async fn start_container(
        &self,
        request: Request<v1::StartContainerRequest>,
    ) -> Answer<v1::StartContainerResponse> {
        let container = self.runtime.container(&request.into_inner().container_id)?;
        let started = self.runtime.start_container(&container).await;
        started.map_err(|error| failed(&error))?;
        Ok(Response::new(v1::StartContainerResponse {}))
    }

    async fn stop_container(
        &self,
        request: Request<v1::StopContainerRequest>,
    ) -> Answer<v1::StopContainerResponse> {
        let request = request.into_inner();
        let patience = Duration::from_secs(u64::try_from(request.timeout).unwrap_or(0));
        if let Ok(container) = self.runtime.container(&request.container_id) {
            let stopped = self.runtime.stop(&container, patience).await;
            stopped.map_err(|error| failed(&error))?;
        }
        Ok(Response::new(v1::StopContainerResponse {}))
    }

    async fn remove_container(
        &self,
        request: Request<v1::RemoveContainerRequest>,
    ) -> Answer<v1::RemoveContainerResponse> {
        let id = request.into_inner().container_id;
        self.runtime
            .remove_container(&id)
            .await
            .map_err(|error| failed(&error))?;
        Ok(Response::new(v1::RemoveContainerResponse {}))
    }

    async fn list_containers(
        &self,
        request: Request<v1::ListContainersRequest>,
    ) -> Answer<v1::ListContainersResponse> {
        let containers = self.list_all(request.into_inner().filter.as_ref());
        Ok(Response::new(v1::ListContainersResponse { containers }))
    }

    type StreamContainersStream = Boxed<v1::StreamContainersResponse>;

    async fn stream_containers(
        &self,
        request: Request<v1::StreamContainersRequest>,
    ) -> Answer<Self::StreamContainersStream> {
        let containers = self.list_all(request.into_inner().filter.as_ref());
        Ok(Response::new(once(v1::StreamContainersResponse {
            containers,
        })))
    }

    async fn container_status(
        &self,
        request: Request<v1::ContainerStatusRequest>,
    ) -> Answer<v1::ContainerStatusResponse> {
        self.container_answer(&request.into_inner())
            .map(Response::new)
    }

    async fn update_container_resources(
        &self,
        request: Request<v1::UpdateContainerResourcesRequest>,
    ) -> Answer<v1::UpdateContainerResourcesResponse> {
        let request = request.into_inner();
        let container = self.runtime.container(&request.container_id)?;
        let resources = request.linux.unwrap_or_default();
        let updated = self.runtime.update_container(&container, &resources);
        updated.map_err(|error| failed(&error))?;
        Ok(Response::new(v1::UpdateContainerResourcesResponse {}))
    }

    async fn reopen_container_log(
        &self,
        request: Request<v1::ReopenContainerLogRequest>,
    ) -> Answer<v1::ReopenContainerLogResponse> {
        let container = self.runtime.container(&request.into_inner().container_id)?;
        self.reopen_log(&container).await?;
        Ok(Response::new(v1::ReopenContainerLogResponse {}))
    }

    async fn exec_sync(
        &self,
        request: Request<v1::ExecSyncRequest>,
    ) -> Answer<v1::ExecSyncResponse> {
        self.run_sync(request.into_inner()).await.map(Response::new)
    }

    async fn exec(&self, request: Request<v1::ExecRequest>) -> Answer<v1::ExecResponse> {
        let request = request.into_inner();
        let container = self.runtime.container(&request.container_id)?;
        if !container.is_running() {
            return Err(Status::failed_precondition(format!(
                "container {:?} is not running",
                container.id
            )));
        }
        let url = self.runtime.streams.add(Wanted::Exec(request))?;
        Ok(Response::new(v1::ExecResponse { url }))
    }

    async fn attach(&self, request: Request<v1::AttachRequest>) -> Answer<v1::AttachResponse> {
        let request = request.into_inner();
        let container = self.runtime.container(&request.container_id)?;
        if !container.is_running() {
            return Err(Status::failed_precondition(format!(
                "container {:?} is not running",
                container.id
            )));
        }
        let url = self.runtime.streams.add(Wanted::Attach(request))?;
        Ok(Response::new(v1::AttachResponse { url }))
    }

    async fn port_forward(
        &self,
        request: Request<v1::PortForwardRequest>,
    ) -> Answer<v1::PortForwardResponse> {
        let request = request.into_inner();
        let pod = self.runtime.pod(&request.pod_sandbox_id)?;
        if !pod.is_ready() {
            return Err(Status::failed_precondition("the pod is not running"));
        }
        let url = self.runtime.streams.add(Wanted::PortForward(request))?;
        Ok(Response::new(v1::PortForwardResponse { url }))
    }

    async fn container_stats(
        &self,
        request: Request<v1::ContainerStatsRequest>,
    ) -> Answer<v1::ContainerStatsResponse> {
        let container = self.runtime.container(&request.into_inner().container_id)?;
        let stats = Some(self.runtime.container_stats(&container));
        Ok(Response::new(v1::ContainerStatsResponse { stats }))
    }

    async fn list_container_stats(
        &self,
        request: Request<v1::ListContainerStatsRequest>,
    ) -> Answer<v1::ListContainerStatsResponse> {
        let stats = self.list_stats(request.into_inner().filter.as_ref());
        Ok(Response::new(v1::ListContainerStatsResponse { stats }))
    }

    type StreamContainerStatsStream = Boxed<v1::StreamContainerStatsResponse>;

    async fn stream_container_stats(
        &self,
        request: Request<v1::StreamContainerStatsRequest>,
    ) -> Answer<Self::StreamContainerStatsStream> {
        let container_stats = self.list_stats(request.into_inner().filter.as_ref());
        Ok(Response::new(once(v1::StreamContainerStatsResponse {
            container_stats,
        })))
    }

    async fn pod_sandbox_stats(
        &self,
        request: Request<v1::PodSandboxStatsRequest>,
    ) -> Answer<v1::PodSandboxStatsResponse> {
        let pod = self.runtime.pod(&request.into_inner().pod_sandbox_id)?;
        let stats = Some(self.runtime.pod_stats(&pod));
        Ok(Response::new(v1::PodSandboxStatsResponse { stats }))
    }

    async fn list_pod_sandbox_stats(
        &self,
        request: Request<v1::ListPodSandboxStatsRequest>,
    ) -> Answer<v1::ListPodSandboxStatsResponse> {
        let stats = self.list_pod_stats(request.into_inner().filter.as_ref());
        Ok(Response::new(v1::ListPodSandboxStatsResponse { stats }))
    }

    type StreamPodSandboxStatsStream = Boxed<v1::StreamPodSandboxStatsResponse>;

    async fn stream_pod_sandbox_stats(
        &self,
        request: Request<v1::StreamPodSandboxStatsRequest>,
    ) -> Answer<Self::StreamPodSandboxStatsStream> {
        let pod_sandbox_stats = self.list_pod_stats(request.into_inner().filter.as_ref());
        Ok(Response::new(once(v1::StreamPodSandboxStatsResponse {
            pod_sandbox_stats,
        })))
    }

    async fn update_runtime_config(
        &self,
        _: Request<v1::UpdateRuntimeConfigRequest>,
    ) -> Answer<v1::UpdateRuntimeConfigResponse> {
        // The pod range is the network plugin's to know.
        Ok(Response::new(v1::UpdateRuntimeConfigResponse {}))
    }

    async fn status(&self, _: Request<v1::StatusRequest>) -> Answer<v1::StatusResponse> {
        Ok(Response::new(answers::status(self.runtime.cni.problem())))
    }

    async fn checkpoint_container(
        &self,
        _: Request<v1::CheckpointContainerRequest>,
    ) -> Answer<v1::CheckpointContainerResponse> {
        unimplemented("CheckpointContainer")
    }

    async fn checkpoint_pod(
        &self,
        _: Request<v1::CheckpointPodRequest>,
    ) -> Answer<v1::CheckpointPodResponse> {
        unimplemented("CheckpointPod")
    }

    async fn restore_pod(
        &self,
        _: Request<v1::RestorePodRequest>,
    ) -> Answer<v1::RestorePodResponse> {
        unimplemented("RestorePod")
    }

    type GetContainerEventsStream = Boxed<v1::ContainerEventResponse>;

    async fn get_container_events(
        &self,
        _: Request<v1::GetEventsRequest>,
    ) -> Answer<Self::GetContainerEventsStream> {
        // A reader that lost events ends, and lists again.
        let events = BroadcastStream::new(self.runtime.subscribe());
        let events =
            events.map(|event| event.map_err(|error| Status::data_loss(error.to_string())));
        Ok(Response::new(Box::pin(events)))
    }

    async fn list_metric_descriptors(
        &self,
        _: Request<v1::ListMetricDescriptorsRequest>,
    ) -> Answer<v1::ListMetricDescriptorsResponse> {
        unimplemented("ListMetricDescriptors")
    }

    async fn list_pod_sandbox_metrics(
        &self,
        _: Request<v1::ListPodSandboxMetricsRequest>,
    ) -> Answer<v1::ListPodSandboxMetricsResponse> {
        unimplemented("ListPodSandboxMetrics")
    }

    type StreamPodSandboxMetricsStream = Boxed<v1::StreamPodSandboxMetricsResponse>;

    async fn stream_pod_sandbox_metrics(
        &self,
        _: Request<v1::StreamPodSandboxMetricsRequest>,
    ) -> Answer<Self::StreamPodSandboxMetricsStream> {
        unimplemented("StreamPodSandboxMetrics")
    }

    async fn runtime_config(
        &self,
        _: Request<v1::RuntimeConfigRequest>,
    ) -> Answer<v1::RuntimeConfigResponse> {
        let cgroup_driver = v1::CgroupDriver::Cgroupfs.into();
        let linux = Some(v1::LinuxRuntimeConfiguration { cgroup_driver });
        Ok(Response::new(v1::RuntimeConfigResponse { linux }))
    }

    async fn update_pod_sandbox_resources(
        &self,
        request: Request<v1::UpdatePodSandboxResourcesRequest>,
    ) -> Answer<v1::UpdatePodSandboxResourcesResponse> {
        // Kubelet changes the pod's own group by itself; here it only has to be known.
        self.runtime.pod(&request.into_inner().pod_sandbox_id)?;
        Ok(Response::new(v1::UpdatePodSandboxResourcesResponse {}))
    }
}
