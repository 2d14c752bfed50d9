//! One of several processes leads: the one that holds a Lease and keeps renewing it.
//!
//! Upstream's protocol, so that its processes and ours respect each other. Whether a lease has run
//! out is judged by our own clock from when we saw it change, never by the times written in it.

use std::future::Future;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use styr_base::{Backoff, SharedClock, Shutdown};
use styr_component::Flags;

use crate::{Client, Error};

/// Upstream spreads the tries of many by up to this share.
const JITTER: f64 = 1.2;
/// A server that is just starting answers soon; a whole retry period would be lost at every start.
const UNANSWERED_FIRST: Duration = Duration::from_millis(25);

/// Who elects whom, and how patiently.
#[derive(Debug, Clone)]
pub struct Election {
    /// The Lease's namespace.
    pub namespace: String,
    /// The Lease's name.
    pub name: String,
    /// Unlike that of every other candidate.
    pub identity: String,
    /// How long others wait for a leader that no longer renews.
    pub lease_duration: Duration,
    /// How long a leader tries to renew before it gives up.
    pub renew_deadline: Duration,
    /// How long to wait between tries.
    pub retry_period: Duration,
}

impl Election {
    /// The flags that say it, which a component names among those that it heeds.
    pub const FLAGS: [&'static str; 6] = [
        "leader-elect",
        "leader-elect-lease-duration",
        "leader-elect-renew-deadline",
        "leader-elect-resource-name",
        "leader-elect-resource-namespace",
        "leader-elect-retry-period",
    ];

    /// What the flags say, whether or not they ask for an election at all.
    pub fn from_flags(flags: &Flags) -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self {
            namespace: flags.string("leader-elect-resource-namespace"),
            name: flags.string("leader-elect-resource-name"),
            identity: format!("{}_{}", host.trim(), uuid::Uuid::new_v4()),
            lease_duration: flags.duration("leader-elect-lease-duration"),
            renew_deadline: flags.duration("leader-elect-renew-deadline"),
            retry_period: flags.duration("leader-elect-retry-period"),
        }
    }
}

struct Candidate<'a> {
    client: &'a Client,
    clock: &'a SharedClock,
    election: &'a Election,
    /// The lease as last seen, and when it was first seen so.
    seen: Option<(Lease, Duration)>,
}

/// How a try to take the lease went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    /// We hold it.
    Held,
    /// Another one holds it, or was faster.
    Lost,
    /// The server did not say.
    Unanswered,
}

/// Waits to be the leader, then runs `work`. When the lead is lost, `work` is told to end and the
/// answer is an error, so that the process ends: another one leads by then.
pub async fn lead<F>(
    (client, clock): (&Client, &SharedClock),
    election: &Election,
    shutdown: &Shutdown,
    work: impl FnOnce(Shutdown) -> F,
) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let mut candidate = Candidate {
        client,
        clock,
        election,
        seen: None,
    };
    tokio::select! {
        () = candidate.acquire() => {}
        () = shutdown.requested() => return Ok(()),
    }
    let Election {
        namespace,
        name,
        identity,
        ..
    } = election;
    tracing::info!(%namespace, %name, %identity, "became the leader");
    let working = shutdown.child();
    let mut work = std::pin::pin!(work(working.clone()));
    tokio::select! {
        ended = &mut work => {
            candidate.release().await;
            ended
        }
        () = candidate.renew() => {
            working.request();
            anyhow::bail!("leader election lost: could not renew lease {namespace}/{name}")
        }
    }
}

