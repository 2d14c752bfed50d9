use super::*;

fn sample(credentials: Credentials) -> Kubeconfig {
    Kubeconfig {
        name: "kind-a".into(),
        user: "kind-a".into(),
        server: "https://127.0.0.1:6443".into(),
        authority_pem: "authority".into(),
        credentials,
    }
}

#[test]
fn what_was_written_can_be_read() {
    let folder = Path::new("/");
    for credentials in [
        Credentials::Certificate {
            certificate_pem: "c".into(),
            key_pem: "k".into(),
        },
        Credentials::Token("t".into()),
        Credentials::TokenFile("/t".into()),
    ] {
        let config = sample(credentials);
        assert_eq!(
            Kubeconfig::parse(&config.to_text(), folder).unwrap(),
            config
        );
    }
}

#[test]
fn a_context_that_is_not_there_is_named() {
    let error = Kubeconfig::parse("current-context: x\ncontexts: []\n", Path::new("/"));
    assert!(error.unwrap_err().to_string().contains("context \"x\""));
}

#[test]
fn keys_do_not_appear_in_debug_output() {
    let config = sample(Credentials::Token("secret".into()));
    assert!(!format!("{config:?}").contains("secret"));
}
