use super::file;
use super::parse_taints;

const HEAD: &str = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";

#[test]
fn defaults_are_upstreams() {
    let file = file::parse(HEAD).unwrap();
    assert_eq!(
        (file.port, file.healthz_port, file.max_pods),
        (10250, 10248, 110)
    );
    assert!(file.authentication.webhook.enabled && !file.authentication.anonymous.enabled);
}

#[test]
fn refuses_unknown_fields() {
    let error = file::parse(&format!("{HEAD}staticPodPth: /x\n")).unwrap_err();
    assert_eq!(error.to_string(), "unknown field \"staticPodPth\"");
}

#[test]
fn reads_taints() {
    let taints = parse_taints("a=b:NoSchedule,c:NoExecute").unwrap();
    assert_eq!(taints[0].value.as_deref(), Some("b"));
    assert_eq!(
        (taints[1].key.as_str(), taints[1].effect.as_str()),
        ("c", "NoExecute")
    );
}
