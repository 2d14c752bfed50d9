//! The same services and the same clients, once with upstream's kube-proxy and once with ours.

mod api;

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use styr_base::SystemClock;

use super::*;
use api::{Objects, serve_objects};

/// How long upstream's proxy may take until the first service answers.
const TRIES: u32 = 30;
const BETWEEN_TRIES: Duration = Duration::from_millis(100);
const CONNECTIONS: u32 = 24;

/// A service `NAME` with fields of its spec beside one port 80, and its endpoints.
fn service(objects: &mut Objects, name: &str, spec: &Value, endpoints: &[(&str, &str, Value)]) {
    let mut fixture = Fixture::default();
    fixture.set(spec, endpoints);
    let service = fixture.services.remove(&key()).unwrap();
    let slice = fixture.slices.remove(&key()).unwrap();
    let (mut service, mut slice) = ((*service).clone(), (*slice).clone());
    for metadata in [&mut service.metadata, &mut slice.metadata] {
        metadata.name = Some(name.to_owned());
        metadata.namespace = Some("default".to_owned());
        metadata.uid = Some(name.to_owned());
        metadata.resource_version = Some("1".to_owned());
    }
    let label = ("kubernetes.io/service-name".to_owned(), name.to_owned());
    slice.metadata.labels = Some([label].into());
    objects.services.push(service);
    objects.slices.push(slice);
}

/// The spec of a service with a cluster address, a port 80 and a node port.
fn tcp(ip: &str, node_port: u16, more: &Value) -> Value {
    let port = json!({ "name": "tcp", "port": 80, "protocol": "TCP",
            "nodePort": node_port, "targetPort": 8080 });
    let mut spec = json!({ "clusterIP": ip, "clusterIPs": [ip], "ports": [port] });
    let fields = spec.as_object_mut().unwrap();
    fields.insert("type".to_owned(), "NodePort".into());
    fields.extend(more.as_object().unwrap().clone());
    spec
}

fn objects() -> Objects {
    let mut all = Objects::default();
    let external = json!({ "externalIPs": ["203.0.113.5"] });
    service(
        &mut all,
        "web",
        &tcp("10.96.0.10", 30080, &external),
        &everywhere(),
    );
    let local = json!({ "externalTrafficPolicy": "Local" });
    let on_b = [("b", "10.244.2.2", ready())];
    service(&mut all, "local", &tcp("10.96.0.11", 30081, &local), &on_b);
    let internal = json!({ "internalTrafficPolicy": "Local" });
    service(
        &mut all,
        "here",
        &tcp("10.96.0.12", 30082, &internal),
        &everywhere(),
    );
    service(
        &mut all,
        "empty",
        &tcp("10.96.0.13", 30083, &json!({})),
        &[],
    );
    let sticky = json!({ "sessionAffinity": "ClientIP",
        "sessionAffinityConfig": { "clientIP": { "timeoutSeconds": 600 } } });
    service(
        &mut all,
        "sticky",
        &tcp("10.96.0.14", 30084, &sticky),
        &everywhere(),
    );
    let ending = json!({ "ready": false, "serving": true, "terminating": true });
    let ends = [("b", "10.244.2.2", ending)];
    service(
        &mut all,
        "ending",
        &tcp("10.96.0.15", 30085, &json!({})),
        &ends,
    );
    let one = [("a", "10.244.1.2", ready())];
    service(
        &mut all,
        "itself",
        &tcp("10.96.0.16", 30086, &json!({})),
        &one,
    );
    add_balanced(&mut all);
    all
}

/// Services whose load balancers are not for everybody.
fn add_balanced(all: &mut Objects) {
    for (name, ip, node_port, balanced, range) in [
        (
            "guarded",
            "10.96.0.17",
            30087,
            "203.0.113.6",
            "192.0.2.254/32",
        ),
        (
            "of-nodes",
            "10.96.0.18",
            30088,
            "203.0.113.7",
            "192.0.2.0/28",
        ),
    ] {
        let more = json!({ "type": "LoadBalancer", "ingress": [{ "ip": balanced }],
            "loadBalancerSourceRanges": [range] });
        service(all, name, &tcp(ip, node_port, &more), &everywhere());
    }
}

