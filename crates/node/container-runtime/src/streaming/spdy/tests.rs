//! Both sides of a connection, speaking to each other.

use super::{Connection, Side};
use styr_base::Tasks;

#[tokio::test]
async fn streams_carry_headers_and_data_both_ways() {
    let (near, far) = tokio::io::duplex(1 << 16);
    let (client, drive_client) = Connection::new(near, Side::Client);
    let (mut server, drive_server) = Connection::new(far, Side::Server);
    let tasks = Tasks::new();
    tasks.spawn(drive_client);
    tasks.spawn(drive_server);
    for round in 0..3 {
        let headers = vec![("streamType".to_owned(), format!("stdin-{round}"))];
        let mut ours = client.open(headers).await.unwrap();
        let mut theirs = server.incoming.recv().await.unwrap();
        theirs.accept().await.unwrap();
        assert_eq!(
            theirs.header("streamtype"),
            Some(format!("stdin-{round}").as_str())
        );
        ours.sink().write(b"hello").await.unwrap();
        ours.sink().finish().await.unwrap();
        assert_eq!(theirs.data.recv().await.unwrap(), "hello");
        assert!(theirs.data.recv().await.is_none());
        theirs.sink().write(&[7; 100_000]).await.unwrap();
        theirs.sink().finish().await.unwrap();
        let mut length = 0;
        while let Some(part) = ours.data.recv().await {
            length += part.len();
        }
        assert_eq!(length, 100_000);
    }
}
