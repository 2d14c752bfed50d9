//! Plugins that are small scripts.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use super::{Attachment, Cni, addresses};

fn plugin(folder: &Path, text: &str) {
    let path = folder.join("fake");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn cni(folder: &Path) -> Cni {
    let list = json!({"cniVersion": "1.0.0", "name": "n", "plugins": [
        {"type": "fake", "capabilities": {"portMappings": true}}]});
    std::fs::write(folder.join("10-n.conflist"), list.to_string()).unwrap();
    Cni {
        configurations: folder.to_owned(),
        programs: vec![folder.to_owned()],
    }
}

fn attachment() -> Attachment<'static> {
    Attachment {
        id: "abc",
        network: Path::new("/run/netns/abc"),
        namespace: "default",
        name: "pod",
        uid: "u",
        port_mappings: vec![json!({"hostPort": 80})],
    }
}

#[tokio::test]
async fn a_plugin_gets_its_configuration_and_the_pod() {
    let folder = tempfile::tempdir().unwrap();
    plugin(
        folder.path(),
        r#"read input; printf '{"input":%s,"id":"%s","command":"%s"}' "$input" "$CNI_CONTAINERID" "$CNI_COMMAND""#,
    );
    let result = cni(folder.path()).add(&attachment()).await.unwrap();
    assert_eq!(result["id"], "abc");
    assert_eq!(result["command"], "ADD");
    assert_eq!(result["input"]["name"], "n");
    assert_eq!(
        result["input"]["runtimeConfig"]["portMappings"][0]["hostPort"],
        80
    );
    assert!(result["input"].get("capabilities").is_none());
}

#[tokio::test]
async fn a_failing_plugin_says_why() {
    let folder = tempfile::tempdir().unwrap();
    plugin(
        folder.path(),
        r#"echo '{"code":7,"msg":"no addresses left"}'; exit 1"#,
    );
    let error = cni(folder.path()).add(&attachment()).await.unwrap_err();
    assert!(format!("{error:#}").contains("no addresses left"));
}

#[test]
fn without_a_configuration_the_network_is_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let cni = Cni {
        configurations: folder.path().join("none"),
        programs: Vec::new(),
    };
    assert_eq!(cni.problem().as_deref(), Some("cni plugin not initialized"));
}

#[test]
fn only_the_pods_addresses_count() {
    let result = json!({
        "interfaces": [{"name": "veth1"}, {"name": "eth0", "sandbox": "/run/netns/x"}],
        "ips": [{"address": "10.0.0.1/24", "interface": 0}, {"address": "10.0.0.2/24", "interface": 1}]
    });
    assert_eq!(addresses(&result), ["10.0.0.2"]);
}
