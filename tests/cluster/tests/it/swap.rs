//! Ours beside the real ones, as processes would be: over TLS, with the command lines of both.
//!
//! Time is the machine's here, because the real components know no other.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{
    ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet,
};
use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::{Value, json};
use styr_base::{SharedClock, Shutdown, SystemClock, Tasks};
use styr_client::{Caches, Client, Object, Scope};
use styr_component::serve::{Listener, bind};
use styr_differential_tests::real::{ADMIN, ADMINS, Real};
use styr_etcd::{Engine, Options};
use styr_pki::tls::{ClientCertificates, server_config};
use styr_pki::{Authority, Kubeconfig, Profile, service_account};
use styr_test_support::oracle;

use crate::workloads::{deployment, template};

/// The real ones need seconds to lead, on a busy machine many.
const PATIENCE: Duration = Duration::from_secs(120);
const CONNECTIONS_MAX: usize = 100;

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// What a test sees of a cluster, and does to it.
struct View {
    client: Client,
    caches: Caches,
}

impl View {
    fn new(client: Client, shutdown: &Shutdown) -> Self {
        Self {
            caches: Caches::new(client.clone(), SystemClock::shared(), shutdown.clone()),
            client,
        }
    }

    async fn create<K: Object>(&self, tree: Value) {
        let object: K = serde_json::from_value(tree).expect("an object of the kind");
        self.client
            .create(&object)
            .await
            .expect("the object is valid");
    }

    async fn until<K: Object>(&self, what: &str, holds: impl Fn(&[Arc<K>]) -> bool) {
        let cache = self.caches.cache::<K>(Scope::all());
        let mut changes = cache.subscribe();
        let waiting = async {
            while !(cache.is_synced() && holds(&cache.list())) {
                changes.next().await;
            }
        };
        let outcome = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(outcome.is_ok(), "never: {what}");
    }

    async fn list<K: Object>(&self) -> Vec<Arc<K>> {
        let cache = self.caches.cache::<K>(Scope::all());
        cache.synced().await;
        cache.list()
    }

    /// Nodes that look ready; nobody is there.
    async fn nodes(&self, names: &[&str]) {
        for name in names {
            let room = json!({ "cpu": "8", "memory": "16Gi", "pods": "110" });
            let now = Timestamp::now().to_string();
            self.create::<Node>(json!({
                "metadata": { "name": name },
                "status": { "capacity": room, "allocatable": room, "conditions": [{
                    "type": "Ready", "status": "True",
                    "lastHeartbeatTime": now, "lastTransitionTime": now,
                }]},
            }))
            .await;
        }
    }

    /// Waits until as many pods whose names begin so have a node.
    async fn until_bound(&self, prefix: &str, count: usize) {
        let is_bound = |pod: &&Arc<Pod>| {
            let name = pod.metadata.name.as_deref().unwrap_or_default();
            let spec = pod.spec.as_ref();
            name.starts_with(prefix) && spec.is_some_and(|spec| spec.node_name.is_some())
        };
        let holds = |pods: &[Arc<Pod>]| pods.iter().filter(is_bound).count() == count;
        self.until::<Pod>("all pods have nodes", holds).await;
    }
}

fn named(name: &str, mut tree: Value) -> Value {
    tree["metadata"]["name"] = json!(name);
    tree
}

fn args(kubeconfig: &Path) -> Vec<String> {
    let kubeconfig = kubeconfig.display();
    vec![
        format!("--kubeconfig={kubeconfig}"),
        "--secure-port=0".to_owned(),
    ]
}

fn our_controllers(kubeconfig: &Path, shutdown: &Shutdown, tasks: &Tasks) {
    let mut args = args(kubeconfig);
    args.push("--use-service-account-credentials=true".to_owned());
    let command = styr_controller_manager::command(args, shutdown.clone());
    tasks.spawn(async { command.await.map_err(anyhow::Error::into_boxed_dyn_error) });
}

fn our_scheduler(kubeconfig: &Path, shutdown: &Shutdown, tasks: &Tasks) {
    let command = styr_scheduler::command(args(kubeconfig), shutdown.clone());
    tasks.spawn(async { command.await.map_err(anyhow::Error::into_boxed_dyn_error) });
}

