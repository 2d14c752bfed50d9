use bytes::Bytes;
use styr_store::KeyValue;

use super::*;

fn put(value: usize) -> Vec<Event> {
    let current = KeyValue {
        value: Bytes::from(vec![0; value]),
        ..KeyValue::default()
    };
    let (kind, previous) = (EventKind::Put, None);
    vec![Event {
        kind,
        current,
        previous,
    }]
}

#[test]
fn small_revisions_share_an_answer_with_the_last_revision() {
    let mut answers = Answers::new(7, &pb::WatchCreateRequest::default());
    assert!(answers.add(2, put(1)).is_none());
    assert!(answers.add(3, put(1)).is_none());
    let (revision, answer) = answers.take().unwrap();
    assert_eq!((revision, answer.watch_id, answer.events.len()), (3, 7, 2));
    assert!(answers.take().is_none());
}

#[test]
fn an_answer_goes_out_when_it_is_large() {
    let mut answers = Answers::new(7, &pb::WatchCreateRequest::default());
    assert!(answers.add(2, put(BYTES_MAX / 2)).is_none());
    let (revision, answer) = answers.add(3, put(BYTES_MAX / 2)).unwrap();
    assert_eq!((revision, answer.events.len()), (3, 2));
}

#[test]
fn what_is_filtered_out_makes_no_answer() {
    let filter = pb::watch_create_request::FilterType::Noput;
    let request = pb::WatchCreateRequest {
        filters: vec![filter.into()],
        ..Default::default()
    };
    let mut answers = Answers::new(7, &request);
    assert!(answers.add(2, put(BYTES_MAX)).is_none());
    assert!(answers.take().is_none());
}
