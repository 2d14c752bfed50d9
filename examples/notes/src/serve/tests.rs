use std::future::pending;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;

use super::*;
use crate::client;

/// Answers with the length of what it was sent, once it is let.
struct Echo {
    let_go: Semaphore,
}

impl Application for Echo {
    async fn answer(&self, request: Request<Bytes>) -> Answer {
        let _permit = self.let_go.acquire().await.expect("nobody closes it");
        text(StatusCode::OK, &request.body().len().to_string())
    }

    async fn ready(&self) -> anyhow::Result<()> {
        Ok(())
    }
}

struct Running {
    address: SocketAddr,
    application: Arc<Echo>,
    end: oneshot::Sender<()>,
    server: JoinSet<()>,
}

async fn start(permits: usize, leaving: Duration) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let application = Arc::new(Echo {
        let_go: Semaphore::new(permits),
    });
    let (end, told) = oneshot::channel();
    let told = async {
        if told.await.is_err() {
            pending::<()>().await;
        }
    };
    let mut server = JoinSet::new();
    server.spawn(serve(listener, Arc::clone(&application), told, leaving));
    Running {
        address,
        application,
        end,
        server,
    }
}

async fn post(address: SocketAddr, path: &str, body: Vec<u8>) -> Response<Bytes> {
    let uri = format!("http://{address}{path}");
    client::send(Request::post(uri).body(body.into()).unwrap())
        .await
        .unwrap()
}

#[tokio::test]
async fn takes_bodies_up_to_the_limit_and_refuses_longer_ones() {
    let running = start(1, Duration::ZERO).await;
    let fits = post(running.address, "/", vec![b'a'; BODY_BYTES_MAX]).await;
    assert_eq!(fits.body(), "16384\n");
    let too_long = post(running.address, "/", vec![b'a'; BODY_BYTES_MAX + 1]).await;
    assert_eq!(too_long.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn serves_on_after_it_was_told_to_end_but_says_that_it_is_not_ready() {
    let running = start(1, Duration::from_secs(3600)).await;
    assert_eq!(
        post(running.address, "/readyz", Vec::new()).await.status(),
        StatusCode::OK
    );
    running.end.send(()).unwrap();
    // The signal takes a moment to be seen; each connection asks anew.
    let ready = loop {
        let answer = post(running.address, "/readyz", Vec::new()).await;
        if answer.status() != StatusCode::OK {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    let served = post(running.address, "/", Vec::new()).await;
    assert_eq!(served.status(), StatusCode::OK);
    assert_eq!(served.headers()[CONNECTION], "close");
}

#[tokio::test]
async fn finishes_the_requests_that_it_has_begun() {
    let mut running = start(0, Duration::ZERO).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    // The server answers this one only after it has accepted the first.
    post(running.address, "/healthz", Vec::new()).await;
    running.end.send(()).unwrap();
    running.application.let_go.add_permits(1);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    running.server.join_next().await.unwrap().unwrap();
}
