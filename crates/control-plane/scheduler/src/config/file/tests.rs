use super::parse;

const HEAD: &str = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n";

#[test]
fn profiles_name_schedulers() {
    let text = format!(
        "{HEAD}leaderElection: {{leaderElect: false}}\nclientConnection: {{kubeconfig: /k}}\n\
         profiles:\n- schedulerName: a\n- {{}}\n"
    );
    let file = parse(&text).expect("a configuration");
    assert_eq!(file.names, ["a", "default-scheduler"]);
    assert_eq!(file.leader_elect, Some(false));
    assert_eq!(file.kubeconfig.expect("given").to_str(), Some("/k"));
}

#[test]
fn what_is_not_heeded_is_refused() {
    let error = parse(&format!("{HEAD}extenders: [{{}}]\n")).expect_err("not known");
    assert!(error.to_string().contains("/extenders"), "{error}");
}
