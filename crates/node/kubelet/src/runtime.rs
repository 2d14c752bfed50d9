//! The runtime and its images, over CRI. Knows the wire format; decides nothing.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use styr_cri::v1;
use styr_cri::v1::image_service_client::ImageServiceClient;
use styr_cri::v1::runtime_service_client::RuntimeServiceClient;
use tonic::Status;
use tonic::transport::{Channel, Endpoint, Uri};

use crate::identity::POD_UID;
use crate::observed::Observed;

mod read;

/// Upstream's limit of a message: long lists of images are large.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// A connection to a runtime. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Runtime {
    runtime: RuntimeServiceClient<Channel>,
    images: ImageServiceClient<Channel>,
    name: Arc<OnceLock<String>>,
}

/// What a runtime says of itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct RuntimeFacts {
    pub(crate) version: v1::VersionResponse,
    pub(crate) status: v1::StatusResponse,
}

impl Runtime {
    /// Connects when first used, and again whenever the socket was gone. `endpoint` is a path or a
    /// `unix://` address.
    pub(crate) fn connect(endpoint: &str) -> anyhow::Result<Self> {
        let path = endpoint.strip_prefix("unix://").unwrap_or(endpoint);
        let path = PathBuf::from(path);
        anyhow::ensure!(
            path.is_absolute(),
            "runtime endpoint {endpoint:?} is not a unix socket"
        );
        let connector = tower::service_fn(move |_: Uri| {
            let path = path.clone();
            async move {
                tokio::net::UnixStream::connect(path)
                    .await
                    .map(TokioIo::new)
            }
        });
        let channel =
            Endpoint::from_static("http://localhost").connect_with_connector_lazy(connector);
        Ok(Self {
            runtime: RuntimeServiceClient::new(channel.clone())
                .max_decoding_message_size(MESSAGE_BYTES_MAX),
            images: ImageServiceClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX),
            name: Arc::default(),
        })
    }

    fn client(&self) -> RuntimeServiceClient<Channel> {
        self.runtime.clone()
    }

    /// The first part of container ids; known after [`Self::facts`].
    pub(crate) fn name(&self) -> &str {
        self.name.get().map(String::as_str).unwrap_or_default()
    }

    pub(crate) async fn facts(&self) -> Result<RuntimeFacts, Status> {
        let version = self
            .client()
            .version(v1::VersionRequest::default())
            .await?
            .into_inner();
        let status = self
            .client()
            .status(v1::StatusRequest::default())
            .await?
            .into_inner();
        let _ = self.name.set(version.runtime_name.clone());
        Ok(RuntimeFacts { version, status })
    }

    /// Everything the runtime knows about a pod.
    pub(crate) async fn observe(&self, uid: &str) -> Result<Observed, Status> {
        let selector = HashMap::from([(POD_UID.to_owned(), uid.to_owned())]);
        let sandboxes = self.list_sandboxes(selector.clone());
        let containers = self.list_containers(selector);
        let (sandboxes, containers) = futures::future::try_join(sandboxes, containers).await?;
        let sandboxes = sandboxes
            .into_iter()
            .map(|sandbox| self.sandbox_status(sandbox.id));
        let containers = containers.into_iter().map(async |container| {
            let status = unless_gone(self.container_status(&container.id).await)?;
            Ok::<_, Status>(status.map(|status| read::container(&status, container.pod_sandbox_id)))
        });
        let sandboxes = futures::future::join_all(sandboxes);
        let containers = futures::future::try_join_all(containers);
        let (sandboxes, containers) = futures::future::join(sandboxes, containers).await;
        let mut observed = Observed::default();
        for status in sandboxes {
            if let Some(status) = unless_gone(status)? {
                observed.sandboxes.push(read::sandbox(&status));
            }
        }
        observed.containers = containers?.into_iter().flatten().collect();
        observed
            .sandboxes
            .sort_by_key(|sandbox| std::cmp::Reverse(sandbox.created_at));
        observed
            .containers
            .sort_by_key(|container| std::cmp::Reverse(container.created_at));
        Ok(observed)
    }

    async fn list_sandboxes(
        &self,
        label_selector: HashMap<String, String>,
    ) -> Result<Vec<v1::PodSandbox>, Status> {
        let filter = v1::PodSandboxFilter {
            label_selector,
            ..Default::default()
        };
        let request = v1::ListPodSandboxRequest {
            filter: Some(filter),
        };
        Ok(self
            .client()
            .list_pod_sandbox(request)
            .await?
            .into_inner()
            .items)
    }

    async fn list_containers(
        &self,
        label_selector: HashMap<String, String>,
    ) -> Result<Vec<v1::Container>, Status> {
        let filter = v1::ContainerFilter {
            label_selector,
            ..Default::default()
        };
        let request = v1::ListContainersRequest {
            filter: Some(filter),
        };
        Ok(self
            .client()
            .list_containers(request)
            .await?
            .into_inner()
            .containers)
    }

    /// All sandboxes that a kubelet made.
    pub(crate) async fn all_sandboxes(&self) -> Result<Vec<v1::PodSandbox>, Status> {
        let mut all = self.list_sandboxes(HashMap::new()).await?;
        all.retain(|sandbox| sandbox.labels.contains_key(POD_UID));
        Ok(all)
    }

    /// All containers that a kubelet made.
    pub(crate) async fn all_containers(&self) -> Result<Vec<v1::Container>, Status> {
        let mut all = self.list_containers(HashMap::new()).await?;
        all.retain(|container| container.labels.contains_key(POD_UID));
        Ok(all)
    }

    async fn sandbox_status(&self, id: String) -> Result<v1::PodSandboxStatus, Status> {
        let request = v1::PodSandboxStatusRequest {
            pod_sandbox_id: id,
            verbose: false,
        };
        let answer = self
            .client()
            .pod_sandbox_status(request)
            .await?
            .into_inner();
        answer
            .status
            .ok_or_else(|| Status::internal("a sandbox status without a status"))
    }

    pub(crate) async fn container_status(&self, id: &str) -> Result<v1::ContainerStatus, Status> {
        let request = v1::ContainerStatusRequest {
            container_id: id.into(),
            verbose: false,
        };
        let answer = self.client().container_status(request).await?.into_inner();
        answer
            .status
            .ok_or_else(|| Status::internal("a container status without a status"))
    }

    pub(crate) async fn run_sandbox(
        &self,
        config: v1::PodSandboxConfig,
        runtime_handler: String,
    ) -> Result<String, Status> {
        let request = v1::RunPodSandboxRequest {
            config: Some(config),
            runtime_handler,
        };
        Ok(self
            .client()
            .run_pod_sandbox(request)
            .await?
            .into_inner()
            .pod_sandbox_id)
    }

    pub(crate) async fn stop_sandbox(&self, id: &str) -> Result<(), Status> {
        let request = v1::StopPodSandboxRequest {
            pod_sandbox_id: id.into(),
        };
        unless_gone(self.client().stop_pod_sandbox(request).await).map(drop)
    }

    pub(crate) async fn remove_sandbox(&self, id: &str) -> Result<(), Status> {
        let request = v1::RemovePodSandboxRequest {
            pod_sandbox_id: id.into(),
        };
        unless_gone(self.client().remove_pod_sandbox(request).await).map(drop)
    }

    pub(crate) async fn create_container(
        &self,
        sandbox: &str,
        config: v1::ContainerConfig,
        sandbox_config: v1::PodSandboxConfig,
    ) -> Result<String, Status> {
        let request = v1::CreateContainerRequest {
            pod_sandbox_id: sandbox.into(),
            config: Some(config),
            sandbox_config: Some(sandbox_config),
        };
        Ok(self
            .client()
            .create_container(request)
            .await?
            .into_inner()
            .container_id)
    }

    pub(crate) async fn start_container(&self, id: &str) -> Result<(), Status> {
        let request = v1::StartContainerRequest {
            container_id: id.into(),
        };
        self.client().start_container(request).await.map(drop)
    }

    pub(crate) async fn stop_container(&self, id: &str, timeout: i64) -> Result<(), Status> {
        let request = v1::StopContainerRequest {
            container_id: id.into(),
            timeout,
        };
        unless_gone(self.client().stop_container(request).await).map(drop)
    }

    pub(crate) async fn remove_container(&self, id: &str) -> Result<(), Status> {
        let request = v1::RemoveContainerRequest {
            container_id: id.into(),
        };
        unless_gone(self.client().remove_container(request).await).map(drop)
    }

    pub(crate) async fn update_resources(
        &self,
        id: &str,
        linux: v1::LinuxContainerResources,
    ) -> Result<(), Status> {
        let request = v1::UpdateContainerResourcesRequest {
            container_id: id.into(),
            linux: Some(linux),
            ..Default::default()
        };
        self.client()
            .update_container_resources(request)
            .await
            .map(drop)
    }

    /// Runs a command to its end: exit code and output.
    pub(crate) async fn exec_sync(
        &self,
        id: &str,
        cmd: Vec<String>,
        timeout: Duration,
    ) -> Result<v1::ExecSyncResponse, Status> {
        let seconds = i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX);
        let request = v1::ExecSyncRequest {
            container_id: id.into(),
            cmd,
            timeout: seconds,
        };
        Ok(self.client().exec_sync(request).await?.into_inner())
    }

    pub(crate) async fn exec(&self, request: v1::ExecRequest) -> Result<String, Status> {
        Ok(self.client().exec(request).await?.into_inner().url)
    }

    pub(crate) async fn attach(&self, request: v1::AttachRequest) -> Result<String, Status> {
        Ok(self.client().attach(request).await?.into_inner().url)
    }

    pub(crate) async fn port_forward(
        &self,
        request: v1::PortForwardRequest,
    ) -> Result<String, Status> {
        Ok(self.client().port_forward(request).await?.into_inner().url)
    }

    pub(crate) async fn reopen_log(&self, id: &str) -> Result<(), Status> {
        let request = v1::ReopenContainerLogRequest {
            container_id: id.into(),
        };
        self.client().reopen_container_log(request).await.map(drop)
    }

    pub(crate) async fn events(
        &self,
    ) -> Result<tonic::Streaming<v1::ContainerEventResponse>, Status> {
        Ok(self
            .client()
            .get_container_events(v1::GetEventsRequest::default())
            .await?
            .into_inner())
    }

    pub(crate) async fn update_pod_cidr(&self, pod_cidr: &str) -> Result<(), Status> {
        let network_config = Some(v1::NetworkConfig {
            pod_cidr: pod_cidr.into(),
        });
        let runtime_config = Some(v1::RuntimeConfig { network_config });
        let request = v1::UpdateRuntimeConfigRequest { runtime_config };
        self.client().update_runtime_config(request).await.map(drop)
    }

    pub(crate) async fn container_stats(&self) -> Result<Vec<v1::ContainerStats>, Status> {
        let request = v1::ListContainerStatsRequest::default();
        Ok(self
            .client()
            .list_container_stats(request)
            .await?
            .into_inner()
            .stats)
    }

    pub(crate) async fn sandbox_stats(&self) -> Result<Vec<v1::PodSandboxStats>, Status> {
        let request = v1::ListPodSandboxStatsRequest::default();
        Ok(self
            .client()
            .list_pod_sandbox_stats(request)
            .await?
            .into_inner()
            .stats)
    }

    pub(crate) async fn image(&self, image: &str) -> Result<Option<v1::Image>, Status> {
        let spec = v1::ImageSpec {
            image: image.into(),
            ..Default::default()
        };
        let request = v1::ImageStatusRequest {
            image: Some(spec),
            verbose: false,
        };
        Ok(self
            .images
            .clone()
            .image_status(request)
            .await?
            .into_inner()
            .image)
    }

    pub(crate) async fn pull(
        &self,
        image: &str,
        auth: Option<v1::AuthConfig>,
        sandbox_config: v1::PodSandboxConfig,
    ) -> Result<String, Status> {
        let image = v1::ImageSpec {
            image: image.into(),
            user_specified_image: image.into(),
            ..Default::default()
        };
        let request = v1::PullImageRequest {
            image: Some(image),
            auth,
            sandbox_config: Some(sandbox_config),
        };
        Ok(self
            .images
            .clone()
            .pull_image(request)
            .await?
            .into_inner()
            .image_ref)
    }

    pub(crate) async fn remove_image(&self, image: &str) -> Result<(), Status> {
        let spec = v1::ImageSpec {
            image: image.into(),
            ..Default::default()
        };
        let request = v1::RemoveImageRequest { image: Some(spec) };
        unless_gone(self.images.clone().remove_image(request).await).map(drop)
    }

    /// Where images are kept, if the runtime keeps them in a folder of this machine.
    pub(crate) async fn image_folder(&self) -> Result<Option<PathBuf>, Status> {
        let request = v1::ImageFsInfoRequest::default();
        let info = self
            .images
            .clone()
            .image_fs_info(request)
            .await?
            .into_inner();
        let first = info.image_filesystems.into_iter().next();
        let folder = first.and_then(|it| it.fs_id).map(|id| id.mountpoint);
        Ok(folder
            .filter(|folder| !folder.is_empty())
            .map(PathBuf::from))
    }

    pub(crate) async fn list_images(&self) -> Result<Vec<v1::Image>, Status> {
        let request = v1::ListImagesRequest::default();
        Ok(self
            .images
            .clone()
            .list_images(request)
            .await?
            .into_inner()
            .images)
    }
}

/// `None` if there is no such thing any more.
pub(crate) fn unless_gone<T>(answer: Result<T, Status>) -> Result<Option<T>, Status> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(status) if status.code() == tonic::Code::NotFound => Ok(None),
        Err(status) => Err(status),
    }
}
