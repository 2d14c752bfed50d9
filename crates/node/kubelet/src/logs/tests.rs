use super::{Options, parse, select};

const LOG: &[u8] = b"2026-01-01T00:00:00.5Z stdout F one\n2026-01-01T00:00:01Z stderr P t\n2026-01-01T00:00:01Z stderr F wo\n";

#[track_caller]
fn check(options: &Options, expected: &str) {
    let mut out = Vec::new();
    select(LOG, options, &mut 0, &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn joins_partial_lines() {
    check(&Options::default(), "one\ntwo\n");
}

#[test]
fn stops_at_the_limit() {
    check(
        &Options {
            limit_bytes: Some(5),
            ..Options::default()
        },
        "one\nt",
    );
}

#[test]
fn picks_a_stream() {
    check(
        &Options {
            stream: Some("stdout".into()),
            ..Options::default()
        },
        "one\n",
    );
}

#[test]
fn leaves_out_what_is_older() {
    let since = Some("2026-01-01T00:00:01Z".parse().unwrap());
    check(
        &Options {
            since,
            ..Options::default()
        },
        "two\n",
    );
}

#[test]
fn refuses_other_lines() {
    assert_eq!(parse(b"hello"), None);
}
