//! The example on a cluster: deployed, waited for, asked from outside and from inside.

use std::fmt::Debug;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, DeleteParams, ListParams, LogParams};
use serde_json::{Value, json};
use styr_base::{Shutdown, SystemClock};
use styr_client::{Caches, Client, Object, Patch, Scope};

use crate::images::{Image, write_layout};
use crate::programs::{programs, workspace};
use crate::web;

pub(crate) const NAMESPACE: &str = "notes";
/// Where the example answers, at every node.
pub(crate) const NODE_PORT: u16 = 30080;
/// Longer than a busy machine needs, shorter than anybody wants to wait.
const PATIENCE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(20);

/// Where objects of a kind live.
const COLLECTIONS: [(&str, &str); 7] = [
    ("ConfigMap", "/api/v1/namespaces/notes/configmaps"),
    ("Deployment", "/apis/apps/v1/namespaces/notes/deployments"),
    ("Namespace", "/api/v1/namespaces"),
    (
        "PersistentVolumeClaim",
        "/api/v1/namespaces/notes/persistentvolumeclaims",
    ),
    ("Pod", "/api/v1/namespaces/notes/pods"),
    ("Secret", "/api/v1/namespaces/notes/secrets"),
    ("Service", "/api/v1/namespaces/notes/services"),
];

/// The example, as a user of the cluster sees it.
pub(crate) struct Application {
    client: Client,
    /// The worker's, on the bridge.
    pub(crate) node: Ipv4Addr,
}

/// Packs the example's images; the version is what its programs say of themselves.
pub(crate) fn write_images(folder: &Path) -> Vec<String> {
    let programs = programs();
    let both = [
        ("notes-api", &programs.notes_api),
        ("notes-web", &programs.notes_web),
    ];
    let archives = both.map(|(name, program)| {
        let images = ["v1", "v2"].map(|version| Image {
            environment: vec![format!("NOTES_VERSION={version}")],
            ..Image::new(&format!("localhost/{name}:{version}"), name)
        });
        let path = folder.join(format!("{name}.tar"));
        write_layout(&path, &std::fs::read(program).unwrap(), &images);
        path.to_str().unwrap().to_owned()
    });
    archives.into()
}

impl Application {
    /// Creates all objects of the example, and waits until its pods are available.
    pub(crate) async fn deploy(kubeconfig: &Path) -> Self {
        let client = Client::from_kubeconfig(kubeconfig).await.unwrap();
        let node = worker_address(&client).await;
        let application = Self { client, node };
        application.has_labels().await;
        for object in objects() {
            application.create(&object).await;
        }
        application.available("v1").await;
        application
    }

    /// The worker carries the label of its configuration, the control plane that of its role.
    async fn has_labels(&self) {
        let nodes: Api<Node> = Api::all(self.client.kube().clone());
        for (label, expected) in [
            ("tier=web", "e2e-worker"),
            ("node-role.kubernetes.io/control-plane", "e2e-control-plane"),
        ] {
            let of_label = ListParams::default().labels(label);
            let found = nodes.list(&of_label).await.unwrap().items;
            let names: Vec<_> = found
                .iter()
                .filter_map(|it| it.metadata.name.as_deref())
                .collect();
            assert_eq!(names, [expected], "{label}");
        }
    }

    async fn create(&self, object: &Value) {
        let kind = object["kind"].as_str().unwrap();
        let (_, path) = COLLECTIONS
            .iter()
            .find(|(known, _)| *known == kind)
            .unwrap();
        let body = serde_json::to_vec(object).unwrap();
        let made = self
            .client
            .send::<Value>(Method::POST, path, Some(body))
            .await;
        made.unwrap();
    }

    /// Waits until all pods are of a version and can be used.
    pub(crate) async fn available(&self, version: &str) {
        self.until(
            &format!("deployments of {version}"),
            |found: &[Arc<Deployment>]| {
                found.len() == 2
                    && found
                        .iter()
                        .all(|deployment| is_available(deployment, version))
            },
        )
        .await;
    }

    /// Writes a note through the front; answers what the front says.
    pub(crate) fn write(at: SocketAddr, text: &str) -> (u16, String) {
        web::post(at, "/notes", text).unwrap()
    }

    /// All notes, as the front at an address shows them.
    pub(crate) async fn notes(at: SocketAddr) -> String {
        eventually(&format!("notes at {at}"), || match web::get(at, "/notes") {
            Ok((200, notes)) => Some(notes),
            _ => None,
        })
        .await
    }

    /// Waits until the page is made by a version.
    pub(crate) async fn is_served_by(at: SocketAddr, version: &str) {
        let words = format!("web {version} by");
        eventually(&format!("{words} at {at}"), || {
            let answer = web::get(at, "/").ok()?;
            answer.1.contains(&words).then_some(())
        })
        .await;
    }

