//! What is said about documents that are not right.

use styr_schema::{Schema, Shape, Strictness};

fn shape(name: &str) -> Shape {
    Schema::builtin().shape(name).unwrap()
}

fn pod() -> Shape {
    shape("io.k8s.api.core.v1.Pod")
}

fn error(json: &str) -> String {
    pod()
        .decode_json(json.as_bytes(), Strictness::Strict)
        .unwrap_err()
        .to_string()
}

fn problems(json: &str) -> Vec<String> {
    pod()
        .decode_json(json.as_bytes(), Strictness::Strict)
        .unwrap()
        .problems
}

#[test]
fn unknown_and_duplicate_fields_are_named_by_path() {
    let found = problems(
        r#"{"foo":1,"spec":{"containers":[{"name":"a","name":"b","imag":"c"}],"Containers":[]},
            "metadata":{"labels":{"a":"b","a":"c"}}}"#,
    );
    assert_eq!(
        found,
        [
            r#"unknown field "foo""#,
            r#"duplicate field "spec.containers[0].name""#,
            r#"unknown field "spec.containers[0].imag""#,
            r#"unknown field "spec.Containers""#,
            r#"duplicate field "metadata.labels.a""#,
        ]
    );
}

#[test]
fn a_value_of_another_type_is_named_as_go_does() {
    assert_eq!(
        error(r#"{"metadata":{"name":1}}"#),
        "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.name of type string"
    );
    assert_eq!(
        error(r#"{"spec":{"containers":[{"ports":[{"containerPort":"x"}]}]}}"#),
        "json: cannot unmarshal string into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32"
    );
    assert_eq!(
        error(r#"{"spec":{"containers":{}}}"#),
        "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container"
    );
    assert_eq!(
        error(r#"{"spec":{"containers":[{"ports":[{"containerPort":4294967296}]}]}}"#),
        "json: cannot unmarshal number 4294967296 into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32"
    );
}

#[test]
fn broken_json_is_named_as_go_does() {
    assert_eq!(error("{"), "unexpected end of JSON input");
    assert_eq!(
        error("{]"),
        "invalid character ']' looking for beginning of object key string"
    );
    assert_eq!(
        error(r#"{"a":1 2"#),
        "invalid character '2' after object key:value pair"
    );
    assert_eq!(error("{} x"), "invalid character 'x' after top-level value");
}

#[test]
fn null_is_the_zero_value() {
    let json =
        r#"{"metadata":{"name":null,"labels":null},"spec":{"containers":null,"hostNetwork":null}}"#;
    let value = pod()
        .decode_json(json.as_bytes(), Strictness::Strict)
        .unwrap()
        .value;
    assert_eq!(value["metadata"], serde_json::json!({}));
    let mut out = Vec::new();
    pod().encode_json(&value, &mut out);
    let text = String::from_utf8(out).unwrap();
    assert_eq!(
        text,
        r#"{"metadata":{},"spec":{"containers":null},"status":{}}"#
    );
}

#[test]
fn html_is_escaped() {
    let json = r#"{"metadata":{"annotations":{"a":"<b> & \u2028 \u0001"}}}"#;
    let value = pod()
        .decode_json(json.as_bytes(), Strictness::Strict)
        .unwrap()
        .value;
    let mut out = Vec::new();
    pod().encode_json(&value, &mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(
        text.contains(r#""\u003cb\u003e \u0026 \u2028 \u0001""#),
        "{text}"
    );
}

#[test]
fn constant_defaults_are_filled_in() {
    let deployment = shape("io.k8s.api.apps.v1.Deployment");
    let json = r#"{"spec":{"template":{"spec":{"containers":[{"name":"a","ports":[{"containerPort":1}]}]}}}}"#;
    let mut value = deployment
        .decode_json(json.as_bytes(), Strictness::Strict)
        .unwrap()
        .value;
    deployment.apply_defaults(&mut value);
    assert_eq!(value["spec"]["replicas"], 1);
    assert_eq!(value["spec"]["strategy"]["type"], "RollingUpdate");
    let pod = &value["spec"]["template"]["spec"];
    assert_eq!(pod["restartPolicy"], "Always");
    assert_eq!(pod["securityContext"], serde_json::json!({}));
    assert_eq!(pod["containers"][0]["ports"][0]["protocol"], "TCP");
    assert_eq!(
        pod["containers"][0]["terminationMessagePath"],
        "/dev/termination-log"
    );
}
