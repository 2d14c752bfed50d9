//! A runtime without containers: it remembers what it was asked to run, and tells events.

use std::collections::HashMap;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use styr_cri::v1;
use styr_cri::v1::image_service_server::{ImageService, ImageServiceServer};
use styr_cri::v1::runtime_service_server::{RuntimeService, RuntimeServiceServer};
use tokio::net::UnixListener;
use tokio::sync::{broadcast, watch};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::{BroadcastStream, UnixListenerStream};
use tonic::{Request, Response, Status};

type Answer<T> = Result<Response<T>, Status>;
type Events<T> = Pin<Box<dyn tokio_stream::Stream<Item = Result<T, Status>> + Send>>;

const RUNNING: i32 = 1;
const EXITED: i32 = 2;

#[derive(Clone, Debug)]
pub(crate) struct Runtime {
    state: Arc<Mutex<State>>,
    changed: watch::Sender<u64>,
    events: broadcast::Sender<v1::ContainerEventResponse>,
}

#[derive(Debug, Default)]
struct State {
    sandboxes: Vec<v1::PodSandboxStatus>,
    containers: Vec<(v1::ContainerStatus, String)>,
    /// Counts as time.
    made: i64,
    observations: u64,
}

impl Runtime {
    /// Serves at a socket until the test's runtime ends.
    pub(crate) async fn serve(path: &Path) -> Self {
        const EVENTS_MAX: usize = 64;
        let fake = Self {
            state: Arc::default(),
            changed: watch::Sender::new(0),
            events: broadcast::Sender::new(EVENTS_MAX),
        };
        let listener = UnixListenerStream::new(UnixListener::bind(path).unwrap());
        let server = tonic::transport::Server::builder()
            .add_service(RuntimeServiceServer::new(fake.clone()))
            .add_service(ImageServiceServer::new(fake.clone()));
        #[expect(clippy::disallowed_methods, reason = "ends with the test")]
        tokio::spawn(server.serve_with_incoming(listener));
        fake
    }

    /// Names and states, oldest first.
    pub(crate) fn containers(&self) -> Vec<(String, &'static str)> {
        let state = self.state.lock().unwrap();
        let name = |status: &v1::ContainerStatus| status.metadata.clone().unwrap().name;
        let of = |state| match state {
            RUNNING => "running",
            EXITED => "exited",
            _ => "created",
        };
        state
            .containers
            .iter()
            .map(|(status, _)| (name(status), of(status.state)))
            .collect()
    }

