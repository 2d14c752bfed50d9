//! The rule: whoever uses the store does not see that it is ours.

use std::path::Path;
use std::process::Command;

use styr_differential_tests::real::Real;
use styr_differential_tests::store;
use styr_test_support::oracle;

/// What a script prints when it asks with a program at some place.
fn script(name: &str, program: &Path, place: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("scripts")
        .join(name);
    let output = Command::new("bash")
        .arg(file)
        .arg(program)
        .arg(place)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Names the commands whose answers differ.
fn compare(real: &str, ours: &str) {
    let (real, ours): (Vec<_>, Vec<_>) = (real.split("## ").collect(), ours.split("## ").collect());
    assert_eq!(real.len(), ours.len());
    let pairs = real.iter().zip(&ours);
    let differences: Vec<_> = pairs
        .filter(|(real, ours)| real != ours)
        .map(|(real, ours)| format!("real: {real}ours: {ours}"))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn etcdctl_is_answered_as_by_the_real_one() {
    let folder = tempfile::tempdir().unwrap();
    let (Some(etcdctl), Some(real)) = (
        oracle::binary("etcdctl"),
        store::Real::start(folder.path()).unwrap(),
    ) else {
        return;
    };
    let ours = store::Ours::start(folder.path()).await.unwrap();
    let ask = |url: String| {
        let etcdctl = etcdctl.clone();
        tokio::task::spawn_blocking(move || script("etcdctl.sh", &etcdctl, &url))
    };
    let (real, ours) = tokio::join!(ask(real.url.clone()), ask(ours.url.clone()));
    compare(&real.unwrap(), &ours.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_api_server_answers_kubectl_on_our_store_as_on_the_real_one() {
    let (theirs, own) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = store::Ours::start(own.path()).await.unwrap();
    let (on_real, on_ours) = tokio::join!(
        Real::start(theirs.path()),
        Real::start_on(&store.url, own.path()),
    );
    let (Some(kubectl), Some(on_real), Some(on_ours)) = (
        oracle::binary("kubectl"),
        on_real.unwrap(),
        on_ours.unwrap(),
    ) else {
        return;
    };
    let ask = |server: &Real| {
        let (kubectl, kubeconfig) = (kubectl.clone(), server.kubeconfig.clone());
        tokio::task::spawn_blocking(move || {
            script("kubectl-40.sh", &kubectl, &kubeconfig.to_string_lossy())
        })
    };
    let (real, ours) = tokio::join!(ask(&on_real), ask(&on_ours));
    compare(&real.unwrap(), &ours.unwrap());
}
