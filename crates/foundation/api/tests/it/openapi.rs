//! The OpenAPI documents are whole: every reference leads somewhere.

use serde_json::Value;
use styr_api::openapi;

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value.as_str() {
                    Some(text) if key == "$ref" => found.push(text.to_owned()),
                    _ => references(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

fn check(document: &Value, folder: &str, definitions: &Value) {
    let mut found = Vec::new();
    references(document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let name = reference.strip_prefix(folder).unwrap();
        assert!(!definitions[name].is_null(), "{reference}");
    }
}

#[test]
fn every_reference_of_version_3_is_defined() {
    assert!(openapi::v3_paths().contains(&"apis/apps/v1".to_owned()));
    for path in openapi::v3_paths() {
        let gv = path.trim_start_matches("apis/").trim_start_matches("api/");
        let (group, version) = gv.split_once('/').unwrap_or(("", gv));
        let document = openapi::v3(group, version).unwrap();
        check(
            &document,
            "#/components/schemas/",
            &document["components"]["schemas"],
        );
    }
}

#[test]
fn every_reference_of_version_2_is_defined() {
    let document = openapi::v2();
    check(&document, "#/definitions/", &document["definitions"]);
}

#[test]
fn a_pod_says_how_its_containers_are_merged() {
    let document = openapi::v3("", "v1").unwrap();
    let spec = &document["components"]["schemas"]["io.k8s.api.core.v1.PodSpec"];
    let containers = &spec["properties"]["containers"];
    assert_eq!(containers["x-kubernetes-patch-merge-key"], "name");
    assert_eq!(containers["x-kubernetes-patch-strategy"], "merge");
    let patch = &document["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"]["patch"];
    assert_eq!(patch["x-kubernetes-group-version-kind"]["kind"], "Pod");
}

#[test]
fn the_protobuf_form_names_every_definition() {
    let document = openapi::v2();
    let bytes = styr_schema::openapi::gnostic::document(&document);
    let text = String::from_utf8_lossy(&bytes);
    for (name, _) in document["definitions"].as_object().unwrap() {
        assert!(text.contains(name.as_str()), "{name}");
    }
}