    /// What the API answers to a pod on another node, which knows its name only.
    pub(crate) async fn notes_from_pod_on(&self, node: &str) -> String {
        self.create(&json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": "reader", "namespace": NAMESPACE },
            "spec": {
                "nodeName": node,
                "restartPolicy": "OnFailure",
                "containers": [{
                    "name": "reader",
                    "image": "localhost/notes-web:v1",
                    "args": ["get", "http://notes-api.notes.svc.cluster.local/notes"],
                }],
            },
        }))
        .await;
        let has_ended = |pod: &Arc<Pod>| {
            let status = pod.status.as_ref();
            pod.metadata.name.as_deref() == Some("reader")
                && status.and_then(|it| it.phase.as_deref()) == Some("Succeeded")
        };
        self.until("the reader's end", |pods: &[Arc<Pod>]| {
            pods.iter().any(has_ended)
        })
        .await;
        let pods: Api<Pod> = Api::namespaced(self.client.kube().clone(), NAMESPACE);
        pods.logs("reader", &LogParams::default()).await.unwrap()
    }

    /// Deletes the API's pod, and waits for the one that takes its place.
    pub(crate) async fn replace_api_pod(&self) {
        let pods: Api<Pod> = Api::namespaced(self.client.kube().clone(), NAMESPACE);
        let of_api = ListParams::default().labels("app=notes-api");
        let before = pods.list(&of_api).await.unwrap().items.remove(0).metadata;
        pods.delete(before.name.as_deref().unwrap(), &DeleteParams::default())
            .await
            .unwrap();
        let replaced = |pod: &Arc<Pod>| {
            let labels = pod.metadata.labels.clone().unwrap_or_default();
            labels.get("app").is_some_and(|app| app == "notes-api")
                && pod.metadata.uid != before.uid
                && is_ready(pod)
        };
        self.until("another pod of the API", |pods: &[Arc<Pod>]| {
            pods.iter().any(replaced)
        })
        .await;
    }

    /// Rolls both programs out to a version, and waits until all pods are of it.
    pub(crate) async fn roll_out(&self, version: &str) {
        for (deployment, container) in [("notes-api", "api"), ("notes-web", "web")] {
            let path = format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{deployment}");
            let image = format!("localhost/{deployment}:{version}");
            let patch = json!({ "spec": { "template": { "spec": {
                "containers": [{ "name": container, "image": image }],
            }}}});
            let patched = self
                .client
                .patch_path::<Value>(&path, Patch::Strategic, &patch)
                .await;
            patched.unwrap();
        }
        self.available(version).await;
    }

    /// Waits until a condition holds for the objects of the example's namespace.
    async fn until<K: Object + Debug>(&self, what: &str, holds: impl Fn(&[Arc<K>]) -> bool) {
        let shutdown = Shutdown::new();
        let caches = Caches::new(self.client.clone(), SystemClock::shared(), shutdown.clone());
        let cache = caches.cache::<K>(Scope::namespace(NAMESPACE));
        let mut changes = cache.subscribe();
        let waiting = async {
            while !holds(&cache.list()) {
                changes.next().await.unwrap();
            }
        };
        let outcome = tokio::time::timeout(PATIENCE, waiting).await;
        let found = cache.list();
        shutdown.request();
        assert!(outcome.is_ok(), "waited in vain for {what}: {found:#?}");
    }
}

/// All documents of the example's files, in the order of their names.
fn objects() -> Vec<Value> {
    let folder = workspace().join("examples/notes/deploy");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let documents = paths.iter().flat_map(|path| {
        let text = std::fs::read_to_string(path).unwrap();
        serde_saphyr::from_multiple::<Value>(&text).unwrap()
    });
    documents.collect()
}

/// Asks for what nothing tells of: whether somebody answers.
pub(crate) async fn eventually<T>(what: &str, ask: impl Fn() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(found) = ask() {
                return found;
            }
            tokio::time::sleep(STEP).await;
        }
    };
    let outcome = tokio::time::timeout(PATIENCE, asking).await;
    outcome.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

async fn worker_address(client: &Client) -> Ipv4Addr {
    let nodes: Api<Node> = Api::all(client.kube().clone());
    let nodes = nodes.list(&ListParams::default()).await.unwrap();
    let is_worker = |node: &&Node| {
        node.metadata
            .name
            .as_deref()
            .is_some_and(|it| it.ends_with("-worker"))
    };
    let worker = nodes.items.iter().find(is_worker).unwrap();
    let addresses = worker.status.as_ref().unwrap().addresses.as_ref().unwrap();
    let internal = addresses
        .iter()
        .find(|it| it.type_ == "InternalIP")
        .unwrap();
    internal.address.parse().unwrap()
}

/// Whether all pods are of the newest template, which is that of a version, and can be used.
fn is_available(deployment: &Deployment, version: &str) -> bool {
    let spec = &deployment.spec;
    let Some(status) = &deployment.status else {
        return false;
    };
    let desired = spec.replicas.unwrap_or(1);
    let containers = spec.template.spec.iter().flat_map(|it| &it.containers);
    let mut images = containers.filter_map(|it| it.image.as_deref());
    images.all(|image| image.ends_with(version))
        && status.observed_generation >= deployment.metadata.generation
        && status.replicas == Some(desired)
        && status.updated_replicas == Some(desired)
        && status.available_replicas == Some(desired)
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .iter()
        .flat_map(|it| it.conditions.iter().flatten());
    conditions
        .into_iter()
        .any(|it| it.type_ == "Ready" && it.status == "True")
}
