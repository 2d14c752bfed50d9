use super::*;

#[test]
fn writes_the_text_format_sorted_by_name() {
    let registry = Registry::new();
    let depth = registry.gauge("workqueue_depth", "Current depth of workqueue.", &["name"]);
    let adds = registry.counter("workqueue_adds_total", "Adds handled.", &["name"]);
    depth.set(&["job"], 2.0);
    adds.increment(&["a\"b"]);
    let expected = "# HELP workqueue_adds_total Adds handled.\n\
        # TYPE workqueue_adds_total counter\n\
        workqueue_adds_total{name=\"a\\\"b\"} 1\n\
        # HELP workqueue_depth Current depth of workqueue.\n\
        # TYPE workqueue_depth gauge\n\
        workqueue_depth{name=\"job\"} 2\n";
    assert_eq!(registry.text(), expected);
}

#[test]
fn buckets_of_a_histogram_are_cumulative() {
    let registry = Registry::new();
    let histogram = registry.histogram("seconds", "Time.", &[], &[0.1, 1.0]);
    for value in [0.05, 0.5, 5.0] {
        histogram.observe(&[], value);
    }
    let text = registry.text();
    assert!(text.contains("seconds_bucket{le=\"0.1\"} 1\n"));
    assert!(text.contains("seconds_bucket{le=\"1\"} 2\n"));
    assert!(text.contains("seconds_bucket{le=\"+Inf\"} 3\nseconds_sum 5.55\nseconds_count 3\n"));
}

#[test]
fn one_name_is_one_metric() {
    let registry = Registry::new();
    registry.counter("a_total", "A.", &[]).increment(&[]);
    registry.counter("a_total", "A.", &[]).increment(&[]);
    assert!(registry.text().ends_with("a_total 2\n"));
}
