use http_body_util::{BodyExt, Empty, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;

use super::*;

#[tokio::test]
async fn serves_requests_and_ends_when_asked() {
    let socket = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = socket.local_addr().unwrap();
    let listener = Listener {
        socket,
        tls: None,
        connections_max: 8,
    };
    let shutdown = Shutdown::new();
    let service = handler(|request: Request<Incoming>| async move {
        let peer = request.extensions().get::<Connection>().unwrap().peer;
        Response::new(Full::new(Bytes::from(format!(
            "{} {}",
            peer.ip(),
            request.uri().path()
        ))))
    });
    let server = serve(listener, service, shutdown.clone());
    let exchange = async {
        let client: Client<HttpConnector, Empty<Bytes>> =
            Client::builder(TokioExecutor::new()).build_http();
        let address = format!("http://{address}/readyz").parse().unwrap();
        let answer = client.get(address).await.unwrap();
        shutdown.request();
        answer.into_body().collect().await.unwrap().to_bytes()
    };
    let ((), body) = tokio::join!(server, exchange);
    assert_eq!(body, "127.0.0.1 /readyz");
}
