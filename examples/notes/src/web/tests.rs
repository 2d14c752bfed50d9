use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;
use crate::api::Api;
use crate::notes::Notes;
use crate::serve::serve;

/// A front before an API of its own, at the loopback.
struct Fixture {
    web: Web,
    _folder: tempfile::TempDir,
    _server: JoinSet<()>,
}

fn identity(pod: &str) -> Identity {
    Identity {
        version: "v1".into(),
        pod: pod.into(),
        node: "kind-worker".into(),
    }
}

async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "open sesame").unwrap();
    let token = Token::in_file(file);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let api = Api {
        notes: Notes::open(folder.path().join("volume")).unwrap(),
        token: token.clone(),
        identity: identity("notes-api-0"),
    };
    let mut server = JoinSet::new();
    server.spawn(serve(listener, Arc::new(api), pending(), Duration::ZERO));
    let web = Web {
        api: format!("http://{address}"),
        title: "Notes".into(),
        token,
        identity: identity("notes-web-0"),
    };
    Fixture {
        web,
        _folder: folder,
        _server: server,
    }
}

async fn ask(web: &Web, request: http::request::Builder, body: &'static str) -> (u16, String) {
    let answer = web.answer(request.body(body.into()).unwrap()).await;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.into()).unwrap())
}

fn form(path: &str) -> http::request::Builder {
    Request::post(path).header(CONTENT_TYPE, FORM)
}

#[tokio::test]
async fn a_form_writes_a_note_that_the_page_then_shows() {
    let fixture = fixture().await;
    assert_eq!(
        ask(&fixture.web, form("/notes"), "text=milk+%26+honey")
            .await
            .0,
        303
    );
    let (status, page) = ask(&fixture.web, Request::get("/"), "").await;
    assert_eq!(status, 200);
    assert!(page.contains("milk &amp; honey"), "{page}");
}

#[tokio::test]
async fn a_form_removes_a_note() {
    let fixture = fixture().await;
    ask(&fixture.web, form("/notes"), "text=milk").await;
    assert_eq!(ask(&fixture.web, form("/notes/1/delete"), "").await.0, 303);
    let (_, notes) = ask(&fixture.web, Request::get("/notes"), "").await;
    assert!(notes.contains(r#""notes":[]"#), "{notes}");
}

#[tokio::test]
async fn programs_get_the_answers_of_the_api() {
    let fixture = fixture().await;
    let (status, note) = ask(&fixture.web, Request::post("/notes"), "plain").await;
    assert_eq!(status, 201);
    assert!(note.contains(r#""text":"plain""#), "{note}");
}

#[tokio::test]
async fn hands_refusals_on_as_they_are() {
    let fixture = fixture().await;
    let refused = ask(&fixture.web, form("/notes"), "text=+").await;
    assert_eq!(refused, (400, "a note needs a text\n".into()));
    assert_eq!(ask(&fixture.web, form("/notes"), "word=milk").await.0, 400);
    assert_eq!(ask(&fixture.web, form("/notes/1/delete"), "").await.0, 404);
}

#[tokio::test]
async fn says_so_when_the_api_is_away() {
    let mut fixture = fixture().await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    fixture.web.api = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let away = ask(&fixture.web, Request::get("/"), "").await;
    assert_eq!(away, (502, "the notes cannot be reached\n".into()));
}
