use std::time::Duration;

use serde_json::json;

use super::Queue;
use crate::testing::pod;

const SECOND: Duration = Duration::from_secs(1);

fn names(queue: &mut Queue) -> Vec<String> {
    std::iter::from_fn(|| queue.take().map(|info| info.uid.clone())).collect()
}

#[test]
fn priority_goes_before_age() {
    let mut queue = Queue::default();
    for (name, priority) in [("old", 0), ("new", 0), ("high", 5)] {
        queue.add(pod(name, &json!({ "priority": priority })), false, SECOND);
    }
    assert_eq!(names(&mut queue), ["high", "old", "new"]);
}

#[test]
fn a_rejected_pod_waits_for_what_helps() {
    let mut queue = Queue::default();
    queue.add(pod("p", &json!({})), false, SECOND);
    queue.take();
    queue.reject("p", ["NodePorts"].into(), SECOND);
    queue.wake(|plugin| plugin == "NodeAffinity", SECOND * 60);
    assert!(!queue.has_ready());
    queue.wake(|plugin| plugin == "NodePorts", SECOND * 60);
    assert!(queue.has_ready());
}

#[test]
fn waking_heeds_the_back_off() {
    let mut queue = Queue::default();
    queue.add(pod("p", &json!({})), false, SECOND);
    queue.take();
    queue.reject("p", [].into(), SECOND);
    queue.wake(|_| false, SECOND);
    assert_eq!(queue.next_due(), Some(SECOND * 2));
    queue.advance(SECOND * 2);
    assert!(queue.has_ready());
    queue.take();
    queue.fail("p", SECOND * 2);
    assert_eq!(queue.next_due(), Some(SECOND * 4));
}

#[test]
fn nothing_waits_for_ever() {
    let mut queue = Queue::default();
    queue.add(pod("p", &json!({})), false, SECOND);
    queue.take();
    queue.reject("p", ["NodePorts"].into(), SECOND);
    queue.advance(SECOND * 302);
    assert!(queue.has_ready());
}

#[test]
fn a_gate_that_opens_lets_the_pod_in() {
    let mut queue = Queue::default();
    queue.add(pod("p", &json!({})), true, SECOND);
    assert_eq!((queue.has_ready(), queue.counts().gated), (false, 1));
    queue.add(pod("p", &json!({})), false, SECOND);
    assert!(queue.has_ready());
    queue.remove("p");
    assert!(!queue.has_ready());
}

#[test]
fn each_pod_is_counted_where_it_waits() {
    let mut queue = Queue::default();
    for name in ["ready", "rejected", "failed", "gone"] {
        queue.add(pod(name, &json!({})), false, SECOND);
    }
    queue.add(pod("gated", &json!({})), true, SECOND);
    names(&mut queue);
    queue.reject("rejected", ["NodePorts"].into(), SECOND);
    queue.reject("gone", ["NodePorts"].into(), SECOND);
    queue.fail("failed", SECOND);
    queue.remove("gone");
    queue.add(pod("late", &json!({})), false, SECOND);
    let counts = queue.counts();
    let counts = (
        counts.active,
        counts.backoff,
        counts.unschedulable,
        counts.gated,
    );
    assert_eq!(counts, (1, 1, 1, 1));
    queue.wake(|_| true, SECOND * 60);
    queue.remove("gated");
    let counts = queue.counts();
    let counts = (
        counts.active,
        counts.backoff,
        counts.unschedulable,
        counts.gated,
    );
    assert_eq!(counts, (2, 1, 0, 0));
}
