//! `/healthz`, `/livez`, `/readyz`: the checks, under upstream's names, and the phases of the start
//! that they tell about.

use std::sync::Arc;

use styr_component::health::Checks;
use tokio::sync::watch;

use crate::registry::Resources;

/// How far the start has come. Each phase includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Started,
    /// All caches are filled.
    Loaded,
    /// What every cluster needs is there: namespaces, policy, services.
    Bootstrapped,
    /// The server is about to end.
    Ending,
}

/// The checks of the three endpoints.
#[derive(Debug)]
pub struct Health {
    pub healthz: Checks,
    pub livez: Checks,
    pub readyz: Checks,
    phase: watch::Sender<Phase>,
}

/// Checks that hold once everything is loaded, and once everything is bootstrapped.
const LOADED: &[&str] = &[
    "poststarthook/generic-apiserver-start-informers",
    "poststarthook/storage-readiness",
];
const BOOTSTRAPPED: &[&str] = &[
    "poststarthook/start-system-namespaces-controller",
    "poststarthook/start-service-ip-repair-controllers",
    "poststarthook/rbac/bootstrap-roles",
    "poststarthook/scheduling/bootstrap-system-priority-classes",
    "poststarthook/bootstrap-controller",
    "poststarthook/start-kubernetes-service-cidr-controller",
];

impl Health {
    pub fn new(resources: &Arc<Resources>) -> Self {
        let phase = watch::Sender::new(Phase::Started);
        let all = |with_readiness: bool| {
            let checks = Checks::new();
            checks.add("log", || Ok(()));
            let progress = Arc::clone(resources.progress());
            checks.add("etcd", move || {
                if progress.applied() > 0 {
                    Ok(())
                } else {
                    Err("not reached yet".to_owned())
                }
            });
            for (names, needed) in [(LOADED, Phase::Loaded), (BOOTSTRAPPED, Phase::Bootstrapped)] {
                for name in names {
                    let at = phase.subscribe();
                    checks.add(name, move || reached(*at.borrow(), needed));
                }
            }
            if with_readiness {
                let at = phase.subscribe();
                checks.add("informer-sync", move || {
                    reached(*at.borrow(), Phase::Loaded)
                });
                let at = phase.subscribe();
                checks.add("shutdown", move || match *at.borrow() {
                    Phase::Ending => Err("process is shutting down".to_owned()),
                    _ => Ok(()),
                });
            }
            checks
        };
        Self {
            healthz: all(false),
            livez: all(false),
            readyz: all(true),
            phase,
        }
    }

    pub fn reach(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    pub async fn ready(&self) {
        let mut phase = self.phase.subscribe();
        // The sender lives as long as `self`.
        let _ = phase.wait_for(|phase| *phase >= Phase::Bootstrapped).await;
    }
}

fn reached(phase: Phase, needed: Phase) -> Result<(), String> {
    if phase >= needed {
        Ok(())
    } else {
        Err("not finished".to_owned())
    }
}
