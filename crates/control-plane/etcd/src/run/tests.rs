//! TLS as the flags ask for it.

use std::time::Duration;

use bytes::Bytes;
use styr_base::Clock as _;
use styr_pki::authority::{Authority, Profile};
use styr_store::{EtcdClient, Store, StoreError};

use super::*;

/// A store that asks its clients for certificates, and the folder with everybody's files.
async fn start(folder: &Path) -> (String, Tasks) {
    let now = SystemClock::default().now();
    let authority = Authority::generate("etcd-ca", now).unwrap();
    let address = "127.0.0.1".parse().unwrap();
    let server = Profile::server("etcd", &["localhost"], &[address]);
    let client = Profile::client("apiserver", None);
    std::fs::write(folder.join("ca.crt"), authority.certificate_pem()).unwrap();
    for (name, profile) in [("server", server), ("client", client)] {
        let pair = authority.issue(&profile, now).unwrap();
        std::fs::write(folder.join(format!("{name}.crt")), pair.certificate_pem).unwrap();
        std::fs::write(folder.join(format!("{name}.key")), pair.key_pem).unwrap();
    }
    let tls = server_tls(&TlsFiles {
        certificate: folder.join("server.crt"),
        key: folder.join("server.key"),
        client_authority: Some(folder.join("ca.crt")),
    });
    let clock = SystemClock::shared();
    let options = Options {
        clock: Arc::clone(&clock),
    };
    let engine = Engine::open(&folder.join("store"), options).unwrap();
    let member = Member {
        name: "default".to_owned(),
        client_urls: Vec::new(),
        peer_urls: Vec::new(),
        progress_interval: Duration::from_secs(600),
        bytes_max: None,
    };
    let socket = serve::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let url = format!("https://{}", socket.local_addr().unwrap());
    let listener = Listener {
        socket,
        tls: Some(tls.unwrap()),
        connections_max: 4,
    };
    let tasks = Tasks::new();
    let server = Server::new(engine, member, clock);
    tasks.spawn_infallible(server.serve(listener, Shutdown::new()));
    (url, tasks)
}

async fn connect(url: &str, files: styr_store::TlsFiles) -> Arc<dyn Store> {
    EtcdClient::connect(&[url.to_owned()], files).await.unwrap()
}

#[tokio::test]
async fn a_client_with_a_certificate_is_served_and_one_without_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (url, _tasks) = start(folder.path()).await;
    let file = |name: &str| Some(folder.path().join(name));
    let files = styr_store::TlsFiles {
        ca: file("ca.crt"),
        certificate: file("client.crt"),
        key: file("client.key"),
    };
    let store = connect(&url, files.clone()).await;
    let key = Bytes::from_static(b"a");
    assert_eq!(store.create(key.clone(), key, 0).await.unwrap(), 2);

    let nameless = styr_store::TlsFiles {
        certificate: None,
        key: None,
        ..files
    };
    let refused = connect(&url, nameless).await.get(b"a").await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
}
