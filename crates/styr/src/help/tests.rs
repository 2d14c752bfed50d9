use super::*;

fn ask(name: &str, word: &str) -> Option<String> {
    let subcommand = SUBCOMMANDS.iter().find(|it| it.name == name).unwrap();
    answer(subcommand, &[word.to_owned()])
}

#[test]
fn a_component_lists_the_flags_of_upstream() {
    let help = ask("kube-scheduler", "--help").unwrap();
    assert!(help.contains("Usage: styr kube-scheduler"));
    assert!(help.contains("  --leader-elect bool (default true)"));
}

#[test]
fn a_component_of_ours_says_what_it_is() {
    assert!(
        ask("container-runtime", "-h")
            .unwrap()
            .starts_with("Runs pods")
    );
}

#[test]
fn a_component_names_the_version_that_it_is_like() {
    assert_eq!(ask("kubelet", "--version").unwrap(), "Kubernetes v1.37.1");
}

#[test]
fn what_is_no_question_is_left_to_the_component() {
    assert_eq!(ask("kubelet", "--v=2"), None);
    assert_eq!(ask("runc", "--version"), None);
}
