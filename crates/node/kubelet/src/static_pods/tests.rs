use std::path::Path;

use super::parse;
use crate::pod;

const MANIFEST: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: c, image: busybox}\n";

#[test]
fn a_static_pod_is_named_after_its_node() {
    let pod = parse(MANIFEST, Path::new("/m/a.yaml"), "Node-1").unwrap();
    assert_eq!(pod::name(&pod), "a-node-1");
    assert_eq!(
        pod::annotation(&pod, pod::HASH_ANNOTATION),
        Some(pod::uid(&pod))
    );
}

#[test]
fn the_same_file_has_the_same_uid() {
    let uid = |text| {
        parse(text, Path::new("/m/a.yaml"), "n")
            .unwrap()
            .metadata
            .uid
    };
    assert_eq!(uid(MANIFEST), uid(MANIFEST));
    assert_ne!(
        uid(MANIFEST),
        uid(&MANIFEST.replace("busybox", "busybox:1"))
    );
}

#[test]
fn refuses_other_kinds() {
    let text = MANIFEST.replace("Pod", "Service");
    let error = parse(&text, Path::new("/m/a.yaml"), "n").unwrap_err();
    assert_eq!(error.to_string(), "not a pod of v1");
}
