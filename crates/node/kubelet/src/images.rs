//! Makes sure that a container's image is there, by its pull policy.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod, Secret};
use styr_base::{SharedClock, Tasks};
use styr_client::events::EventType;
use styr_cri::v1;
use tokio::sync::Notify;

use crate::back_off::BackOff;
use crate::events::Events;
use crate::launch::Failure;
use crate::launch::security::ImageUser;
use crate::objects::Objects;
use crate::pod;
use crate::runtime::Runtime;

pub(crate) mod collect;
mod credentials;

/// An image that is on the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Present {
    /// The id that containers are made from.
    pub(crate) reference: String,
    pub(crate) user: ImageUser,
}

/// Why an image is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Absent {
    /// It is being pulled; the end of that wakes the pod's worker.
    Pulling,
    /// It cannot be had; with the time to try again, if that is not up to the caller.
    Failed(Failure, Option<Timestamp>),
}

/// A pull of an image: still running, or its outcome (the image's reference) and how long it took.
type Pulls = Arc<Mutex<HashMap<String, Option<(Result<String, String>, Duration)>>>>;

/// The pulls of one pod. They run beside its worker, which goes on with other containers.
#[derive(Debug)]
pub(crate) struct Images {
    back_off: Mutex<BackOff>,
    last_error: Mutex<HashMap<String, String>>,
    pulls: Pulls,
    wake: Arc<Notify>,
    tasks: Tasks,
}

/// What pulling needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tools<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) clock: &'a SharedClock,
    pub(crate) events: &'a Events,
    pub(crate) objects: &'a Objects,
}

/// A reference without tag and digest means `:latest`.
pub(crate) fn with_tag(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    if image.contains('@') || last.contains(':') {
        image.to_owned()
    } else {
        format!("{image}:latest")
    }
}

fn policy(container: &Container, image: &str) -> String {
    let given = container
        .image_pull_policy
        .clone()
        .filter(|policy| !policy.is_empty());
    given.unwrap_or_else(|| {
        let policy = if image.ends_with(":latest") {
            "Always"
        } else {
            "IfNotPresent"
        };
        policy.to_owned()
    })
}

impl Images {
    /// `wake` is told whenever a pull has ended.
    pub(crate) fn new(wake: Arc<Notify>) -> Self {
        Self {
            back_off: Mutex::default(),
            last_error: Mutex::default(),
            pulls: Pulls::default(),
            wake,
            tasks: Tasks::new(),
        }
    }

    pub(crate) async fn ensure(
        &self,
        (pod, container): (&Pod, &Container),
        sandbox: &v1::PodSandboxConfig,
        tools: Tools<'_>,
    ) -> Result<Present, Absent> {
        let requested = container.image.clone().unwrap_or_default();
        let image = with_tag(&requested);
        let tell = |kind, reason: &str, text: String| {
            tools
                .events
                .container((pod, &container.name), kind, reason, text);
        };
        let absent = |reason, text: String| Absent::Failed(Failure::new(reason, text), None);
        let invalid = image.chars().any(|c| c.is_whitespace() || c.is_control());
        if requested.is_empty() || invalid {
            let text = format!(
                "Failed to apply default image tag {requested:?}: couldn't parse image name {requested:?}: invalid reference format"
            );
            tell(EventType::Warning, "InspectFailed", text.clone());
            return Err(absent("InvalidImageName", text));
        }
        let present = tools.runtime.image(&image).await.map_err(|status| {
            let text = format!("Failed to inspect image {image:?}: {}", status.message());
            tell(EventType::Warning, "InspectFailed", text.clone());
            absent("ImageInspectError", text)
        })?;
        let policy = policy(container, &image);
        match (policy.as_str(), present) {
            ("IfNotPresent" | "Never", Some(present)) => {
                let text = format!("Container image {requested:?} already present on machine");
                tell(EventType::Normal, "Pulled", text);
                Ok(describe(&present))
            }
            ("Never", None) => {
                let text = format!(
                    "Container image {requested:?} is not present with pull policy of Never"
                );
                tell(EventType::Warning, "ErrImageNeverPull", text.clone());
                Err(absent("ErrImageNeverPull", text))
            }
            _ => self.pull((pod, container), &image, sandbox, tools).await,
        }
    }