    pub(crate) async fn until(&self, holds: impl Fn(&[(String, &'static str)]) -> bool) {
        let mut changed = self.changed.subscribe();
        while !holds(&self.containers()) {
            changed.changed().await.unwrap();
        }
    }

    pub(crate) fn observations(&self) -> u64 {
        self.state.lock().unwrap().observations
    }

    pub(crate) async fn until_observed(&self, times: u64) {
        let mut changed = self.changed.subscribe();
        while self.observations() < times {
            changed.changed().await.unwrap();
        }
    }

    /// Ends a running container.
    pub(crate) fn exit(&self, name: &str, code: i32) {
        let found = {
            let mut state = self.state.lock().unwrap();
            let (status, _) = state
                .containers
                .iter_mut()
                .find(|(c, _)| c.state == RUNNING && c.metadata.as_ref().unwrap().name == name)
                .unwrap();
            status.state = EXITED;
            status.exit_code = code;
            status.finished_at = 1_000_000_000;
            status.id.clone()
        };
        self.tell(&found);
    }

    fn tell(&self, container: &str) {
        self.changed.send_modify(|count| *count += 1);
        let state = self.state.lock().unwrap();
        let event = v1::ContainerEventResponse {
            container_id: container.to_owned(),
            pod_sandbox_status: state.sandboxes.first().cloned(),
            ..Default::default()
        };
        // Nobody may listen yet.
        let _ = self.events.send(event);
    }

    async fn version(self, _: v1::VersionRequest) -> Answer<v1::VersionResponse> {
        let runtime_name = "fake".to_owned();
        Ok(Response::new(v1::VersionResponse {
            runtime_name,
            ..Default::default()
        }))
    }

    async fn status(self, _: v1::StatusRequest) -> Answer<v1::StatusResponse> {
        Ok(Response::new(v1::StatusResponse::default()))
    }

    async fn list_pod_sandbox(
        self,
        request: v1::ListPodSandboxRequest,
    ) -> Answer<v1::ListPodSandboxResponse> {
        let wanted = request.filter.unwrap_or_default().label_selector;
        let mut state = self.state.lock().unwrap();
        state.observations += 1;
        let items = state
            .sandboxes
            .iter()
            .filter(|s| matches(&s.labels, &wanted));
        let items = items
            .map(|s| v1::PodSandbox {
                id: s.id.clone(),
                metadata: s.metadata.clone(),
                state: s.state,
                labels: s.labels.clone(),
                ..Default::default()
            })
            .collect();
        drop(state);
        self.changed.send_modify(|count| *count += 1);
        Ok(Response::new(v1::ListPodSandboxResponse { items }))
    }

    async fn list_containers(
        self,
        request: v1::ListContainersRequest,
    ) -> Answer<v1::ListContainersResponse> {
        let wanted = request.filter.unwrap_or_default().label_selector;
        let state = self.state.lock().unwrap();
        let found = state
            .containers
            .iter()
            .filter(|(c, _)| matches(&c.labels, &wanted));
        let containers = found
            .map(|(c, sandbox)| v1::Container {
                id: c.id.clone(),
                pod_sandbox_id: sandbox.clone(),
                state: c.state,
                labels: c.labels.clone(),
                ..Default::default()
            })
            .collect();
        Ok(Response::new(v1::ListContainersResponse { containers }))
    }

    async fn pod_sandbox_status(
        self,
        request: v1::PodSandboxStatusRequest,
    ) -> Answer<v1::PodSandboxStatusResponse> {
        let state = self.state.lock().unwrap();
        let found = state
            .sandboxes
            .iter()
            .find(|s| s.id == request.pod_sandbox_id)
            .cloned();
        let status = Some(found.ok_or_else(|| Status::not_found("no such sandbox"))?);
        Ok(Response::new(v1::PodSandboxStatusResponse {
            status,
            ..Default::default()
        }))
    }

    async fn container_status(
        self,
        request: v1::ContainerStatusRequest,
    ) -> Answer<v1::ContainerStatusResponse> {
        let state = self.state.lock().unwrap();
        let found = state
            .containers
            .iter()
            .find(|(c, _)| c.id == request.container_id);
        let status = Some(
            found
                .ok_or_else(|| Status::not_found("no such container"))?
                .0
                .clone(),
        );
        Ok(Response::new(v1::ContainerStatusResponse {
            status,
            ..Default::default()
        }))
    }

    async fn run_pod_sandbox(
        self,
        request: v1::RunPodSandboxRequest,
    ) -> Answer<v1::RunPodSandboxResponse> {
        let config = request.config.unwrap_or_default();
        let security = config
            .linux
            .unwrap_or_default()
            .security_context
            .unwrap_or_default();
        let namespaces = v1::Namespace {
            options: security.namespace_options,
        };
        let mut state = self.state.lock().unwrap();
        state.made += 1;
        let id = format!("sandbox-{}", state.made);
        let created_at = state.made;
        state.sandboxes.push(v1::PodSandboxStatus {
            id: id.clone(),
            metadata: config.metadata,
            created_at,
            labels: config.labels,
            linux: Some(v1::LinuxPodSandboxStatus {
                namespaces: Some(namespaces),
            }),
            ..Default::default()
        });
        Ok(Response::new(v1::RunPodSandboxResponse {
            pod_sandbox_id: id,
        }))
    }

    async fn stop_pod_sandbox(
        self,
        request: v1::StopPodSandboxRequest,
    ) -> Answer<v1::StopPodSandboxResponse> {
        let mut state = self.state.lock().unwrap();
        for sandbox in state
            .sandboxes
            .iter_mut()
            .filter(|s| s.id == request.pod_sandbox_id)
        {
            sandbox.state = v1::PodSandboxState::SandboxNotready.into();
        }
        Ok(Response::new(v1::StopPodSandboxResponse {}))
    }

    async fn remove_pod_sandbox(
        self,
        request: v1::RemovePodSandboxRequest,
    ) -> Answer<v1::RemovePodSandboxResponse> {
        let mut state = self.state.lock().unwrap();
        state
            .sandboxes
            .retain(|sandbox| sandbox.id != request.pod_sandbox_id);
        Ok(Response::new(v1::RemovePodSandboxResponse {}))
    }

    async fn create_container(
        self,
        request: v1::CreateContainerRequest,
    ) -> Answer<v1::CreateContainerResponse> {
        let config = request.config.unwrap_or_default();
        let mut state = self.state.lock().unwrap();
        state.made += 1;
        let id = format!("container-{}", state.made);
        let status = v1::ContainerStatus {
            id: id.clone(),
            metadata: config.metadata,
            created_at: state.made,
            image: config.image,
            labels: config.labels,
            annotations: config.annotations,
            mounts: config.mounts,
            ..Default::default()
        };
        state.containers.push((status, request.pod_sandbox_id));
        Ok(Response::new(v1::CreateContainerResponse {
            container_id: id,
        }))
    }

    async fn start_container(
        self,
        request: v1::StartContainerRequest,
    ) -> Answer<v1::StartContainerResponse> {
        self.set_state(&request.container_id, RUNNING);
        Ok(Response::new(v1::StartContainerResponse {}))
    }

    async fn stop_container(
        self,
        request: v1::StopContainerRequest,
    ) -> Answer<v1::StopContainerResponse> {
        self.set_state(&request.container_id, EXITED);
        Ok(Response::new(v1::StopContainerResponse {}))
    }

    fn set_state(&self, id: &str, new: i32) {
        let mut state = self.state.lock().unwrap();
        for (container, _) in state.containers.iter_mut().filter(|(c, _)| c.id == id) {
            container.state = new;
        }
        drop(state);
        self.tell(id);
    }

    async fn remove_container(
        self,
        request: v1::RemoveContainerRequest,
    ) -> Answer<v1::RemoveContainerResponse> {
        let mut state = self.state.lock().unwrap();
        state
            .containers
            .retain(|(container, _)| container.id != request.container_id);
        drop(state);
        self.changed.send_modify(|count| *count += 1);
        Ok(Response::new(v1::RemoveContainerResponse {}))
    }

    async fn get_container_events(
        self,
        _: v1::GetEventsRequest,
    ) -> Answer<Events<v1::ContainerEventResponse>> {
        let events = BroadcastStream::new(self.events.subscribe());
        let events =
            events.map(|event| event.map_err(|error| Status::data_loss(error.to_string())));
        Ok(Response::new(Box::pin(events)))
    }

    async fn image_status(
        self,
        request: v1::ImageStatusRequest,
    ) -> Answer<v1::ImageStatusResponse> {
        let id = request.image.unwrap_or_default().image;
        let image = Some(v1::Image {
            id,
            ..Default::default()
        });
        Ok(Response::new(v1::ImageStatusResponse {
            image,
            ..Default::default()
        }))
    }

    async fn list_images(self, _: v1::ListImagesRequest) -> Answer<v1::ListImagesResponse> {
        Ok(Response::new(v1::ListImagesResponse::default()))
    }
}

fn matches(labels: &HashMap<String, String>, wanted: &HashMap<String, String>) -> bool {
    wanted
        .iter()
        .all(|(key, value)| labels.get(key) == Some(value))
}

async fn missing<T>() -> Answer<T> {
    Err(Status::unimplemented("this runtime is made for tests"))
}

/// Writes out what `async_trait` would, for methods that are all alike.
macro_rules! served {
    ($($name:ident($request:ty) -> $answer:ty { $call:expr })*) => {$(
        fn $name<'a, 'b>(
            &'a self,
            request: Request<$request>,
        ) -> Pin<Box<dyn Future<Output = Answer<$answer>> + Send + 'b>>
        where
            'a: 'b,
            Self: 'b,
        {
            let call = $call;
            Box::pin(call(self.clone(), request.into_inner()))
        }
    )*};
}

impl RuntimeService for Runtime {
    type StreamPodSandboxesStream = Events<v1::StreamPodSandboxesResponse>;
    type StreamContainersStream = Events<v1::StreamContainersResponse>;
    type StreamContainerStatsStream = Events<v1::StreamContainerStatsResponse>;
    type StreamPodSandboxStatsStream = Events<v1::StreamPodSandboxStatsResponse>;
    type GetContainerEventsStream = Events<v1::ContainerEventResponse>;
    type StreamPodSandboxMetricsStream = Events<v1::StreamPodSandboxMetricsResponse>;
    served! {
        version(v1::VersionRequest) -> v1::VersionResponse { |fake: Self, request| fake.version(request) }
        run_pod_sandbox(v1::RunPodSandboxRequest) -> v1::RunPodSandboxResponse { |fake: Self, request| fake.run_pod_sandbox(request) }
        stop_pod_sandbox(v1::StopPodSandboxRequest) -> v1::StopPodSandboxResponse { |fake: Self, request| fake.stop_pod_sandbox(request) }
        remove_pod_sandbox(v1::RemovePodSandboxRequest) -> v1::RemovePodSandboxResponse { |fake: Self, request| fake.remove_pod_sandbox(request) }
        pod_sandbox_status(v1::PodSandboxStatusRequest) -> v1::PodSandboxStatusResponse { |fake: Self, request| fake.pod_sandbox_status(request) }
        list_pod_sandbox(v1::ListPodSandboxRequest) -> v1::ListPodSandboxResponse { |fake: Self, request| fake.list_pod_sandbox(request) }
        stream_pod_sandboxes(v1::StreamPodSandboxesRequest) -> Self::StreamPodSandboxesStream { |_, _| missing() }
        create_container(v1::CreateContainerRequest) -> v1::CreateContainerResponse { |fake: Self, request| fake.create_container(request) }
        start_container(v1::StartContainerRequest) -> v1::StartContainerResponse { |fake: Self, request| fake.start_container(request) }
        stop_container(v1::StopContainerRequest) -> v1::StopContainerResponse { |fake: Self, request| fake.stop_container(request) }
        remove_container(v1::RemoveContainerRequest) -> v1::RemoveContainerResponse { |fake: Self, request| fake.remove_container(request) }
        list_containers(v1::ListContainersRequest) -> v1::ListContainersResponse { |fake: Self, request| fake.list_containers(request) }
        stream_containers(v1::StreamContainersRequest) -> Self::StreamContainersStream { |_, _| missing() }
        container_status(v1::ContainerStatusRequest) -> v1::ContainerStatusResponse { |fake: Self, request| fake.container_status(request) }
        update_container_resources(v1::UpdateContainerResourcesRequest) -> v1::UpdateContainerResourcesResponse { |_, _| missing() }
        reopen_container_log(v1::ReopenContainerLogRequest) -> v1::ReopenContainerLogResponse { |_, _| missing() }
        exec_sync(v1::ExecSyncRequest) -> v1::ExecSyncResponse { |_, _| missing() }
        exec(v1::ExecRequest) -> v1::ExecResponse { |_, _| missing() }
        attach(v1::AttachRequest) -> v1::AttachResponse { |_, _| missing() }
        port_forward(v1::PortForwardRequest) -> v1::PortForwardResponse { |_, _| missing() }
        container_stats(v1::ContainerStatsRequest) -> v1::ContainerStatsResponse { |_, _| missing() }
        list_container_stats(v1::ListContainerStatsRequest) -> v1::ListContainerStatsResponse { |_, _| missing() }
        stream_container_stats(v1::StreamContainerStatsRequest) -> Self::StreamContainerStatsStream { |_, _| missing() }
        pod_sandbox_stats(v1::PodSandboxStatsRequest) -> v1::PodSandboxStatsResponse { |_, _| missing() }
        list_pod_sandbox_stats(v1::ListPodSandboxStatsRequest) -> v1::ListPodSandboxStatsResponse { |_, _| missing() }
        stream_pod_sandbox_stats(v1::StreamPodSandboxStatsRequest) -> Self::StreamPodSandboxStatsStream { |_, _| missing() }
        update_runtime_config(v1::UpdateRuntimeConfigRequest) -> v1::UpdateRuntimeConfigResponse { |_, _| missing() }
        status(v1::StatusRequest) -> v1::StatusResponse { |fake: Self, request| fake.status(request) }
        checkpoint_container(v1::CheckpointContainerRequest) -> v1::CheckpointContainerResponse { |_, _| missing() }
        checkpoint_pod(v1::CheckpointPodRequest) -> v1::CheckpointPodResponse { |_, _| missing() }
        restore_pod(v1::RestorePodRequest) -> v1::RestorePodResponse { |_, _| missing() }
        get_container_events(v1::GetEventsRequest) -> Self::GetContainerEventsStream { |fake: Self, request| fake.get_container_events(request) }
        list_metric_descriptors(v1::ListMetricDescriptorsRequest) -> v1::ListMetricDescriptorsResponse { |_, _| missing() }
        list_pod_sandbox_metrics(v1::ListPodSandboxMetricsRequest) -> v1::ListPodSandboxMetricsResponse { |_, _| missing() }
        stream_pod_sandbox_metrics(v1::StreamPodSandboxMetricsRequest) -> Self::StreamPodSandboxMetricsStream { |_, _| missing() }
        runtime_config(v1::RuntimeConfigRequest) -> v1::RuntimeConfigResponse { |_, _| missing() }
        update_pod_sandbox_resources(v1::UpdatePodSandboxResourcesRequest) -> v1::UpdatePodSandboxResourcesResponse { |_, _| missing() }
    }
}

impl ImageService for Runtime {
    type StreamImagesStream = Events<v1::StreamImagesResponse>;
    served! {
        list_images(v1::ListImagesRequest) -> v1::ListImagesResponse { |fake: Self, request| fake.list_images(request) }
        stream_images(v1::StreamImagesRequest) -> Self::StreamImagesStream { |_, _| missing() }
        image_status(v1::ImageStatusRequest) -> v1::ImageStatusResponse { |fake: Self, request| fake.image_status(request) }
        pull_image(v1::PullImageRequest) -> v1::PullImageResponse { |_, _| missing() }
        remove_image(v1::RemoveImageRequest) -> v1::RemoveImageResponse { |_, _| missing() }
        image_fs_info(v1::ImageFsInfoRequest) -> v1::ImageFsInfoResponse { |_, _| missing() }
    }
}
