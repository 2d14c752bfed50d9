use http::Response;
use http_body_util::Full;

use super::*;

#[tokio::test]
async fn asks_only_for_what_no_other_proxy_serves() {
    let (asked, mut paths) = tokio::sync::mpsc::channel(2);
    let client = Client::over_service(tower::service_fn(move |request: http::Request<_>| {
        // Later requests are not looked at.
        let _ = asked.try_send(request.uri().to_string());
        let end = r#"{"type":"BOOKMARK","object":{"metadata":{}}}"#;
        std::future::ready(Ok::<_, std::convert::Infallible>(Response::new(Full::new(
            bytes::Bytes::from(end),
        ))))
    }));
    let caches = Caches::new(client, SystemClock::shared(), Shutdown::new());
    let _view = View::new(&caches);
    for _ in 0..2 {
        let path = paths.recv().await.unwrap();
        assert!(path.contains("service.kubernetes.io/headless"), "{path}");
        assert!(path.contains("service-proxy-name"), "{path}");
    }
}
