use super::Query;

#[test]
fn reads_booleans_as_upstream_does() {
    let query = Query::parse("watch=&a=1&b=true&c=false&d=0&e");
    let flag = |name| query.flag(name);
    assert_eq!(flag("watch"), Some(true));
    assert_eq!(
        (flag("a"), flag("b"), flag("e")),
        (Some(true), Some(true), Some(true))
    );
    assert_eq!(
        (flag("c"), flag("d"), flag("f")),
        (Some(false), Some(false), None)
    );
}

#[test]
fn decodes_percent_and_plus() {
    let query = Query::parse("labelSelector=a%3Db%2Cc+in+%28d%29");
    assert_eq!(query.text("labelSelector"), "a=b,c in (d)");
}
