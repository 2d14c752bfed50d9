use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;

use super::{Correlator, EventType, Occurrence, Verdict};

fn occurrence(message: &str) -> Occurrence {
    Occurrence {
        object: ObjectReference {
            name: Some("web".into()),
            ..ObjectReference::default()
        },
        kind: EventType::Normal,
        reason: "Created".into(),
        message: message.into(),
        at: Timestamp::UNIX_EPOCH,
    }
}

#[test]
fn counts_the_same_event() {
    let mut correlator = Correlator::new();
    let first = correlator.judge(&occurrence("a"));
    assert!(matches!(first, Verdict::Write { count: 1, .. }));
    let second = correlator.judge(&occurrence("a"));
    assert!(matches!(second, Verdict::Count { count: 2, .. }));
}

#[test]
fn merges_the_tenth_similar_event_and_those_after_it() {
    let mut correlator = Correlator::new();
    for i in 0..9 {
        correlator.judge(&occurrence(&i.to_string()));
    }
    let Verdict::Write { message, .. } = correlator.judge(&occurrence("9")) else {
        panic!("the merged event is a new one");
    };
    assert_eq!(message, "(combined from similar events): 9");
    let next = correlator.judge(&occurrence("10"));
    assert!(matches!(next, Verdict::Count { count: 2, .. }));
}

#[test]
fn drops_what_comes_too_fast() {
    let mut correlator = Correlator::new();
    for _ in 0..25 {
        correlator.judge(&occurrence("a"));
    }
    assert_eq!(correlator.judge(&occurrence("a")), Verdict::Drop);
}
