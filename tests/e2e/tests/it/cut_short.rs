//! Creations that fail, or are ended from outside, and clusters that are not whole any more.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Stdio};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use rustix::process::{Pid, Signal, kill_process};

use crate::ground::Ground;

const CREATE: [&str; 4] = ["create", "cluster", "--name=e2e", "--wait=60s"];
/// Steps of a creation, as a user reads them.
const STEPS: [&str; 5] = [
    "Creating cluster",
    "Preparing the network",
    "Writing keys",
    "Starting the nodes",
    "Starting the control plane",
];

/// Starts a creation and returns once it has told a step.
#[expect(
    clippy::zombie_processes,
    reason = "a test that fails here ends the process"
)]
fn create_until(ground: &Ground, step: &str) -> Child {
    let mut child = ground.styr(&CREATE).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut seen = Vec::new();
    for line in lines {
        seen.push(line.unwrap());
        if seen.last().is_some_and(|line| line.contains(step)) {
            return child;
        }
    }
    panic!("no step {step:?}: {seen:?}");
}

fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

#[test]
fn an_interrupted_creation_undoes_what_it_made() {
    let Some(ground) = Ground::take(&["e2e"]) else {
        return;
    };
    for step in STEPS {
        let mut child = create_until(&ground, step);
        signal(child.id(), Signal::INT);
        assert!(
            !child.wait().unwrap().success(),
            "interrupted after {step:?}, and succeeded"
        );
        ground.assert_unchanged();
    }
}

#[test]
fn a_creation_that_is_killed_can_be_deleted() {
    let Some(ground) = Ground::take(&["e2e"]) else {
        return;
    };
    for step in STEPS {
        let mut child = create_until(&ground, step);
        child.kill().unwrap();
        child.wait().unwrap();
        ground.run(&["delete", "cluster", "--name=e2e"]);
        ground.assert_unchanged();
    }
}

#[test]
fn a_cluster_whose_nodes_died_can_be_deleted() {
    let Some(ground) = Ground::take(&["e2e"]) else {
        return;
    };
    ground.run(&CREATE);
    signal(
        ground.first_process("e2e", "e2e-control-plane"),
        Signal::KILL,
    );
    ground.run(&["delete", "cluster", "--name=e2e"]);
    ground.assert_unchanged();
}

#[test]
fn a_port_that_is_taken_is_named_and_nothing_is_left() {
    let Some(ground) = Ground::take(&["e2e"]) else {
        return;
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = ground.config(&format!("networking: {{apiServerPort: {port}}}\n"));
    let text = ground.refused(&["create", "cluster", "--name=e2e", "--config", &config]);
    assert!(
        text.contains(&format!("127.0.0.1:{port}")) && text.contains("in use"),
        "{text}"
    );
    ground.assert_unchanged();
}

#[test]
fn a_failed_creation_can_be_retained() {
    let Some(ground) = Ground::take(&["e2e"]) else {
        return;
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = ground.config(&format!("networking: {{apiServerPort: {port}}}\n"));
    let words = [
        "create",
        "cluster",
        "--name=e2e",
        "--retain",
        "--config",
        &config,
    ];
    let text = ground.refused(&words);
    assert!(text.contains("left in"), "{text}");
    assert!(
        ground
            .cluster("e2e")
            .join("nodes/e2e-control-plane")
            .exists()
    );
    ground.run(&["delete", "cluster", "--name=e2e"]);
    ground.assert_unchanged();
}

#[test]
fn a_configuration_that_is_refused_makes_nothing() {
    let Some(ground) = Ground::take(&["e2e"]) else {
        return;
    };
    let cases = [
        ("featureGates: {A: true}\n", "featureGates"),
        ("nodes: [{role: worker}]\n", "control-plane"),
        (
            "nodes: [{role: control-plane, extraMounts: [{hostPath: /no/such, containerPath: /a}]}]\n",
            "/no/such does not exist",
        ),
    ];
    for (text, cause) in cases {
        let config = ground.config(text);
        let said = ground.refused(&["create", "cluster", "--name=e2e", "--config", &config]);
        assert!(said.contains(cause), "{said}");
        ground.assert_unchanged();
    }
}

#[test]
fn a_full_disk_is_named_and_nothing_is_left() {
    let Some(ground) = Ground::take(&["e2e"]) else {
        return;
    };
    // Too little for the image of the program.
    let disk = ground.path("state");
    std::fs::create_dir(&disk).unwrap();
    mount("tmpfs", &disk, "tmpfs", MountFlags::empty(), c"size=1m").unwrap();
    let text = ground.refused(&CREATE);
    unmount(&disk, UnmountFlags::DETACH).unwrap();
    assert!(text.contains("No space left on device"), "{text}");
    ground.assert_unchanged();
}

#[test]
fn whoever_is_not_root_is_told_so() {
    let Some(ground) = Ground::take(&["e2e"]) else {
        return;
    };
    use std::os::unix::process::CommandExt as _;
    let mut command = ground.styr(&CREATE);
    let output = command.uid(65_534).output();
    // The program may lie where only root can start it.
    let Ok(output) = output else { return };
    let text = crate::ground::said(&output);
    assert!(!output.status.success() && text.contains("root"), "{text}");
    ground.assert_unchanged();
}
