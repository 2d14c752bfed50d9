//! The parts together, and what a test asks of them.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use styr_apiserver::Server;
use styr_base::{Clock as _, SharedClock, Shutdown, SteppedClock, Tasks};
use styr_client::{Caches, Client, Object, Scope};
use styr_component::health::Checks;
use styr_component::metrics::Registry;
use styr_controller_manager as controllers;
use styr_etcd::{Engine, Options};
use styr_scheduler as scheduler;

use crate::disk::MemoryDisk;
use crate::faults::Faults;
use crate::idle::Idle;
use crate::node::Node;
use crate::store::Counted;
use crate::users::Users;

/// What has not happened in this much of the cluster's time will not happen.
const PATIENCE: Duration = Duration::from_secs(3600);

/// A cluster; its time passes only while everybody waits.
#[derive(Debug)]
pub struct Cluster {
    clock: Arc<SteppedClock>,
    pub(crate) users: Users,
    client: Client,
    caches: Caches,
    shutdown: Shutdown,
    tasks: Tasks,
}

/// Runs a test in a cluster without faults.
pub fn run<F: Future<Output = ()>>(test: impl FnOnce(Arc<Cluster>) -> F) {
    within(None, test);
}

/// Runs a test in a cluster whose components meet faults. The seed is `STYR_SEED`, or one that is
/// printed.
pub fn run_with<F: Future<Output = ()>>(
    faults: impl FnOnce(u64) -> Faults,
    test: impl FnOnce(Arc<Cluster>) -> F,
) {
    let given = std::env::var("STYR_SEED").ok();
    let seed = given.map_or_else(rand::random, |text| {
        text.parse().expect("STYR_SEED is a number")
    });
    print_seed(seed);
    within(Some(Arc::new(faults(seed))), test);
}

#[expect(
    clippy::print_stderr,
    reason = "shown where the test fails, to run it again"
)]
fn print_seed(seed: u64) {
    eprintln!("STYR_SEED={seed}");
}

fn within<F: Future<Output = ()>>(
    faults: Option<Arc<Faults>>,
    test: impl FnOnce(Arc<Cluster>) -> F,
) {
    if std::env::var_os("RUST_LOG").is_some() {
        styr_component::logs::init(0);
    }
    let idle = Arc::new(Idle::default());
    let sleeper = Arc::clone(&idle);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .on_thread_park(move || sleeper.parked())
        .enable_all()
        .build()
        .expect("a thread can have a runtime");
    runtime.block_on(async {
        let clock = SteppedClock::shared();
        let cluster = async {
            let cluster = Arc::new(Cluster::new(&clock, &idle, faults).await);
            test(Arc::clone(&cluster)).await;
            cluster.shutdown.request();
        };
        tokio::select! {
            () = cluster => {}
            () = idle.drive(&clock) => {}
        }
    });
}

impl Cluster {
    /// Store and API server.
    async fn new(clock: &Arc<SteppedClock>, idle: &Arc<Idle>, faults: Option<Arc<Faults>>) -> Self {
        let shared: SharedClock = Arc::clone(clock) as SharedClock;
        let options = Options {
            clock: Arc::clone(&shared),
        };
        let engine = Engine::open_disk(Arc::new(MemoryDisk::default()), options);
        let store = Counted {
            store: Arc::new(engine.expect("an empty disk can be opened")),
            idle: Arc::clone(idle),
        };
        let shutdown = Shutdown::new();
        let deps = styr_apiserver::Deps {
            store: Arc::new(store),
            clock: Arc::clone(&shared),
            shutdown: shutdown.clone(),
        };
        let server: Server = styr_apiserver::build(styr_apiserver::Config::default(), deps)
            .expect("the defaults make a server");
        server.ready().await;
        let users = Users { server, faults };
        let client = users.admin();
        Self {
            caches: Caches::new(client.clone(), shared, shutdown.clone()),
            clock: Arc::clone(clock),
            users,
            client,
            shutdown,
            tasks: Tasks::new(),
        }
    }

