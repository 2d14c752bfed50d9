//! Makes a Job whenever a CronJob's schedule says so.
//!
//! Watches CronJobs and the Jobs they own. Writes Jobs, and the CronJob's status.
//! Invariant: a moment has one Job at most: the moment is in its name.
//! <https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/>

mod plan;
mod schedule;
mod zone;

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::batch::v1::{CronJob, CronJobStatus, Job};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::{Cache, Error, Index, Scope, controller_of};

use crate::context::Context;
use crate::shared::requests;
use plan::{Kind, Observed, Plan, plan};

/// Registers the controller.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let caches = &context.caches;
    let reconciler = CronJobs {
        context: context.clone(),
        cron_jobs: caches.cache(Scope::all()),
        owned: caches.cache::<Job>(Scope::all()).by_controller(),
    };
    let registration = Registration::new("cronjob-controller", reconciler)
        .workers(context.config.concurrency.cron_jobs)
        .primary::<CronJob>()
        .owns::<Job>();
    Ok(vec![registration])
}

struct CronJobs {
    context: Context,
    cron_jobs: Cache<CronJob>,
    owned: Index<Job>,
}

#[async_trait]
impl Reconciler for CronJobs {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let Some(cron_job) = self.cron_jobs.get_key(key) else {
            return Ok(Next::Wait);
        };
        let uid = cron_job.metadata.uid.clone().unwrap_or_default();
        let jobs = self.owned.get(&uid);
        let observed = Observed {
            missing: self.missing(key, &cron_job, &jobs).await?,
            cron_job,
            jobs,
        };
        let plan = plan(&observed, self.context.clock.now());
        let then = plan.then;
        self.apply(&observed.cron_job, plan).await?;
        Ok(then.map_or(Next::Wait, Next::After))
    }
}

impl CronJobs {
    /// Active jobs that are gone. The cache may not have seen them yet, so the server is asked.
    async fn missing(
        &self,
        key: &Key,
        cron_job: &CronJob,
        jobs: &[Arc<Job>],
    ) -> anyhow::Result<Vec<String>> {
        let active = cron_job
            .status
            .as_ref()
            .and_then(|status| status.active.clone());
        let mut missing = Vec::new();
        for reference in active.into_iter().flatten() {
            if jobs.iter().any(|job| job.metadata.uid == reference.uid) {
                continue;
            }
            let name = reference.name.unwrap_or_default();
            let found = self.context.client.get::<Job>(&key.namespace, &name).await;
            if Error::unless_not_found(found)?.is_none() {
                missing.push(name);
            }
        }
        Ok(missing)
    }

    async fn apply(&self, cron_job: &CronJob, plan: Plan) -> anyhow::Result<()> {
        let recorder = &self.context.recorder;
        for (kind, reason, message) in plan.events {
            match kind {
                Kind::Normal => recorder.normal(cron_job, reason, message),
                Kind::Warning => recorder.warning(cron_job, reason, message),
            }
        }
        let mut status = plan.status;
        for job in &plan.delete {
            self.delete(job).await?;
            let name = job.metadata.name.as_deref().unwrap_or_default();
            recorder.normal(cron_job, "SuccessfulDelete", format!("Deleted job {name}"));
            let active = status.active.get_or_insert_default();
            active.retain(|reference| reference.uid != job.metadata.uid);
        }
        if let Some(job) = plan.create {
            match self.create(cron_job, &job).await? {
                Some(made) => {
                    let active = status.active.get_or_insert_default();
                    active.retain(|reference| reference.uid != made.metadata.uid);
                    active.push(plan::reference(&made));
                }
                None => return Ok(()),
            }
        }
        self.report(cron_job, status).await
    }

    /// `None` if the name is taken by somebody else's, or nothing can be made any more.
    async fn create(&self, cron_job: &CronJob, job: &Job) -> anyhow::Result<Option<Job>> {
        let (client, recorder) = (&self.context.client, &self.context.recorder);
        let Key { namespace, name } = Key::of(job);
        match client.create(job).await {
            Ok(made) => {
                recorder.normal(cron_job, "SuccessfulCreate", format!("Created job {name}"));
                Ok(Some(made))
            }
            // Made in an earlier pass whose status was not written.
            Err(error) if error.is_already_exists() => {
                let found = client.get::<Job>(&namespace, &name).await?;
                let owner = controller_of(&found.metadata);
                let uid = cron_job.metadata.uid.as_deref();
                Ok(Some(found.clone()).filter(|_| owner.map(|o| o.uid.as_str()) == uid))
            }
            Err(error) if error.is_namespace_terminating() => Ok(None),
            Err(error) => {
                let text = format!("Error creating job: {error}");
                recorder.warning(cron_job, "FailedCreate", text);
                Err(error.into())
            }
        }
    }

    async fn delete(&self, job: &Job) -> anyhow::Result<()> {
        let Key { namespace, name } = Key::of(job);
        let options = DeleteOptions {
            propagation_policy: Some("Background".to_owned()),
            ..requests::exactly(&job.metadata)
        };
        let deleted = self
            .context
            .client
            .delete::<Job>(&namespace, &name, &options);
        Error::unless_not_found(deleted.await)?;
        Ok(())
    }

    /// The account may update but not patch; the server heeds nothing but the status.
    async fn report(&self, cron_job: &CronJob, mut status: CronJobStatus) -> anyhow::Result<()> {
        status.active = status.active.filter(|active| !active.is_empty());
        if cron_job.status.clone().unwrap_or_default() == status {
            return Ok(());
        }
        let changed = CronJob {
            status: Some(status),
            ..cron_job.clone()
        };
        self.context.client.replace_status(&changed).await?;
        Ok(())
    }
}