fn real(program: &Path, kubeconfig: &Path, more: &[String]) -> Process {
    let name = program
        .file_name()
        .expect("a program")
        .to_string_lossy()
        .into_owned();
    let log =
        File::create(kubeconfig.with_file_name(format!("{name}.log"))).expect("the folder is ours");
    let child = Command::new(program)
        .args(args(kubeconfig))
        .args(more)
        .current_dir(kubeconfig.parent().expect("a file"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn();
    Process(child.expect("the program can be started"))
}

#[tokio::test]
async fn ours_bind_pods_on_the_real_api_server_and_the_real_ones_take_over() {
    let folder = tempfile::tempdir().unwrap();
    let (Some(server), Some(controllers)) = (
        Real::start(folder.path()).await.unwrap(),
        oracle::binary("kube-controller-manager"),
    ) else {
        return;
    };
    let kubeconfig = folder.path().join("kubeconfig");
    let (shutdown, tasks) = (Shutdown::new(), Tasks::new());
    let view = View::new(server.client.clone(), &shutdown);
    view.nodes(&["one", "two"]).await;
    let controlling = shutdown.child();
    our_controllers(&kubeconfig, &controlling, &tasks);
    our_scheduler(&kubeconfig, &shutdown, &tasks);
    view.until::<k8s_openapi::api::core::v1::ServiceAccount>("an account", |all| {
        let is_default = |name: Option<&str>| name == Some("default");
        all.iter()
            .any(|a| is_default(a.metadata.namespace.as_deref()))
    })
    .await;
    view.create::<Deployment>(deployment(4)).await;
    let labels = json!({ "app": "agent" });
    view.create::<DaemonSet>(json!({
        "metadata": { "namespace": "default", "name": "agent" },
        "spec": { "selector": { "matchLabels": labels }, "template": template(&labels, "a:1") },
    }))
    .await;
    let labels = json!({ "app": "db" });
    view.create::<StatefulSet>(json!({
        "metadata": { "namespace": "default", "name": "db" },
        "spec": {
            "replicas": 1, "serviceName": "db", "podManagementPolicy": "Parallel",
            "selector": { "matchLabels": labels }, "template": template(&labels, "db:1"),
        },
    }))
    .await;
    view.until_bound("web-", 4).await;
    view.until_bound("agent-", 2).await;
    view.until_bound("db-", 1).await;
    // Templates are told apart by what is in them, not by the hash in a name: nothing rolls when
    // the other controller manager takes over, though it would hash them differently.
    controlling.request();
    let _process = real(&controllers, &kubeconfig, &[]);
    view.create::<Deployment>(named("later", deployment(1)))
        .await;
    view.until_bound("later-", 1).await;
    let (five, two) = (
        json!({ "spec": { "replicas": 5 } }),
        json!({ "spec": { "replicas": 2 } }),
    );
    let client = &view.client;
    let scaled = client.merge_patch::<Deployment>("default", "web", &five);
    scaled.await.unwrap();
    let scaled = client.merge_patch::<StatefulSet>("default", "db", &two);
    scaled.await.unwrap();
    view.nodes(&["three"]).await;
    view.until_bound("web-", 5).await;
    view.until_bound("agent-", 3).await;
    view.until_bound("db-", 2).await;
    assert_eq!(view.list::<ReplicaSet>().await.len(), 2);
    assert_eq!(view.list::<ControllerRevision>().await.len(), 2);
    assert_eq!(view.list::<Pod>().await.len(), 5 + 3 + 2 + 1);
    shutdown.request();
}

/// Our API server on our store, over TLS; answers the path of the administrator's kubeconfig.
async fn our_server(folder: &Path, shutdown: &Shutdown, tasks: &Tasks) -> Result<PathBuf> {
    let now = Timestamp::now();
    let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST)];
    let authority = Authority::generate("kubernetes", now)?;
    let profile = Profile::server("kube-apiserver", &["localhost"], &loopback);
    let serving = authority.issue(&profile, now)?;
    let admin = authority.issue(&Profile::client(ADMIN, Some(ADMINS)), now)?;
    let (private, public) = service_account::generate()?;
    let file = |name: &str| folder.join(name);
    fs::write(file("ca.crt"), authority.certificate_pem())?;
    fs::write(file("sa.key"), private)?;
    fs::write(file("sa.pub"), public)?;
    let config = styr_apiserver::Config {
        client_ca_file: Some(file("ca.crt")),
        service_account_key_files: vec![file("sa.pub")],
        service_account_signing_key_file: Some(file("sa.key")),
        ..styr_apiserver::Config::default()
    };
    let clock: SharedClock = SystemClock::shared();
    let options = Options {
        clock: Arc::clone(&clock),
    };
    let deps = styr_apiserver::Deps {
        store: Arc::new(Engine::open(&file("etcd"), options)?),
        clock,
        shutdown: shutdown.clone(),
    };
    let server = styr_apiserver::build(config, deps)?;
    let listener = Listener {
        socket: bind((Ipv4Addr::LOCALHOST, 0).into()).await?,
        tls: Some(server_config(&serving, ClientCertificates::Requested)?),
        connections_max: CONNECTIONS_MAX,
    };
    let address = listener.socket.local_addr()?;
    server.ready().await;
    tasks.spawn_infallible(async move { server.serve(listener).await });
    let kubeconfig = Kubeconfig {
        name: "ours".to_owned(),
        user: ADMIN.to_owned(),
        server: format!("https://{address}"),
        authority_pem: authority.certificate_pem().to_owned(),
        credentials: admin.into(),
    };
    fs::write(file("kubeconfig"), kubeconfig.to_text())?;
    Ok(file("kubeconfig"))
}

#[tokio::test]
async fn the_real_ones_bind_pods_on_our_api_server() {
    let (Some(controllers), Some(scheduler)) = (
        oracle::binary("kube-controller-manager"),
        oracle::binary("kube-scheduler"),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (shutdown, tasks) = (Shutdown::new(), Tasks::new());
    let kubeconfig = our_server(folder.path(), &shutdown, &tasks).await.unwrap();
    let key = folder.path().join("sa.key");
    let _processes = [
        real(
            &controllers,
            &kubeconfig,
            &[
                "--use-service-account-credentials=true".to_owned(),
                format!("--service-account-private-key-file={}", key.display()),
            ],
        ),
        real(&scheduler, &kubeconfig, &[]),
    ];
    let client = Client::from_kubeconfig(&kubeconfig).await.unwrap();
    let view = View::new(client, &shutdown);
    view.nodes(&["one", "two"]).await;
    view.create::<Deployment>(deployment(4)).await;
    view.until_bound("web-", 4).await;
    shutdown.request();
}
