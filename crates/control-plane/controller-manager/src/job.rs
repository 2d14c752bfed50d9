//! Runs pods until as many have succeeded as a Job asks for.
//!
//! Watches Jobs and their pods. Writes pods and the Job's status.
//! Invariant: every finished pod is counted exactly once: it has a finalizer until its uid stands in
//! the status, and its uid stands there until the finalizer is gone.
//! <https://kubernetes.io/docs/concepts/workloads/controllers/job/>

mod count;
mod indexes;
mod plan;
mod policy;
mod template;

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::batch::v1::{Job, JobStatus};
use k8s_openapi::api::core::v1::Pod;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::expectations::Expectations;
use styr_client::{Cache, Change, Error, Index, Scope, controller_of};

use crate::context::Context;
use crate::shared::{ownership, requests, selector, side_by_side};
use plan::{Observed, Plan, plan};

/// Other values of `managedBy` are somebody else's.
const MANAGER: &str = "kubernetes.io/job-controller";

/// Registers the controller.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let caches = &context.caches;
    let jobs = caches.cache::<Job>(Scope::all());
    let pods = caches.cache::<Pod>(Scope::all());
    let expectations = Expectations::new(Arc::clone(&context.clock));
    let reconciler = Jobs {
        context: context.clone(),
        jobs: jobs.clone(),
        owned: pods.by_controller(),
        orphans: pods.index("orphans", ownership::orphans),
        pods,
        expectations: expectations.clone(),
    };
    let registration = Registration::new("job-controller", reconciler)
        .workers(context.config.concurrency.jobs)
        .primary::<Job>()
        .owns_expected::<Pod>(&expectations)
        .watches::<Pod>(move |change| adopters(change, &jobs));
    Ok(vec![registration])
}

/// Jobs that might want a pod that nobody controls.
fn adopters(change: &Change<Pod>, jobs: &Cache<Job>) -> Vec<Key> {
    let Change::Applied { new, .. } = change else {
        return Vec::new();
    };
    let metadata = &new.metadata;
    if controller_of(metadata).is_some() || metadata.labels.is_none() {
        return Vec::new();
    }
    let all = jobs.list_namespace(metadata.namespace.as_deref().unwrap_or_default());
    let wanting = all.iter().filter(|job| {
        let wanted = job.spec.as_ref().and_then(|spec| spec.selector.as_ref());
        wanted.is_some_and(|wanted| {
            selector::matches(&selector::of(wanted), metadata.labels.as_ref())
        })
    });
    wanting.map(|job| Key::of(&**job)).collect()
}

pub(crate) struct Jobs {
    context: Context,
    jobs: Cache<Job>,
    pods: Cache<Pod>,
    owned: Index<Pod>,
    orphans: Index<Pod>,
    expectations: Expectations,
}

#[async_trait]
impl Reconciler for Jobs {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let Some(job) = self.jobs.get_key(key) else {
            self.expectations.forget(key);
            return Ok(Next::Wait);
        };
        let spec = job.spec.clone().unwrap_or_default();
        if spec
            .managed_by
            .as_deref()
            .is_some_and(|manager| manager != MANAGER)
        {
            return Ok(Next::Wait);
        }
        let observed = self.observe(key, &job).await?;
        // What has ended is counted first; the count brings us back.
        let counted = count::count(&observed);
        if !counted.is_nothing() {
            self.settle(&job, counted).await?;
            return Ok(Next::Wait);
        }
        let plan = plan(&observed, self.context.clock.now());
        let then = plan.then;
        self.apply(key, &job, plan).await?;
        Ok(then.map_or(Next::Wait, Next::After))
    }
}

impl Jobs {
    async fn observe(&self, key: &Key, job: &Arc<Job>) -> anyhow::Result<Observed> {
        let may_act = self.expectations.satisfied(key);
        let uid = job.metadata.uid.clone().unwrap_or_default();
        let wanted = job
            .spec
            .as_ref()
            .and_then(|spec| spec.selector.clone())
            .unwrap_or_default();
        let candidates = self
            .owned
            .get(&uid)
            .into_iter()
            .chain(self.orphans.get(&key.namespace));
        let claim = ownership::claim(&job.metadata, &selector::of(&wanted), candidates);
        let pods = ownership::carry_out(&self.context.client, &**job, claim).await?;
        Ok(Observed {
            job: Arc::clone(job),
            may_act,
            pods,
        })
    }

