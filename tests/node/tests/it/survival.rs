use std::fs;
use std::path::Path;

use crate::node::{Node, Source};
use crate::{image, sandbox};

/// Counts its starts, goes on writing, and says what came at its end.
const SCRIPT: &str = "trap 'echo asked >>/out/end; exit 0' TERM; echo >>/out/starts; \
     while :; do echo tick; echo >>/out/ticks; sleep 0.1; done";

fn manifest(node: &Node) -> String {
    format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: web}}
spec:
  hostNetwork: true
  terminationGracePeriodSeconds: 30
  containers:
  - name: main
    image: {image}
    imagePullPolicy: Never
    command: [/bin/sh, -c, {SCRIPT:?}]
    livenessProbe:
      exec: {{command: [/bin/sh, -c, '! test -e /out/sick']}}
      periodSeconds: 1
      failureThreshold: 1
    lifecycle:
      preStop: {{exec: {{command: [/bin/sh, -c, 'echo hook >>/out/end']}}}}
    volumeMounts: [{{name: out, mountPath: /out}}]
  volumes: [{{name: out, hostPath: {{path: {out}}}}}]
",
        image = image::NAME,
        out = node.out().display(),
    )
}

fn lines(node: &Node, file: &str) -> usize {
    let text = fs::read_to_string(node.out().join(file)).unwrap_or_default();
    text.lines().count()
}

/// The pod goes on, and was not started anew.
fn goes_on(node: &Node, when: &str) {
    let ticks = lines(node, "ticks");
    node.until(&format!("the pod runs {when}"), |node| {
        lines(node, "ticks") > ticks + 2
    });
    assert_eq!(lines(node, "starts"), 1, "the pod was restarted {when}");
}

/// What the pod says arrives in its log.
fn is_heard(node: &Node, when: &str) {
    let logged = node.logged();
    node.until(&format!("the pod is heard {when}"), |node| {
        node.logged() > logged
    });
}

/// A static pod runs without an API server, survives the sudden end of each component, and is
/// probed, restarted and ended as if nothing had happened.
fn survives(folder: &Path, kubelet: Source, runtime: Source) {
    let mut node = Node::start(folder, kubelet, runtime);
    fs::write(node.manifest(), manifest(&node)).unwrap();
    node.until("the pod starts", |node| lines(node, "ticks") > 0);

    node.kill_kubelet();
    goes_on(&node, "without a kubelet");
    node.start_kubelet();
    goes_on(&node, "with a new kubelet");
    node.kill_runtime();
    goes_on(&node, "without a runtime");
    if node.logs_without_runtime() {
        is_heard(&node, "without a runtime");
    }
    node.start_runtime();
    goes_on(&node, "with a new runtime");
    node.kill_kubelet();
    node.kill_runtime();
    goes_on(&node, "without both");
    node.start_runtime();
    node.start_kubelet();
    goes_on(&node, "with both anew");
    is_heard(&node, "with both anew");

    fs::write(node.out().join("sick"), "").unwrap();
    node.until("the probe restarts the container", |node| {
        lines(node, "starts") == 2
    });
    fs::remove_file(node.out().join("sick")).unwrap();
    // A second of its life: the kubelet knows by then that it runs.
    let ticks = lines(&node, "ticks");
    node.until("the container runs again", |node| {
        lines(node, "ticks") > ticks + 10
    });
    let before = lines(&node, "end");
    fs::remove_file(node.manifest()).unwrap();
    node.until("the pod ends", |node| lines(node, "end") >= before + 2);
    let end = fs::read_to_string(node.out().join("end")).unwrap();
    let end: Vec<&str> = end.lines().skip(before).collect();
    assert_eq!(end, ["hook", "asked"], "the hook comes before the signal");
    node.until("no process is left", |_| !any_process("/out/ticks"));
}

/// Whether a process of this sandbox has been started with such a command.
fn any_process(part: &str) -> bool {
    let all = fs::read_dir("/proc").unwrap().map(Result::unwrap);
    let commands = all.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    commands
        .map(|command| String::from_utf8_lossy(&command).into_owned())
        .any(|command| command.contains(part))
}

#[test]
fn our_kubelet_and_our_runtime() {
    sandbox::run("survival::our_kubelet_and_our_runtime", |folder| {
        survives(folder, Source::Ours, Source::Ours);
    });
}

#[test]
fn the_real_kubelet_on_our_runtime() {
    let Some(kubelet) = Source::real("kubelet") else {
        return;
    };
    sandbox::run("survival::the_real_kubelet_on_our_runtime", |folder| {
        survives(folder, kubelet, Source::Ours);
    });
}

#[test]
fn our_kubelet_on_the_real_runtime() {
    let Some(runtime) = Source::real("containerd") else {
        return;
    };
    sandbox::run("survival::our_kubelet_on_the_real_runtime", |folder| {
        survives(folder, Source::Ours, runtime);
    });
}

/// What is asked here of ours has to hold for the real ones.
#[test]
fn the_real_kubelet_on_the_real_runtime() {
    let real = Source::real("kubelet").zip(Source::real("containerd"));
    let Some((kubelet, runtime)) = real else {
        return;
    };
    sandbox::run("survival::the_real_kubelet_on_the_real_runtime", |folder| {
        survives(folder, kubelet, runtime);
    });
}
