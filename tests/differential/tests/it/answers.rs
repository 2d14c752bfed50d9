//! The rule: whatever is asked, ours answers as the real one does.

use std::path::Path;

use serde_json::json;
use styr_base::Shutdown;
use styr_client::Client;
use styr_differential_tests::case::{self, Case, Step};
use styr_differential_tests::compare::differences;
use styr_differential_tests::known::{self, Known};
use styr_differential_tests::real::Real;
use styr_differential_tests::side::Side;
use styr_differential_tests::{ours, volatile};

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_case_asks_something_once() {
    for case in case::read_all(&folder().join("cases")).unwrap() {
        let mut names: Vec<_> = case.steps.iter().map(|step| &step.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), case.steps.len(), "{}: a name twice", case.name);
        assert!(!names.is_empty(), "{} is empty", case.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_server_and_ours_answer_alike() {
    let (theirs, own) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(real) = Real::start(theirs.path()).await.unwrap() else {
        return;
    };
    let shutdown = Shutdown::new();
    let ours = ours::start(own.path(), &shutdown).await.unwrap();
    let known = known::read(&folder().join("known.yaml")).unwrap();
    let mut met = vec![false; known.len()];
    let mut problems = Vec::new();
    let wanted = std::env::var("STYR_CASE").unwrap_or_default();
    let cases = case::read_all(&folder().join("cases")).unwrap();
    for case in cases.iter().filter(|case| case.name.contains(&wanted)) {
        problems.extend(run(case, &real.client, &ours, &known, &mut met).await);
    }
    let gone = known
        .iter()
        .zip(&met)
        .filter(|(_, met)| !**met && wanted.is_empty());
    problems.extend(gone.map(|(entry, _)| {
        let Known { case, step, at, .. } = entry;
        format!("{case} / {step}: {at} does not differ any more: take it out of known.yaml")
    }));
    shutdown.request();
    let count = problems.len();
    assert!(
        problems.is_empty(),
        "{count} problems:\n{}",
        problems.join("\n")
    );
}

/// Puts a case to both; answers what differs and is not known.
async fn run(
    case: &Case,
    real: &Client,
    ours: &Client,
    known: &[Known],
    met: &mut [bool],
) -> Vec<String> {
    let (mut real, mut ours) = (Side::new(real, &case.name), Side::new(ours, &case.name));
    let mut problems = Vec::new();
    for step in preamble(&case.name).iter().chain(&case.steps) {
        let (theirs, own) = tokio::join!(real.ask(step), ours.ask(step));
        let (mut theirs, mut own) = match (theirs, own) {
            (Ok(theirs), Ok(own)) => (theirs, own),
            (theirs, own) => {
                for error in [theirs.err(), own.err()].into_iter().flatten() {
                    problems.push(format!("{} / {}: {error:#}", case.name, step.name));
                }
                continue;
            }
        };
        volatile::settle(&mut theirs);
        volatile::settle(&mut own);
        for difference in differences(&theirs, &own) {
            let entry = known
                .iter()
                .position(|entry| entry.covers(&case.name, &step.name, &difference.at));
            match entry {
                Some(entry) => met[entry] = true,
                None => problems.push(format!(
                    "{} / {}: {}\n{difference}",
                    case.name, step.name, step.request
                )),
            }
        }
    }
    problems
}

/// Each case has a namespace and, since no controller makes it, the account that pods need.
fn preamble(namespace: &str) -> [Step; 2] {
    let step = |name: &str, request: &str, body| Step {
        name: name.to_owned(),
        request: request.to_owned(),
        body: Some(body),
        text: None,
        content_type: None,
        accept: None,
        headers: Default::default(),
    };
    [
        step(
            "namespace of the case",
            "POST /api/v1/namespaces",
            json!({ "metadata": { "name": namespace } }),
        ),
        step(
            "account of the case",
            "POST /api/v1/namespaces/$ns/serviceaccounts",
            json!({ "metadata": { "name": "default" } }),
        ),
    ]
}