    async fn pull(
        &self,
        (pod, container): (&Pod, &Container),
        image: &str,
        sandbox: &v1::PodSandboxConfig,
        tools: Tools<'_>,
    ) -> Result<Present, Absent> {
        let shown = container.image.as_deref().unwrap_or_default();
        let about = (pod, container.name.as_str());
        let ended = {
            let mut pulls = self.pulls.lock().expect("no holder of this lock panics");
            match pulls.get(image) {
                Some(None) => return Err(Absent::Pulling),
                Some(Some(_)) => pulls.remove(image).flatten(),
                None => None,
            }
        };
        match ended {
            Some((Ok(reference), took)) => {
                let took = format!("{:.3}s", took.as_secs_f64());
                let found = tools.runtime.image(&reference).await.ok().flatten();
                let size = found.as_ref().map_or(0, |image| image.size);
                let text = format!(
                    "Successfully pulled image {shown:?} in {took} ({took} including waiting). Image size: {size} bytes."
                );
                tools
                    .events
                    .container(about, EventType::Normal, "Pulled", text);
                self.back_off().reset(image);
                let user = ImageUser::default();
                Ok(found.map_or(Present { reference, user }, |image| describe(&image)))
            }
            Some((Err(text), _)) => {
                let told = format!("Failed to pull image {shown:?}: {text}");
                tools
                    .events
                    .container(about, EventType::Warning, "Failed", told);
                Err(self.failed(image, text, tools.clock.now()))
            }
            None => {
                self.wait_for_turn((pod, container), image, (tools.clock.now(), tools))?;
                let text = format!("Pulling image {shown:?}");
                tools
                    .events
                    .container(about, EventType::Normal, "Pulling", text);
                self.begin(pod, image, sandbox, tools);
                Err(Absent::Pulling)
            }
        }
    }

    fn begin(&self, pod: &Pod, image: &str, sandbox: &v1::PodSandboxConfig, tools: Tools<'_>) {
        let (pulls, wake) = (Arc::clone(&self.pulls), Arc::clone(&self.wake));
        let (runtime, clock) = (tools.runtime.clone(), tools.clock.clone());
        let (objects, pod) = (tools.objects.clone(), pod.clone());
        let (image, sandbox) = (image.to_owned(), sandbox.clone());
        let mut known = self.pulls.lock().expect("no holder of this lock panics");
        known.insert(image.clone(), None);
        drop(known);
        self.tasks.spawn_infallible(async move {
            let began = clock.monotonic();
            let secrets = pull_secrets(&pod, &objects).await;
            let auth = credentials::find(&image, &secrets);
            let pulled = Box::pin(runtime.pull(&image, auth, sandbox)).await;
            let outcome = pulled.map_err(|status| status.message().to_owned());
            let took = clock.monotonic() - began;
            let mut pulls = pulls.lock().expect("no holder of this lock panics");
            pulls.insert(image, Some((outcome, took)));
            drop(pulls);
            wake.notify_one();
        });
    }

    /// Counts a failure; the runtime may have named its reason.
    fn failed(&self, image: &str, text: String, now: Timestamp) -> Absent {
        self.back_off().next(image, now, now);
        let mut errors = self
            .last_error
            .lock()
            .expect("no holder of this lock panics");
        errors.insert(image.to_owned(), format!("ErrImagePull: {text}"));
        let reason = match text.split(':').next() {
            Some("RegistryUnavailable") => "RegistryUnavailable",
            Some("SignatureValidationFailed") => "SignatureValidationFailed",
            _ => "ErrImagePull",
        };
        Absent::Failed(Failure::new(reason, text), None)
    }

    fn back_off(&self) -> std::sync::MutexGuard<'_, BackOff> {
        self.back_off.lock().expect("no holder of this lock panics")
    }

    fn wait_for_turn(
        &self,
        (pod, container): (&Pod, &Container),
        image: &str,
        (now, tools): (Timestamp, Tools<'_>),
    ) -> Result<(), Absent> {
        let Some(retry_at) = self.back_off().pending(image, now) else {
            return Ok(());
        };
        let shown = container.image.as_deref().unwrap_or_default();
        let mut text = format!("Back-off pulling image {shown:?}");
        let about = (pod, container.name.as_str());
        tools
            .events
            .container(about, EventType::Normal, "BackOff", text.clone());
        let errors = self
            .last_error
            .lock()
            .expect("no holder of this lock panics");
        if let Some(error) = errors.get(image) {
            text = format!("{text}: {error}");
        }
        let failure = Failure::new("ImagePullBackOff", text);
        Err(Absent::Failed(failure, Some(retry_at)))
    }
}

fn describe(image: &v1::Image) -> Present {
    Present {
        reference: image.id.clone(),
        user: ImageUser {
            uid: image.uid.as_ref().map(|uid| uid.value),
            name: image.username.clone(),
        },
    }
}

async fn pull_secrets(pod: &Pod, objects: &Objects) -> Vec<std::sync::Arc<Secret>> {
    let mut out = Vec::new();
    for reference in pod::spec(pod).image_pull_secrets.iter().flatten() {
        match objects.secret(pod::namespace(pod), &reference.name).await {
            Ok(secret) => out.extend(secret),
            Err(failure) => {
                tracing::warn!(secret = reference.name, %failure, "could not read a pull secret");
            }
        }
    }
    out
}
