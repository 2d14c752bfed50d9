use std::path::Path;

use super::{File, Options};

#[test]
fn a_node_has_its_own_paths_or_those_of_all_others() {
    let text = r#"{"nodePathMap": [
        {"node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": ["/var/volumes"]},
        {"node": "a", "paths": ["/data"]},
        {"node": "b", "paths": []},
        {"node": "c", "paths": ["/"]}
    ]}"#;
    let file = File::parse(text).expect("a configuration");
    assert_eq!(file.directory("a").expect("has one"), Path::new("/data"));
    assert_eq!(
        file.directory("z").expect("has one"),
        Path::new("/var/volumes")
    );
    assert!(file.directory("b").is_err());
    assert!(file.directory("c").is_err());
}

#[test]
fn the_command_line_is_upstreams() {
    let args = ["--debug", "start", "--config", "/etc/config/config.json"];
    let args = args.map(str::to_owned);
    let options = Options::parse(&args, Some("storage".into())).expect("valid");
    assert_eq!(options.namespace, "storage");
    assert_eq!(options.provisioner, "rancher.io/local-path");
    assert_eq!(options.template(), Path::new("/etc/config/helperPod.yaml"));
    let unknown = ["start".to_owned(), "--confg=x".to_owned()];
    assert!(Options::parse(&unknown, None).is_err());
}
