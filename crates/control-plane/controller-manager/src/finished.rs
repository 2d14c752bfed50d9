//! Removes Jobs a while after they have ended, if they say how long.
//!
//! Watches Jobs, deletes them and, with them, their pods.
//! <https://kubernetes.io/docs/concepts/workloads/controllers/ttlafterfinished/>

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::{Cache, Error, Scope};

use crate::context::Context;

/// Registers the controller.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let reconciler = Finished {
        context: context.clone(),
        jobs: context.caches.cache(Scope::all()),
    };
    let registration = Registration::new("ttl-after-finished-controller", reconciler)
        .workers(context.config.concurrency.finished)
        .primary::<Job>();
    Ok(vec![registration])
}

struct Finished {
    context: Context,
    jobs: Cache<Job>,
}

#[async_trait]
impl Reconciler for Finished {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let job = self
            .jobs
            .get_key(key)
            .filter(|job| job.metadata.deletion_timestamp.is_none());
        let Some((job, end)) = job.and_then(|job| Some((job.clone(), expiry(&job)?))) else {
            return Ok(Next::Wait);
        };
        let left = Duration::try_from(end.duration_since(self.context.clock.now()));
        if let Some(left) = left.ok().filter(|left| !left.is_zero()) {
            return Ok(Next::After(left));
        }
        let options = DeleteOptions {
            propagation_policy: Some("Foreground".to_owned()),
            preconditions: Some(Preconditions {
                uid: job.metadata.uid.clone(),
                resource_version: job.metadata.resource_version.clone(),
            }),
            ..DeleteOptions::default()
        };
        let client = &self.context.client;
        let deleted = client
            .delete::<Job>(&key.namespace, &key.name, &options)
            .await;
        Error::unless_not_found(deleted)?;
        Ok(Next::Wait)
    }
}

/// When the Job is to go; `None` if it has not ended, or is to stay.
fn expiry(job: &Job) -> Option<Timestamp> {
    let seconds = job.spec.as_ref()?.ttl_seconds_after_finished?;
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    let end = conditions.iter().find(|condition| {
        condition.status == "True" && matches!(condition.type_.as_str(), "Complete" | "Failed")
    })?;
    let since = end.last_transition_time.as_ref()?.0;
    Some(since + Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}
