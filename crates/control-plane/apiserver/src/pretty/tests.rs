use super::{indent, yaml};

#[test]
fn indents_as_go_does() {
    let json = br#"{"a":[1,{"b":"x,{\"y"}],"c":{},"d":[]}"#;
    let wanted = "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"x,{\\\"y\"\n    }\n  ],\n  \"c\": {},\n  \"d\": []\n}";
    assert_eq!(String::from_utf8_lossy(&indent(json)), wanted);
}

#[test]
fn writes_yaml() {
    assert_eq!(
        yaml(br#"{"b":"1","a":{"c":true}}"#).trim(),
        "a:\n  c: true\nb: \"1\""
    );
}
