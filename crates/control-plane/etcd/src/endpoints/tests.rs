use std::path::Path;

use http_body_util::BodyExt as _;
use styr_base::SystemClock;

use super::*;
use crate::Options;

fn open(folder: &Path) -> Engine {
    let clock = SystemClock::shared();
    Engine::open(folder, Options { clock }).unwrap()
}

async fn ask(engine: &Engine, method: Method, address: &str) -> (u16, String) {
    let request = Request::builder().method(method).uri(address).body(());
    let answer = answer(engine, &request.unwrap());
    let code = answer.status().as_u16();
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    (code, String::from_utf8(text.to_vec()).unwrap())
}

#[tokio::test]
async fn a_member_that_is_well_says_so_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let all = "[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\n\
               [+]non_learner ok\nok\n";
    for (address, expected) in [
        ("/health", r#"{"health":"true","reason":""}"#),
        ("/livez", "ok\n"),
        ("/readyz", "ok\n"),
        ("/readyz?verbose", all),
        ("/livez?verbose", "[+]serializable_read ok\nok\n"),
        ("/livez?verbose&exclude=serializable_read", "ok\n"),
        ("/readyz/linearizable_read", "ok\n"),
    ] {
        let answer = ask(&engine, Method::GET, address).await;
        assert_eq!(answer, (200, expected.to_owned()), "{address}");
    }
    let (code, figures) = ask(&engine, Method::GET, "/metrics").await;
    assert_eq!(code, 200);
    assert!(
        figures.contains("\netcd_debugging_mvcc_current_revision 1\n"),
        "{figures}"
    );
}

#[tokio::test]
async fn what_is_not_there_or_not_allowed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    for address in [
        "/",
        "/v2/keys",
        "/readyz/nothing",
        "/livez/non_learner",
        "/health/x",
    ] {
        assert_eq!(ask(&engine, Method::GET, address).await.0, 404, "{address}");
    }
    assert_eq!(ask(&engine, Method::POST, "/health").await.0, 405);
}

#[tokio::test]
async fn a_log_that_takes_no_writes_makes_a_member_unready_and_leaves_it_alive() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    engine.break_log("the disk is gone");
    let (code, text) = ask(&engine, Method::GET, "/readyz").await;
    assert_eq!(code, 503);
    assert!(
        text.contains("[-]linearizable_read failed: the disk is gone\n"),
        "{text}"
    );
    assert_eq!(ask(&engine, Method::GET, "/health").await.0, 503);
    assert_eq!(ask(&engine, Method::GET, "/livez").await.0, 200);
}