impl Candidate<'_> {
    async fn acquire(&mut self) {
        let mut unanswered = Backoff::new(UNANSWERED_FIRST, self.election.retry_period);
        loop {
            let spread = 1.0 + rand::random::<f64>() * JITTER;
            let wait = match self.try_once().await {
                Attempt::Held => return,
                Attempt::Lost => self.election.retry_period,
                Attempt::Unanswered => unanswered.next_wait(),
            };
            self.clock.sleep(wait.mul_f64(spread)).await;
        }
    }

    /// Ends when the lease could not be renewed in time.
    async fn renew(&mut self) {
        let mut renewed = self.clock.monotonic();
        loop {
            self.clock.sleep(self.election.retry_period).await;
            let left = self
                .election
                .renew_deadline
                .saturating_sub(self.clock.monotonic() - renewed);
            if left.is_zero() {
                return;
            }
            let clock = self.clock.clone();
            tokio::select! {
                attempt = self.try_once() => if attempt == Attempt::Held {
                    renewed = clock.monotonic();
                },
                () = clock.sleep(left) => return,
            }
        }
    }

    /// Takes or renews the lease.
    async fn try_once(&mut self) -> Attempt {
        match self.attempt().await {
            Ok(true) => Attempt::Held,
            Ok(false) => Attempt::Lost,
            Err(error) if error.is_conflict() => Attempt::Lost,
            Err(error) => {
                let error = anyhow::Error::from(error);
                tracing::warn!(error = %format_args!("{error:#}"), "could not elect a leader");
                Attempt::Unanswered
            }
        }
    }

    async fn attempt(&mut self) -> Result<bool, Error> {
        // A leader knows what the lease holds: it wrote that. If not, the slow way finds out.
        if let Some(lease) = self.led()
            && self.take(lease, true).await.is_ok()
        {
            return Ok(true);
        }
        let Election {
            namespace, name, ..
        } = self.election;
        let current = Error::unless_not_found(self.client.get::<Lease>(namespace, name).await)?;
        let Some(current) = current else {
            let lease = Lease {
                metadata: ObjectMeta {
                    namespace: Some(namespace.clone()),
                    name: Some(name.clone()),
                    ..ObjectMeta::default()
                },
                spec: Some(self.held(None)),
            };
            let created = self.client.create(&lease).await?;
            self.seen = Some((created, self.clock.monotonic()));
            return Ok(true);
        };
        let now = self.clock.monotonic();
        let since = match &self.seen {
            Some((seen, since)) if seen.spec == current.spec => *since,
            _ => now,
        };
        self.seen = Some((current.clone(), since));
        let spec = current.spec.clone().unwrap_or_default();
        let holder = spec.holder_identity.clone().unwrap_or_default();
        let is_ours = holder == self.election.identity;
        let seconds = u64::try_from(spec.lease_duration_seconds.unwrap_or(0)).unwrap_or(0);
        let is_valid = now.saturating_sub(since) < Duration::from_secs(seconds);
        if !is_ours && !holder.is_empty() && is_valid {
            return Ok(false);
        }
        self.take(current, is_ours).await?;
        Ok(true)
    }

    /// The lease as we wrote it last, while it is ours.
    fn led(&self) -> Option<Lease> {
        let (lease, since) = self.seen.as_ref()?;
        let holder = lease.spec.as_ref()?.holder_identity.as_ref()?;
        let age = self.clock.monotonic().saturating_sub(*since);
        let is_led = *holder == self.election.identity && age < self.election.lease_duration;
        is_led.then(|| lease.clone())
    }

    /// Writes that the lease is ours, if it is still as it was seen.
    async fn take(&mut self, seen: Lease, is_ours: bool) -> Result<(), Error> {
        let now = self.clock.monotonic();
        let spec = seen.spec.clone().unwrap_or_default();
        let lease = Lease {
            spec: Some(self.held(Some((&spec, is_ours)))),
            ..seen
        };
        let updated = self.client.replace(&lease).await?;
        self.seen = Some((updated, now));
        Ok(())
    }

    fn held(&self, previous: Option<(&LeaseSpec, bool)>) -> LeaseSpec {
        let now = Some(MicroTime(self.clock.now()));
        let mut spec = previous.map(|(spec, _)| spec.clone()).unwrap_or_default();
        let seconds = self.election.lease_duration.as_secs();
        spec.lease_duration_seconds = Some(i32::try_from(seconds).unwrap_or(i32::MAX));
        spec.renew_time.clone_from(&now);
        match previous {
            Some((_, true)) => {}
            Some((before, false)) => {
                spec.acquire_time = now;
                spec.lease_transitions = Some(before.lease_transitions.unwrap_or(0) + 1);
            }
            None => {
                spec.acquire_time = now;
                spec.lease_transitions = Some(0);
            }
        }
        spec.holder_identity = Some(self.election.identity.clone());
        spec
    }

    /// Lets the next one lead at once.
    async fn release(&mut self) {
        let Some((lease, _)) = self.seen.take() else {
            return;
        };
        let spec = lease.spec.clone().unwrap_or_default();
        if spec.holder_identity.as_deref() != Some(&self.election.identity) {
            return;
        }
        let now = MicroTime(self.clock.now());
        let released = LeaseSpec {
            holder_identity: Some(String::new()),
            lease_duration_seconds: Some(1),
            renew_time: Some(now.clone()),
            acquire_time: Some(now),
            ..spec
        };
        let lease = Lease {
            spec: Some(released),
            ..lease
        };
        if let Err(error) = self.client.replace(&lease).await {
            tracing::debug!(%error, "could not give the lease back");
        }
    }
}
