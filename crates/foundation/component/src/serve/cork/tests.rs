use std::future::poll_fn;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::*;

/// What has arrived at the other end by now.
fn arrived(other: &mut DuplexStream) -> usize {
    let mut context = Context::from_waker(std::task::Waker::noop());
    let mut bytes = vec![0; 1 << 20];
    let mut buffer = ReadBuf::new(&mut bytes);
    match Pin::new(other).poll_read(&mut context, &mut buffer) {
        Poll::Ready(read) => read.map(|()| buffer.filled().len()).expect("open"),
        Poll::Pending => 0,
    }
}

#[tokio::test]
async fn frames_of_one_turn_leave_together_at_its_end() {
    let (near, mut far) = duplex(1 << 20);
    let (mut stream, cork) = cork(near);
    for _ in 0..3 {
        stream.write_all(b"frame").await.expect("room");
        stream.flush().await.expect("open");
    }
    assert_eq!(arrived(&mut far), 0);
    poll_fn(|context| cork.flush(context)).await.expect("open");
    assert_eq!(arrived(&mut far), 15);
}

#[tokio::test]
async fn what_was_written_first_arrives_first_whatever_the_sizes() {
    let (near, mut far) = duplex(4 << 20);
    let (mut stream, cork) = cork(near);
    let mut expected = Vec::new();
    for (at, len) in [5, LARGE, 7, WAITING_MAX - 1, LARGE - 1, 1, 3 * LARGE, 2]
        .into_iter()
        .enumerate()
    {
        let part = vec![u8::try_from(at).expect("few"); len];
        stream.write_all(&part).await.expect("room");
        expected.extend(part);
    }
    poll_fn(|context| cork.flush(context)).await.expect("open");
    let mut read = vec![0; expected.len()];
    far.read_exact(&mut read).await.expect("all of it");
    assert_eq!(read, expected);
}

#[tokio::test]
async fn a_full_buffer_holds_its_writer_back() {
    let (near, mut far) = duplex(1 << 10);
    let (mut stream, _cork) = cork(near);
    let writing = async {
        for _ in 0..100 {
            stream.write_all(&[7; LARGE - 1]).await.expect("open");
        }
        stream.shutdown().await.expect("open");
    };
    let reading = async {
        let mut all = Vec::new();
        far.read_to_end(&mut all).await.expect("open");
        all.len()
    };
    let ((), len) = tokio::join!(writing, reading);
    assert_eq!(len, 100 * (LARGE - 1));
}

#[tokio::test]
async fn without_the_cork_nothing_waits() {
    let (near, mut far) = duplex(1 << 10);
    let (mut stream, cork) = cork(near);
    stream.write_all(b"a").await.expect("room");
    cork.take_off();
    stream.write_all(b"b").await.expect("room");
    assert_eq!(arrived(&mut far), 2);
}

#[tokio::test]
async fn without_the_cork_a_flush_writes_what_waited() {
    let (near, mut far) = duplex(1 << 10);
    let (mut stream, cork) = cork(near);
    stream.write_all(b"a").await.expect("room");
    cork.take_off();
    stream.flush().await.expect("open");
    assert_eq!(arrived(&mut far), 1);
}

#[tokio::test]
async fn an_empty_buffer_is_given_back() {
    let (near, _far) = duplex(1 << 20);
    let (mut stream, cork) = cork(near);
    stream.write_all(&[0; LARGE - 1]).await.expect("room");
    poll_fn(|context| cork.flush(context)).await.expect("open");
    assert!(lock(&cork.0).waiting.capacity() <= KEPT_MAX);
}