    /// Notes what has ended, lets it go, then counts it.
    async fn settle(&self, job: &Arc<Job>, counted: count::Counted) -> anyhow::Result<()> {
        let noted = self.write_status(job, counted.noted).await?;
        let releases = counted.release.iter().map(|pod| self.release(pod));
        let released = side_by_side::run(releases.collect()).await;
        released.into_iter().collect::<Result<(), _>>()?;
        self.write_status(&noted, counted.settled).await?;
        Ok(())
    }

    /// Takes our finalizer off a pod.
    async fn release(&self, pod: &Pod) -> Result<(), Error> {
        let Key { namespace, name } = Key::of(pod);
        let patch = serde_json::json!({ "metadata": {
            "uid": pod.metadata.uid, "$deleteFromPrimitiveList/finalizers": [template::FINALIZER],
        }});
        let patched = self
            .context
            .client
            .strategic_patch::<Pod>(&namespace, &name, &patch)
            .await;
        if let Some(patched) = Error::unless_not_found(patched)? {
            self.pods.observe_write(patched);
        }
        Ok(())
    }

    async fn apply(&self, key: &Key, job: &Arc<Job>, plan: Plan) -> anyhow::Result<()> {
        self.expectations.expect_creations(key, plan.create.len());
        self.expectations
            .expect_deletions(key, plan.delete.iter().map(|pod| Key::of(&**pod)));
        let creations = plan
            .create
            .iter()
            .map(|creation| self.create(key, job, creation));
        let deletions = plan.delete.iter().map(|pod| self.delete(key, job, pod));
        let failed =
            side_by_side::create_and_delete(creations.collect(), deletions.collect()).await;
        if let Some((kind, reason, message)) = plan.event {
            let object = styr_client::events::reference(&**job);
            self.context.recorder.record(object, kind, reason, message);
        }
        self.write_status(job, plan.status).await?;
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    async fn create(
        &self,
        key: &Key,
        job: &Arc<Job>,
        creation: &template::Creation,
    ) -> Result<(), Error> {
        let recorder = &self.context.recorder;
        match self
            .context
            .client
            .create(&template::pod(job, creation))
            .await
        {
            Ok(pod) => {
                let name = pod.metadata.name.unwrap_or_default();
                recorder.normal(&**job, "SuccessfulCreate", format!("Created pod: {name}"));
                Ok(())
            }
            Err(error) => {
                self.expectations.creation_observed(key);
                if error.is_namespace_terminating() {
                    return Ok(());
                }
                let text = requests::told(&error);
                recorder.warning(&**job, "FailedCreate", format!("Error creating: {text}"));
                Err(error)
            }
        }
    }

    async fn delete(&self, key: &Key, job: &Arc<Job>, pod: &Arc<Pod>) -> Result<(), Error> {
        let pod_key = Key::of(&**pod);
        let Key { namespace, name } = &pod_key;
        let options = requests::exactly(&pod.metadata);
        match self
            .context
            .client
            .delete::<Pod>(namespace, name, &options)
            .await
        {
            Ok(()) => {
                let text = format!("Deleted pod: {name}");
                self.context
                    .recorder
                    .normal(&**job, "SuccessfulDelete", text);
                Ok(())
            }
            Err(error) => {
                self.expectations.deletion_observed(key, &pod_key);
                if error.is_not_found() {
                    Ok(())
                } else {
                    Err(error)
                }
            }
        }
    }

    async fn write_status(&self, job: &Arc<Job>, status: JobStatus) -> anyhow::Result<Arc<Job>> {
        if job.status.as_ref() == Some(&status) {
            return Ok(Arc::clone(job));
        }
        let mut object = Job::clone(job);
        object.status = Some(status);
        let written = self.context.client.replace_status(&object).await?;
        self.jobs.observe_write(written.clone());
        Ok(Arc::new(written))
    }
}
