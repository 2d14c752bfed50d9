use k8s_openapi::api::core::v1::Container;

use super::hash_container;

#[test]
fn hashes_as_upstream_does() {
    let container = Container {
        name: "c".into(),
        image: Some("busybox:1".into()),
        ..Container::default()
    };
    assert_eq!(hash_container(&container), 0x1aaa_bc84);
}
