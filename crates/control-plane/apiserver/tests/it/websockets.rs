//! The rules of streams over a WebSocket: the same answers, cut into messages.

use futures::{SinkExt, StreamExt};
use http::Response;
use serde_json::{Value, json};
use styr_base::Tasks;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::server::TestServer;
use crate::streams::{kubelet, with_pod};

const LOG: &str = "/api/v1/namespaces/default/pods/p/log?container=c";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

type Socket = WebSocketStream<TcpStream>;

/// A server with a pod that has logs, and the sockets to it.
struct Sockets {
    server: TestServer,
    tasks: Tasks,
}

impl Sockets {
    async fn start() -> Self {
        let (tasks, server) = (Tasks::new(), TestServer::start().await);
        Self { server, tasks }
    }

    async fn with_logs() -> Self {
        let this = Self::start().await;
        let kubelet = kubelet(&this.tasks, &this.server.shutdown).await;
        with_pod(&this.server, kubelet).await;
        this
    }

    async fn open(
        &self,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<(Socket, Response<Option<Vec<u8>>>), Error> {
        let address = self.server.listen(&self.tasks).await;
        let url = format!("ws://{address}{path}");
        let mut request = url.into_client_request().expect("a valid path");
        for (name, value) in headers {
            let value = value.parse().expect("a valid header");
            request.headers_mut().insert(*name, value);
        }
        let stream = TcpStream::connect(address).await.expect("listening");
        client_async(request, stream).await
    }
}

/// All messages up to the end, which has to be said.
async fn messages(mut socket: Socket) -> Vec<Message> {
    let mut all = Vec::new();
    loop {
        match socket
            .next()
            .await
            .expect("an end")
            .expect("a whole stream")
        {
            Message::Close(_) => return all,
            message => all.push(message),
        }
    }
}

fn event(message: Option<Result<Message, Error>>) -> (String, String) {
    let message = message.expect("the stream goes on").expect("it is whole");
    assert!(message.is_text(), "{message}");
    let event: Value = serde_json::from_str(message.to_text().expect("text")).expect("an event");
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    (
        text(&event["type"]),
        text(&event["object"]["metadata"]["name"]),
    )
}

#[tokio::test]
async fn a_log_comes_in_binary_behind_an_empty_message() {
    let sockets = Sockets::with_logs().await;
    let (socket, _) = sockets.open(LOG, &[]).await.expect("a socket");
    let log = Message::binary("/containerLogs/default/p/c");
    assert_eq!(messages(socket).await, [Message::binary(""), log]);
}

#[tokio::test]
async fn a_log_comes_in_base64_for_those_who_say_so() {
    let sockets = Sockets::with_logs().await;
    let protocol = ("sec-websocket-protocol", "base64.binary.k8s.io");
    let (socket, answer) = sockets.open(LOG, &[protocol]).await.expect("a socket");
    let agreed = answer.headers().get("sec-websocket-protocol");
    assert_eq!(agreed.expect("agreed"), "base64.binary.k8s.io");
    let log = Message::text("L2NvbnRhaW5lckxvZ3MvZGVmYXVsdC9wL2M=");
    assert_eq!(messages(socket).await, [Message::text(""), log]);
}

#[tokio::test]
async fn what_is_refused_is_an_ordinary_answer() {
    let sockets = Sockets::with_logs().await;
    let refusal = |error: Error| match error {
        Error::Http(answer) => {
            let body = answer.body().clone().expect("a body");
            let status: Value = serde_json::from_slice(&body).expect("a Status");
            (answer.status().as_u16(), status["message"].clone())
        }
        other => panic!("not refused: {other}"),
    };
    let nope = LOG.replace("container=c", "container=nope");
    let refused = sockets.open(&nope, &[]).await.expect_err("a refusal");
    let why = json!("container nope is not valid for pod p");
    assert_eq!(refusal(refused), (400, why));
    let protocol = ("sec-websocket-protocol", "channel.k8s.io");
    let refused = sockets.open(LOG, &[protocol]).await.expect_err("a refusal");
    assert_eq!(refusal(refused).0, 403);
}

#[tokio::test]
async fn an_event_is_a_message() {
    let sockets = Sockets::start().await;
    for name in ["a", "b"] {
        let map = json!({ "metadata": { "name": name } });
        assert_eq!(sockets.server.post(MAPS, &map).await.code, 201);
    }
    let path = format!("{MAPS}?watch=true");
    let (mut socket, _) = sockets.open(&path, &[]).await.expect("a socket");
    assert_eq!(event(socket.next().await), ("ADDED".into(), "a".into()));
    assert_eq!(event(socket.next().await), ("ADDED".into(), "b".into()));
    sockets.server.delete(&format!("{MAPS}/a")).await;
    assert_eq!(event(socket.next().await), ("DELETED".into(), "a".into()));
}

#[tokio::test]
async fn an_event_in_protobuf_is_a_binary_message_without_its_length() {
    let sockets = Sockets::start().await;
    let map = json!({ "metadata": { "name": "a" } });
    assert_eq!(sockets.server.post(MAPS, &map).await.code, 201);
    let accept = ("accept", "application/vnd.kubernetes.protobuf;stream=watch");
    let path = format!("{MAPS}?watch=true");
    let (mut socket, _) = sockets.open(&path, &[accept]).await.expect("a socket");
    let message = socket.next().await.expect("an event").expect("whole");
    assert!(message.is_binary());
    // The first field of a WatchEvent: its type.
    assert_eq!(message.into_data()[..7], *b"\x0a\x05ADDED");
}

#[tokio::test]
async fn a_watch_ends_with_its_client() {
    let sockets = Sockets::start().await;
    let path = format!("{MAPS}?watch=true");
    let (mut socket, _) = sockets.open(&path, &[]).await.expect("a socket");
    socket.send(Message::text("ignored")).await.expect("open");
    socket.close(None).await.expect("open");
    let answered = socket.next().await.expect("an answer").expect("whole");
    assert!(answered.is_close(), "{answered}");
    assert!(socket.next().await.is_none(), "the server closes as well");
}
