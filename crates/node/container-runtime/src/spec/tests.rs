//! Users, variables and rights.

use styr_cri::v1;

use super::{capabilities, set, users};
use crate::images::{Image, ImageConfig};

fn image(user: &str) -> Image {
    Image {
        config: ImageConfig {
            user: user.to_owned(),
            ..ImageConfig::default()
        },
        ..Image::default()
    }
}

#[test]
fn users_are_found_by_the_images_names() {
    let layer = tempfile::tempdir().unwrap();
    std::fs::create_dir(layer.path().join("etc")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(layer.path().join(name), text).unwrap();
    write(
        "etc/passwd",
        "root:x:0:0::/root:/bin/sh\nweb:x:33:44::/srv:/bin/sh\n",
    );
    write("etc/group", "root:x:0:\nextra:x:50:web,other\nops:x:60:\n");
    let layers = [layer.path().to_owned()];
    let mut security = v1::LinuxContainerSecurityContext::default();
    let found = users::resolve(&security, &image("web"), &layers).unwrap();
    assert_eq!((found.uid, found.gid), (33, 44));
    assert_eq!(found.additional_gids, [44, 50]);
    let found = users::resolve(&security, &image("web:ops"), &layers).unwrap();
    assert_eq!(found.gid, 60);
    security.run_as_user = Some(v1::Int64Value { value: 33 });
    security.supplemental_groups = vec![7];
    security.set_supplemental_groups_policy(v1::SupplementalGroupsPolicy::Strict);
    let found = users::resolve(&security, &image(""), &layers).unwrap();
    assert_eq!(found.additional_gids, [44, 7]);
    security.run_as_user = Some(v1::Int64Value { value: 1000 });
    let found = users::resolve(&security, &image("web"), &layers).unwrap();
    assert_eq!((found.uid, found.gid), (1000, 0));
    let unknown = v1::LinuxContainerSecurityContext::default();
    assert!(users::resolve(&unknown, &image("nobody-here"), &layers).is_err());
}

#[test]
fn later_variables_replace_earlier_ones() {
    let mut env = vec!["A=1".to_owned(), "B=2".to_owned()];
    set(&mut env, "A=3".to_owned());
    set(&mut env, "AB=4".to_owned());
    assert_eq!(env, ["A=3", "B=2", "AB=4"]);
}

#[test]
fn capabilities_are_added_to_and_dropped_from_the_defaults() {
    let with = |add: &[&str], drop: &[&str]| {
        let strings = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let security = v1::LinuxContainerSecurityContext {
            capabilities: Some(v1::Capability {
                add_capabilities: strings(add),
                drop_capabilities: strings(drop),
                ..v1::Capability::default()
            }),
            ..v1::LinuxContainerSecurityContext::default()
        };
        capabilities(&security)
    };
    let found = with(&["NET_ADMIN"], &["CHOWN"]).unwrap().bounding;
    assert!(found.contains(&"CAP_NET_ADMIN".to_owned()));
    assert!(!found.contains(&"CAP_CHOWN".to_owned()));
    assert_eq!(
        with(&["NET_BIND_SERVICE"], &["ALL"]).unwrap().effective,
        ["CAP_NET_BIND_SERVICE"]
    );
    assert!(with(&["NO_SUCH"], &[]).is_err());
}
