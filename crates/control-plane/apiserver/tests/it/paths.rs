//! The rules of paths that are no resources.

use crate::server::TestServer;

#[tokio::test]
async fn clients_are_told_where_the_server_is_whatever_they_call_it() {
    let server = TestServer::start().await;
    let versions = server.get("/api").await.body;
    let address = &versions["serverAddressByClientCIDRs"][0]["serverAddress"];
    assert_eq!(address, "0.0.0.0:6443", "the default address and port");
}

#[tokio::test]
async fn documents_of_the_issuer_are_not_indented() {
    let server = TestServer::start().await;
    for path in ["/.well-known/openid-configuration", "/openid/v1/jwks"] {
        let text = server.text(path).await;
        assert!(text.starts_with('{') && !text.contains('\n'), "{text}");
    }
}
