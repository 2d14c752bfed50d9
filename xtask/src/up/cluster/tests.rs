use super::*;

#[test]
fn a_cluster_without_a_kubeconfig_was_never_finished() {
    assert_eq!(found("kind\nother\n", "other", || true), Found::Whole);
    assert_eq!(found("kind\nother\n", "other", || false), Found::Begun);
}

#[test]
fn a_cluster_with_a_longer_name_is_another() {
    assert_eq!(found("kind-2\n", "kind", || true), Found::Nothing);
    assert_eq!(
        found("No kind clusters found.\n", "kind", || true),
        Found::Nothing
    );
}

#[test]
fn a_command_that_fails_says_what_it_said() {
    let mut command = Command::new("sh");
    let error = output(command.args(["-c", "echo no such cluster >&2; exit 3"])).unwrap_err();
    let text = error.to_string();
    assert!(text.ends_with("exit status: 3: no such cluster"), "{text}");
}
