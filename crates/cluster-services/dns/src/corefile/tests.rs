use super::*;

#[test]
fn blocks_directives_and_properties_are_told_apart() {
    let text = "# ours\n.:53 example.org {\n  errors\n  health {\n    lameduck 5s # slow\n  }\n  \
                cache 30\n  forward . \"/etc/resolv.conf\" { max_concurrent 1000\n }\n}\n";
    let blocks = parse(text).unwrap();
    assert_eq!(blocks.len(), 1);
    assert_eq!(blocks[0].keys, [".:53", "example.org"]);
    let names: Vec<&str> = blocks[0]
        .directives
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(names, ["errors", "health", "cache", "forward"]);
    let forward = &blocks[0].directives[3];
    assert_eq!(forward.arguments, [".", "/etc/resolv.conf"]);
    assert_eq!(forward.block[0].arguments, ["1000"]);
    assert_eq!(blocks[0].directives[1].block[0].line, 5);
}

#[test]
fn errors_name_the_line() {
    let error = |text: &str| parse(text).unwrap_err().to_string();
    assert_eq!(
        error(".:53 {\n errors\n"),
        "Corefile line 1: the block has no end"
    );
    assert_eq!(
        error("\nimport other\n"),
        "Corefile line 2: import is not implemented"
    );
    assert_eq!(error(". {\n \"x\n}"), "Corefile line 2: a quote has no end");
}
