//! `GET /containerLogs/NAMESPACE/POD/CONTAINER`.

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ContainerStatus, PodStatus};
use tokio::sync::mpsc;

use super::Service;
use super::answer::{self, Answer};
use super::routes::{is_true, value};
use crate::logs::{Options, follow};
use crate::pod;

/// Pieces of a log on their way to a slow reader.
const CHUNKS_MAX: usize = 8;

pub(super) async fn container(
    service: &Service,
    (namespace, name, container): (&str, &str, &str),
    query: &str,
) -> Answer {
    let bad = |text: String| answer::error(StatusCode::BAD_REQUEST, &text);
    let options = match options(query, service.shared.clock.now()) {
        Ok(options) => options,
        Err(text) => return answer::error(StatusCode::UNPROCESSABLE_ENTITY, &text),
    };
    let Some(found) = service.table.find(namespace, name) else {
        let text = format!("pod {name:?} does not exist");
        return answer::error(StatusCode::NOT_FOUND, &text);
    };
    if pod::container(&found, container).is_none() {
        let text = format!("container {container:?} not found in pod {name:?}");
        return answer::error(StatusCode::NOT_FOUND, &text);
    }
    let uid = pod::uid(&found).to_owned();
    let status = service.table.status(&uid).unwrap_or_default();
    let previous = is_true(query, "previous");
    let id = match container_id(&status, (name, container), previous) {
        Ok(id) => id,
        Err(text) => return bad(text),
    };
    let log = match service.shared.runtime.container_status(&id).await {
        Ok(status) => status,
        Err(status) => {
            return bad(format!(
                "unable to retrieve container logs for {id}: {}",
                status.message()
            ));
        }
    };
    let is_running = log.state == 1;
    let updates = service.table.watch_status(&uid);
    let ended = async move {
        let Some(mut updates) = updates.filter(|_| is_running) else {
            return;
        };
        // Fails if the pod is gone, and then its container has ended as well.
        let _ = updates.wait_for(|status| !runs(status, &id)).await;
    };
    let (sender, receiver) = mpsc::channel(CHUNKS_MAX);
    let path = log.log_path.into();
    let mut options = options;
    options.follow &= is_running;
    service.streams.spawn_infallible(async move {
        if let Err(error) = follow::stream(path, options, ended, sender.clone()).await {
            let text = format!("failed to try resolving symlinks in path: {error}\n");
            // A reader that has gone does not want to know.
            let _ = sender.send(text.into()).await;
        }
    });
    answer::with_type(StatusCode::OK, "text/plain", answer::streamed(receiver))
}

fn options(query: &str, now: Timestamp) -> Result<Options, String> {
    let number = |name: &str| match value(query, name).filter(|text| !text.is_empty()) {
        Some(text) => match text.parse::<u64>() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(format!("{name}: Invalid value: {text:?}")),
        },
        None => Ok(None),
    };
    let since = match (number("sinceSeconds")?, value(query, "sinceTime")) {
        (Some(seconds), _) => {
            let seconds = i64::try_from(seconds).unwrap_or(i64::MAX / 2);
            now.checked_sub(SignedDuration::from_secs(seconds)).ok()
        }
        (None, Some(text)) if !text.is_empty() => Some(
            text.parse()
                .map_err(|_| format!("sinceTime: Invalid value: {text:?}"))?,
        ),
        _ => None,
    };
    let stream = value(query, "stream").map(|stream| stream.to_lowercase());
    Ok(Options {
        follow: is_true(query, "follow"),
        timestamps: is_true(query, "timestamps"),
        since,
        tail: number("tailLines")?,
        limit_bytes: number("limitBytes")?,
        stream: stream.filter(|stream| matches!(stream.as_str(), "stdout" | "stderr")),
    })
}

fn all(status: &PodStatus) -> impl Iterator<Item = &ContainerStatus> {
    let lists = [
        &status.init_container_statuses,
        &status.container_statuses,
        &status.ephemeral_container_statuses,
    ];
    lists.into_iter().flatten().flatten()
}

fn bare(id: &str) -> String {
    id.split_once("://").map_or(id, |(_, id)| id).to_owned()
}

fn container_id(
    status: &PodStatus,
    (pod, container): (&str, &str),
    previous: bool,
) -> Result<String, String> {
    let found = all(status).find(|status| status.name == container);
    let found =
        found.ok_or_else(|| format!("container {container:?} in pod {pod:?} is not available"))?;
    let last = found
        .last_state
        .as_ref()
        .and_then(|last| last.terminated.as_ref());
    let last = last.and_then(|last| last.container_id.clone());
    if previous {
        return last.map(|id| bare(&id)).ok_or_else(|| {
            format!("previous terminated container {container:?} in pod {pod:?} not found")
        });
    }
    let state = found.state.clone().unwrap_or_default();
    if let Some(waiting) = state.waiting {
        // A container that is to be started again still has the log of its last run.
        if let Some(last) = last {
            return Ok(bare(&last));
        }
        let reason = waiting.reason.unwrap_or_default();
        let text = match reason.as_str() {
            "ErrImagePull" => "image can't be pulled".to_owned(),
            "ImagePullBackOff" => "trying and failing to pull image".to_owned(),
            _ => reason,
        };
        return Err(format!(
            "container {container:?} in pod {pod:?} is waiting to start: {text}"
        ));
    }
    let ended = state
        .terminated
        .and_then(|terminated| terminated.container_id);
    let id = ended
        .or_else(|| found.container_id.clone())
        .unwrap_or_default();
    Ok(bare(&id))
}

fn runs(status: &PodStatus, id: &str) -> bool {
    all(status).any(|status| {
        let own = status.container_id.as_deref().map(bare);
        own.as_deref() == Some(id)
            && status
                .state
                .as_ref()
                .is_some_and(|state| state.running.is_some())
    })
}
