use std::path::Path;
use std::time::Duration;

use styr_base::{Shutdown, SystemClock};
use styr_kubelet::{Config, Deps};
use tokio::task::JoinHandle;

use crate::runtime::Runtime;

/// Far more than any of this takes.
const PATIENCE: Duration = Duration::from_secs(30);

const POD: &str = "apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  hostNetwork: true
  terminationGracePeriodSeconds: 0
  initContainers:
  - {name: first, image: 'example.com/a:1'}
  containers:
  - {name: main, image: 'example.com/a:1'}
";

struct Bed {
    root: tempfile::TempDir,
    runtime: Runtime,
}

impl Bed {
    async fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let runtime = Runtime::serve(&root.path().join("cri.sock")).await;
        std::fs::create_dir(root.path().join("manifests")).unwrap();
        Self { root, runtime }
    }

    fn path(&self) -> &Path {
        self.root.path()
    }

    fn manifest(&self) -> std::path::PathBuf {
        self.path().join("manifests/web.yaml")
    }

    fn config(&self) -> Config {
        let root = self.path().display();
        let file = self.path().join("kubelet.yaml");
        let text = format!(
            "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n\
             containerRuntimeEndpoint: unix://{root}/cri.sock\nstaticPodPath: {root}/manifests\n\
             podLogsDir: {root}/logs\naddress: 127.0.0.1\nport: 0\nhealthzPort: 0\n\
             cgroupDriver: systemd\nauthorization: {{mode: AlwaysAllow}}\n"
        );
        std::fs::write(&file, text).unwrap();
        let args = [
            format!("--config={}", file.display()),
            format!("--root-dir={root}/kubelet"),
            "--hostname-override=node".to_owned(),
            "--node-ip=127.0.0.1".to_owned(),
        ];
        let (mut config, _) = Config::from_args(args.to_vec()).unwrap();
        config.container_logs_dir = self.path().join("links");
        config
    }

    /// A kubelet, until `shutdown` is requested.
    fn start(&self) -> (Shutdown, JoinHandle<anyhow::Result<()>>) {
        let shutdown = Shutdown::new();
        let deps = Deps {
            client: None,
            clock: SystemClock::shared(),
            shutdown: shutdown.clone(),
        };
        #[expect(clippy::disallowed_methods, reason = "the test waits for it")]
        let task = tokio::spawn(styr_kubelet::run(self.config(), deps));
        (shutdown, task)
    }

    async fn until(&self, what: &str, holds: impl Fn(&[(String, &'static str)]) -> bool) {
        let found = tokio::time::timeout(PATIENCE, self.runtime.until(holds)).await;
        assert!(found.is_ok(), "{what}: {:?}", self.runtime.containers());
    }
}

fn runs(containers: &[(String, &'static str)], name: &str) -> bool {
    containers
        .iter()
        .any(|(n, state)| n == name && *state == "running")
}

#[tokio::test]
async fn init_containers_come_first_and_everything_goes_with_the_manifest() {
    let bed = Bed::new().await;
    std::fs::write(bed.manifest(), POD).unwrap();
    let (shutdown, task) = bed.start();
    bed.until("the init container runs", |c| runs(c, "first"))
        .await;
    assert!(!runs(&bed.runtime.containers(), "main"));
    bed.runtime.exit("first", 0);
    bed.until("the container runs", |c| runs(c, "main")).await;
    std::fs::remove_file(bed.manifest()).unwrap();
    bed.until("nothing is left", <[_]>::is_empty).await;
    shutdown.request();
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_container_that_fails_is_started_again() {
    let bed = Bed::new().await;
    std::fs::write(bed.manifest(), POD).unwrap();
    let (shutdown, task) = bed.start();
    bed.until("the init container runs", |c| runs(c, "first"))
        .await;
    bed.runtime.exit("first", 0);
    bed.until("the container runs", |c| runs(c, "main")).await;
    bed.runtime.exit("main", 1);
    let twice = |c: &[(String, &'static str)]| {
        runs(c, "main") && c.iter().filter(|(name, _)| name == "main").count() == 2
    };
    bed.until("the container runs again", twice).await;
    shutdown.request();
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_new_kubelet_leaves_running_containers_alone() {
    let bed = Bed::new().await;
    std::fs::write(bed.manifest(), POD).unwrap();
    let (shutdown, task) = bed.start();
    bed.until("the init container runs", |c| runs(c, "first"))
        .await;
    bed.runtime.exit("first", 0);
    bed.until("the container runs", |c| runs(c, "main")).await;
    shutdown.request();
    task.await.unwrap().unwrap();
    let before = bed.runtime.containers();
    let asked = bed.runtime.observations();
    let (shutdown, task) = bed.start();
    let looked = bed.runtime.until_observed(asked + 2);
    tokio::time::timeout(PATIENCE, looked).await.unwrap();
    assert_eq!(bed.runtime.containers(), before);
    shutdown.request();
    task.await.unwrap().unwrap();
}
