use super::Layout;

fn check(json: &str, body: &str, before: &str) {
    let layout = Layout::of(json.as_bytes()).expect("canonical");
    assert!(
        json[layout.body..].starts_with(body),
        "{}",
        &json[layout.body..]
    );
    assert!(
        json[..layout.splice].ends_with(before),
        "{}",
        &json[..layout.splice]
    );
}

#[test]
fn finds_the_place_behind_uid() {
    let json = r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","namespace":"b","uid":"c","labels":{"x":"y"}},"spec":{}}"#;
    check(json, r#""metadata""#, r#""uid":"c""#);
}

#[test]
fn finds_the_place_at_the_end_of_short_metadata() {
    check(
        r#"{"kind":"A","apiVersion":"v1","metadata":{"name":"a\"}"}}"#,
        r#""metadata""#,
        r#""a\"}""#,
    );
}

#[test]
fn refuses_other_orders_and_stored_versions() {
    assert_eq!(
        Layout::of(br#"{"apiVersion":"v1","kind":"A","metadata":{"name":"a"}}"#),
        None
    );
    let with_version =
        br#"{"kind":"A","apiVersion":"v1","metadata":{"name":"a","resourceVersion":"1"}}"#;
    assert_eq!(Layout::of(with_version), None);
    assert_eq!(
        Layout::of(br#"{"kind":"A","apiVersion":"v1","metadata":{}}"#),
        None
    );
}
