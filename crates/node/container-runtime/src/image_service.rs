//! CRI's ImageService.

use std::pin::Pin;

use futures::Stream;
use styr_cri::v1;
use styr_cri::v1::image_service_server::ImageService;
use styr_kernel::mounts;
use tonic::{Request, Response, Status};

use crate::images::Image;
use crate::runtime::failed;
use crate::service::Service;
use crate::spec::users::of_image;

type Answer<T> = Result<Response<T>, Status>;

fn described(image: &Image) -> v1::Image {
    let (uid, username) = of_image(&image.config.user);
    v1::Image {
        id: image.id.clone(),
        repo_tags: image.tags.clone(),
        repo_digests: image.digests.clone(),
        size: image.size,
        uid: uid.map(|value| v1::Int64Value { value }),
        username,
        spec: None,
        // The node's own parts run from the program's image, and it could not be fetched again.
        pinned: image.is_program(),
    }
}

impl Service {
    fn find_image(&self, spec: Option<&v1::ImageSpec>) -> Result<Option<Image>, Status> {
        let name = spec.map(|spec| spec.image.as_str()).unwrap_or_default();
        self.runtime
            .images
            .find(name)
            .map_err(|error| failed(&error))
    }

    fn list(&self, filter: Option<&v1::ImageFilter>) -> Result<Vec<v1::Image>, Status> {
        let wanted = filter.and_then(|filter| filter.image.as_ref());
        if let Some(wanted) = wanted.filter(|wanted| !wanted.image.is_empty()) {
            let found = self.find_image(Some(wanted))?;
            return Ok(found.iter().map(described).collect());
        }
        let all = self.runtime.images.list().map_err(|error| failed(&error))?;
        Ok(all.iter().map(described).collect())
    }
}

#[tonic::async_trait]
impl ImageService for Service {
    async fn list_images(
        &self,
        request: Request<v1::ListImagesRequest>,
    ) -> Answer<v1::ListImagesResponse> {
        let images = self.list(request.into_inner().filter.as_ref())?;
        Ok(Response::new(v1::ListImagesResponse { images }))
    }

    type StreamImagesStream =
        Pin<Box<dyn Stream<Item = Result<v1::StreamImagesResponse, Status>> + Send>>;

    async fn stream_images(
        &self,
        request: Request<v1::StreamImagesRequest>,
    ) -> Answer<Self::StreamImagesStream> {
        let images = self.list(request.into_inner().filter.as_ref())?;
        let all = tokio_stream::once(Ok(v1::StreamImagesResponse { images }));
        Ok(Response::new(Box::pin(all)))
    }

    async fn image_status(
        &self,
        request: Request<v1::ImageStatusRequest>,
    ) -> Answer<v1::ImageStatusResponse> {
        let found = self.find_image(request.into_inner().image.as_ref())?;
        let image = found.as_ref().map(described);
        Ok(Response::new(v1::ImageStatusResponse {
            image,
            info: Default::default(),
        }))
    }

    async fn pull_image(
        &self,
        request: Request<v1::PullImageRequest>,
    ) -> Answer<v1::PullImageResponse> {
        let request = request.into_inner();
        match self.find_image(request.image.as_ref())? {
            Some(image) => Ok(Response::new(v1::PullImageResponse {
                image_ref: image.id,
            })),
            None => {
                let name = request.image.unwrap_or_default().image;
                Err(Status::not_found(format!(
                    "failed to pull and unpack image {name:?}: not found: registries are not \
                     implemented; load an archive of the image"
                )))
            }
        }
    }

    async fn remove_image(
        &self,
        request: Request<v1::RemoveImageRequest>,
    ) -> Answer<v1::RemoveImageResponse> {
        if let Some(image) = self.find_image(request.into_inner().image.as_ref())? {
            let images = self.runtime.images.clone();
            let removed = tokio::task::spawn_blocking(move || images.remove(&image)).await;
            let removed = removed.map_err(|error| Status::internal(error.to_string()))?;
            removed.map_err(|error| failed(&error))?;
        }
        Ok(Response::new(v1::RemoveImageResponse {}))
    }

    async fn image_fs_info(
        &self,
        _: Request<v1::ImageFsInfoRequest>,
    ) -> Answer<v1::ImageFsInfoResponse> {
        let (bytes, files) = self
            .runtime
            .images
            .usage()
            .map_err(|error| failed(&error))?;
        let root = self.runtime.images.root();
        let failed = |error: std::io::Error| Status::internal(error.to_string());
        mounts::capacity(root).map_err(failed)?;
        let usage = |root: &std::path::Path| v1::FilesystemUsage {
            timestamp: self.runtime.now(),
            fs_id: Some(v1::FilesystemIdentifier {
                mountpoint: root.to_string_lossy().into_owned(),
            }),
            used_bytes: Some(v1::UInt64Value { value: bytes }),
            inodes_used: Some(v1::UInt64Value { value: files }),
        };
        Ok(Response::new(v1::ImageFsInfoResponse {
            image_filesystems: vec![usage(root)],
            container_filesystems: vec![usage(&self.runtime.config.root)],
        }))
    }
}
