use super::expand;

#[track_caller]
fn check(input: &str, expected: &str) {
    let value = |name: &str| (name == "A").then(|| "1".to_owned());
    assert_eq!(expand(input, value), expected);
}

#[test]
fn puts_in_known_values() {
    check("x$(A)y", "x1y");
}

#[test]
fn leaves_unknown_names() {
    check("$(B)", "$(B)");
}

#[test]
fn two_dollars_are_one() {
    check("$$(A) $$", "$(A) $");
}

#[test]
fn leaves_an_open_reference() {
    check("$(A", "$(A");
}
