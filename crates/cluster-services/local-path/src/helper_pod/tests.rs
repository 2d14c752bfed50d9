use styr_client::Key;

use super::{Action, Job, claim};
use crate::config::Options;

fn job() -> Job {
    Job {
        action: Action::Create,
        volume: "pvc-1".into(),
        claim: Some(Key::new("default", "data")),
        node: "worker".into(),
        directory: "/volumes/pvc-1_default_data".into(),
        mode: "Filesystem".into(),
        bytes: 5,
    }
}

fn pod(image: &str) -> k8s_openapi::api::core::v1::Pod {
    let args = ["start", "--config=/etc/config/config.json"].map(str::to_owned);
    let options = Options::parse(&args, None).expect("valid");
    let template = format!("spec:\n  containers:\n  - name: helper-pod\n    image: {image}\n");
    job().pod(&options, &template).expect("a pod")
}

#[test]
fn another_image_runs_the_script() {
    let pod = pod("busybox");
    assert_eq!(claim(&pod), Some(Key::new("default", "data")));
    let spec = pod.spec.expect("there");
    assert_eq!(spec.node_name.as_deref(), Some("worker"));
    let container = &spec.containers[0];
    assert_eq!(
        container.command.as_deref(),
        Some(&["/bin/sh".to_owned(), "/script/setup".to_owned()][..])
    );
    let mounts = container.volume_mounts.iter().flatten();
    let mounts: Vec<&str> = mounts.map(|mount| mount.mount_path.as_str()).collect();
    assert_eq!(mounts, ["/script", "/volumes"]);
}

#[test]
fn our_image_needs_no_shell() {
    let spec = pod("localhost/styr:1").spec.expect("there");
    let command = spec.containers[0].command.clone().expect("there");
    assert_eq!(command, ["styr", "local-path-helper", "setup"]);
    assert!(spec.containers[0].args.is_none());
}
