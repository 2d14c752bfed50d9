use http_body_util::BodyExt as _;

use super::*;

struct Fixture {
    api: Api,
    folder: tempfile::TempDir,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "open sesame\n").unwrap();
    let api = Api {
        notes: Notes::open(folder.path().join("volume")).unwrap(),
        token: Token::in_file(token),
        identity: Identity {
            version: "v1".into(),
            pod: "notes-api-0".into(),
            node: "kind-worker".into(),
        },
    };
    Fixture { api, folder }
}

async fn ask(api: &Api, method: Method, path: &str, body: &'static str) -> (u16, String) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(AUTHORIZATION, "Bearer open sesame")
        .body(body.into())
        .unwrap();
    show(api.answer(request).await).await
}

async fn show(answer: Answer) -> (u16, String) {
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.into()).unwrap())
}

#[tokio::test]
async fn lists_what_was_written() {
    let Fixture {
        api,
        folder: _folder,
    } = fixture();
    assert_eq!(ask(&api, Method::POST, "/notes", "milk").await.0, 201);
    let (status, body) = ask(&api, Method::GET, "/notes", "").await;
    let listing: Listing = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200);
    assert_eq!(listing.served_by, "notes-api-0");
    assert_eq!(listing.notes[0].text, "milk");
}

#[tokio::test]
async fn a_note_can_be_read_and_removed_by_its_number() {
    let Fixture {
        api,
        folder: _folder,
    } = fixture();
    ask(&api, Method::POST, "/notes", "milk").await;
    assert_eq!(ask(&api, Method::GET, "/notes/1", "").await.0, 200);
    assert_eq!(ask(&api, Method::DELETE, "/notes/1", "").await.0, 200);
    assert_eq!(ask(&api, Method::GET, "/notes/1", "").await.0, 404);
    assert_eq!(ask(&api, Method::DELETE, "/notes/1", "").await.0, 404);
}

#[tokio::test]
async fn nobody_writes_without_the_token() {
    let Fixture {
        api,
        folder: _folder,
    } = fixture();
    for header in [
        None,
        Some("Bearer open"),
        Some("open sesame"),
        Some("Bearer Open sesame"),
    ] {
        let mut request = Request::post("/notes");
        if let Some(header) = header {
            request = request.header(AUTHORIZATION, header);
        }
        let answer = api.answer(request.body("milk".into()).unwrap()).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{header:?}");
    }
}

#[tokio::test]
async fn a_token_that_is_changed_holds_at_once() {
    let Fixture { api, folder } = fixture();
    std::fs::write(folder.path().join("token"), "another").unwrap();
    assert_eq!(ask(&api, Method::POST, "/notes", "milk").await.0, 401);
}

#[tokio::test]
async fn a_missing_token_is_the_servers_fault_and_lets_nobody_in() {
    let Fixture { api, folder } = fixture();
    std::fs::remove_file(folder.path().join("token")).unwrap();
    assert_eq!(ask(&api, Method::POST, "/notes", "milk").await.0, 500);
}

#[tokio::test]
async fn refuses_what_is_no_note_and_what_is_not_there() {
    let Fixture {
        api,
        folder: _folder,
    } = fixture();
    assert_eq!(
        ask(&api, Method::POST, "/notes", " ").await,
        (400, "a note needs a text\n".into())
    );
    assert_eq!(ask(&api, Method::PUT, "/notes/1", "milk").await.0, 405);
    assert_eq!(ask(&api, Method::GET, "/", "").await.0, 404);
}

#[tokio::test]
async fn is_not_ready_without_its_volume() {
    let Fixture { api, folder } = fixture();
    assert!(api.ready().await.is_ok());
    std::fs::remove_dir(folder.path().join("volume")).unwrap();
    assert!(api.ready().await.is_err());
}