/// Who asks, and for what.
fn questions(bed: &Bed) -> Vec<(&'static str, &NetNs, &'static str)> {
    let (pod, node, outside) = (&bed.pods[0][1], &bed.nodes[0], &bed.outside);
    vec![
        ("pod, cluster address", pod, "10.96.0.10:80"),
        ("node, cluster address", node, "10.96.0.10:80"),
        ("pod, external address", pod, "203.0.113.5:80"),
        ("outside, external address", outside, "203.0.113.5:80"),
        ("outside, node port of a", outside, "192.0.2.1:30080"),
        ("outside, node port of b", outside, "192.0.2.2:30080"),
        ("node, its node port", node, "192.0.2.1:30080"),
        ("pod, node port", pod, "192.0.2.1:30080"),
        (
            "outside, policy Local, elsewhere",
            outside,
            "192.0.2.1:30081",
        ),
        ("outside, policy Local, here", outside, "192.0.2.2:30081"),
        ("pod, policy Local", pod, "192.0.2.1:30081"),
        ("node, policy Local", node, "192.0.2.1:30081"),
        ("pod, internal policy Local", pod, "10.96.0.12:80"),
        ("node, internal policy Local", node, "10.96.0.12:80"),
        ("pod, no endpoints", pod, "10.96.0.13:80"),
        ("node, no endpoints", node, "10.96.0.13:80"),
        ("outside, no endpoints", outside, "192.0.2.1:30083"),
        ("pod, bound", pod, "10.96.0.14:80"),
        ("outside, bound", outside, "192.0.2.1:30084"),
        ("pod, an endpoint that ends", pod, "10.96.0.15:80"),
        ("pod, no such port", pod, "10.96.0.10:8080"),
        ("node, no such port", node, "10.96.0.10:8080"),
        ("pod, no such service", pod, "10.96.0.99:8080"),
        ("node, no such service", node, "10.96.0.99:8080"),
        ("pod, no network of services", pod, "10.97.0.99:8080"),
        ("outside, a load balancer for it", outside, "203.0.113.6:80"),
        ("pod, a load balancer for others", pod, "203.0.113.6:80"),
        ("node, a load balancer for others", node, "203.0.113.6:80"),
        ("node, a load balancer for nodes", node, "203.0.113.7:80"),
        (
            "outside, a load balancer for nodes",
            outside,
            "203.0.113.7:80",
        ),
        ("pod, itself", &bed.pods[0][0], "10.96.0.16:80"),
    ]
}

/// What clients see, question by question.
fn answers(bed: &Bed) -> BTreeMap<&'static str, String> {
    let outcome = |question: &str, from: &NetNs, to: &str| {
        let mut seen = BTreeSet::new();
        for _ in 0..CONNECTIONS {
            match ask(from, to) {
                Ok(answer) => seen.insert(answer),
                Err(error) => return error.kind().to_string(),
            };
        }
        if question.ends_with("bound") {
            // Which endpoint it is was drawn.
            return format!("{} endpoint", seen.len());
        }
        Vec::from_iter(seen).join(", ")
    };
    let questions = questions(bed).into_iter();
    questions
        .map(|(question, from, to)| (question, outcome(question, from, to)))
        .collect()
}

/// Ends the program with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(program: &Path, node: (&NetNs, &str), server: &str, folder: &Path) -> Running {
    let (netns, name) = node;
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{ "name": "c", "cluster": { "server": server } }],
        "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }],
        "users": [{ "name": "u", "user": {} }],
    });
    let kubeconfig_path = folder.join("kubeconfig");
    std::fs::write(&kubeconfig_path, kubeconfig.to_string()).unwrap();
    let config = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
        "mode": "nftables", "clusterCIDR": "10.244.0.0/16", "conntrack": { "maxPerCore": 0 },
        "clientConnection": { "kubeconfig": kubeconfig_path, "contentType": "application/json" },
    });
    let config_path = folder.join("config");
    std::fs::write(&config_path, config.to_string()).unwrap();
    let log = std::fs::File::create(folder.join(format!("{name}.log"))).unwrap();
    let mut command = Command::new(program);
    command
        .arg(format!("--config={}", config_path.display()))
        .arg(format!("--hostname-override={name}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    Running(netns.run(|| command.spawn().unwrap()).unwrap())
}

/// A bed with servers in all pods, and one where packets go that nobody stops.
fn bed() -> Bed {
    let bed = Bed::new();
    for (pods, names) in bed.pods.iter().zip([["a1", "a2"], ["b1", "b2"]]) {
        for (pod, name) in pods.iter().zip(names) {
            serve(pod, 8080, name);
        }
    }
    bed.add_stranger();
    bed
}

async fn of_upstream(program: PathBuf) -> BTreeMap<&'static str, String> {
    let bed = bed();
    let server = serve_objects(&bed.outside, ip("192.0.2.254"), &objects());
    let folder = tempfile::tempdir().unwrap();
    let nodes = bed.nodes.iter().zip(["a", "b"]);
    let _running: Vec<Running> = nodes
        .map(|node| start(&program, node, &server, folder.path()))
        .collect();
    let clock = SystemClock::shared();
    for node in &bed.nodes {
        let mut tries = 0;
        while ask(node, "10.96.0.10:80").is_err() {
            tries += 1;
            let log = || std::fs::read_to_string(folder.path().join("a.log"));
            assert!(tries < TRIES, "no service answers: {:?}", log());
            clock.sleep(BETWEEN_TRIES).await;
        }
    }
    answers(&bed)
}

fn of_ours() -> BTreeMap<&'static str, String> {
    let bed = bed();
    let objects = objects();
    let mut fixture = Fixture::default();
    for (service, slice) in objects.services.into_iter().zip(objects.slices) {
        let key = Key::of(&service);
        fixture.services.insert(key.clone(), service.into());
        fixture.slices.insert(key, slice.into());
    }
    let all = fixture.services.keys().cloned().collect();
    let mut workers = [worker(&bed.nodes[0], "a"), worker(&bed.nodes[1], "b")];
    for worker in &mut workers {
        worker.update(&fixture, &all).unwrap();
    }
    answers(&bed)
}

#[tokio::test]
async fn clients_see_what_they_see_with_upstream() {
    let Some(program) = styr_test_support::oracle::binary("kube-proxy") else {
        return;
    };
    if !is_root() {
        return;
    }
    // Side by side, as most of the time goes into waiting for answers that must not come.
    let ours = tokio::task::spawn_blocking(of_ours);
    let upstream = of_upstream(program).await;
    assert_eq!(ours.await.unwrap(), upstream);
}