    /// The one who may do everything.
    pub fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn clock(&self) -> SharedClock {
        Arc::clone(&self.clock) as SharedClock
    }

    pub(crate) fn shutdown(&self) -> Shutdown {
        self.shutdown.child()
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        self.tasks.spawn_infallible(async move {
            if let Err(error) = task.await {
                // A component that ends is an event of the cluster, which the test sees by what
                // is then not done.
                report(&error);
            }
        });
    }

    /// Starts a controller manager and a scheduler.
    pub fn start(&self) {
        self.start_controllers(&["--leader-elect=false"]);
        let flags = ["--leader-elect=false", "--secure-port=0"].map(str::to_owned);
        let config = scheduler::Config::parse(flags).expect("known flags");
        let deps = scheduler::Deps {
            client: self.users.component("kube-scheduler"),
            clock: self.clock(),
            shutdown: self.shutdown(),
            registry: Registry::new(),
            checks: Checks::new(),
        };
        self.spawn(scheduler::run(config, deps));
    }

    /// Starts a controller manager; it ends with what is returned.
    pub fn start_controllers(&self, flags: &[&str]) -> Shutdown {
        let flags = flags.iter().chain(&["--secure-port=0"]);
        let flags = flags.map(|flag| (*flag).to_owned());
        let config = controllers::Config::parse(flags).expect("known flags");
        let shutdown = self.shutdown();
        let deps = controllers::Deps {
            clients: Arc::new(self.users.clone()),
            clock: self.clock(),
            shutdown: shutdown.clone(),
            registry: Registry::new(),
            checks: Checks::new(),
        };
        self.spawn(controllers::run(config, deps));
        shutdown
    }

    /// Starts the provisioner of local volumes over the configuration in `folder`.
    pub fn start_local_path(&self, folder: &std::path::Path) {
        let config = folder.join("config.json").display().to_string();
        let args = ["start".to_owned(), "--config".to_owned(), config];
        let options = styr_local_path::Options::parse(&args, Some("kube-system".to_owned()));
        let deps = styr_local_path::Deps {
            client: self.client.clone(),
            clock: self.clock(),
            shutdown: self.shutdown(),
        };
        let options = options.expect("known flags");
        self.spawn(styr_local_path::run(options, deps));
    }

    /// Adds a node, with a kubelet that pretends to run what it is given.
    pub async fn node(&self, name: &str) -> Node {
        Node::start(self, name).await
    }

    /// Creates an object of what is written.
    pub async fn create<K: Object>(&self, tree: Value) -> K {
        let object: K = serde_json::from_value(tree).expect("an object of the kind");
        self.client
            .create(&object)
            .await
            .expect("the object is valid")
    }

    /// All objects of a kind, as the server has them.
    pub async fn list<K: Object>(&self) -> Vec<Arc<K>> {
        let cache = self.caches.cache::<K>(Scope::all());
        cache.synced().await;
        cache.list()
    }

    /// Waits until something is true of all objects of a kind.
    pub async fn until<K: Object>(&self, what: &str, holds: impl Fn(&[Arc<K>]) -> bool) {
        let cache = self.caches.cache::<K>(Scope::all());
        let mut changes = cache.subscribe();
        let mut patience = self.clock.sleep(PATIENCE);
        loop {
            if cache.is_synced() && holds(&cache.list()) {
                return;
            }
            tokio::select! {
                _ = changes.next() => {}
                () = &mut patience => {
                    let objects = serde_json::to_string_pretty(&cache.list());
                    panic!("never: {what}\n{}", objects.expect("maps with string keys"));
                }
            }
        }
    }

    /// Lets time pass.
    pub async fn pass(&self, time: Duration) {
        self.clock.sleep(time).await;
    }
}

#[expect(clippy::print_stderr, reason = "shown where the test fails")]
fn report(error: &anyhow::Error) {
    eprintln!("a component ended: {error:#}");
}
