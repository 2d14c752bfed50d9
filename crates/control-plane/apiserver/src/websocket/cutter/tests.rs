use bytes::Bytes;

use super::Cutter;
use crate::websocket::Messages;

fn cut(messages: Messages, chunks: &[&'static [u8]]) -> Vec<Vec<Bytes>> {
    let mut cutter = Cutter::new(messages);
    let chunks = chunks.iter().map(|chunk| Bytes::from_static(chunk));
    chunks.map(|chunk| cutter.cut(chunk)).collect()
}

#[test]
fn bytes_are_sent_as_they_come() {
    let sent = cut(Messages::Bytes, &[b"a\nb", b"", b"c"]);
    assert_eq!(sent, [vec!["a\nb"], vec![], vec!["c"]]);
}

#[test]
fn a_line_is_a_message_however_it_comes() {
    let sent = cut(Messages::Lines, &[b"one\ntwo\nth", b"r", b"ee\n", b"rest"]);
    assert_eq!(
        sent,
        [vec!["one\n", "two\n"], vec![], vec!["three\n"], vec![]]
    );
}

#[test]
fn a_length_tells_where_a_message_ends_and_is_not_sent() {
    let chunks: [&[u8]; 3] = [b"\0\0\0\x03one\0\0\0\0\0\0", b"\0\x03tw", b"o\0\0"];
    let sent = cut(Messages::Prefixed, &chunks);
    assert_eq!(sent, [vec!["one", ""], vec![], vec!["two"]]);
}
