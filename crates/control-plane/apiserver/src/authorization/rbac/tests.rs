use serde_json::json;

use super::*;

fn rbac() -> Rbac {
    let rbac = Rbac::default();
    let mut tables = rbac.tables.write().unwrap();
    let pods = json!([{"verbs": ["list"], "apiGroups": [""], "resources": ["pods"]}]);
    let role = json!({"metadata": {"name": "reader", "namespace": "a"}, "rules": pods});
    tables.role(Change::Applied {
        old: None,
        new: &role,
    });
    let binding = json!({
        "metadata": {"name": "read", "namespace": "a"},
        "roleRef": {"kind": "Role", "name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "bot"}, {"kind": "Group", "name": "dev"}],
    });
    tables.binding(Change::Applied {
        old: None,
        new: &binding,
    });
    drop(tables);
    rbac
}

async fn decide(rbac: &Rbac, user: &User, namespace: &str) -> Decision {
    let attributes = Attributes {
        user: Arc::new(user.clone()),
        verb: "list".into(),
        resource: "pods".into(),
        namespace: namespace.into(),
        is_resource: true,
        ..Attributes::default()
    };
    rbac.authorize(&attributes).await
}

fn user(name: &str, group: &str) -> User {
    User {
        name: name.into(),
        groups: vec![group.into()],
        ..User::default()
    }
}

#[tokio::test]
async fn a_role_of_a_namespace_holds_only_there() {
    let rbac = rbac();
    let jane = user("jane", "dev");
    let reason = r#"RBAC: allowed by RoleBinding "read/a" of Role "reader" to Group "dev""#;
    assert_eq!(
        decide(&rbac, &jane, "a").await,
        Decision::Allow(reason.into())
    );
    assert_eq!(
        decide(&rbac, &jane, "b").await,
        Decision::NoOpinion(String::new())
    );
    let bot = user("system:serviceaccount:a:bot", "x");
    assert!(matches!(decide(&rbac, &bot, "a").await, Decision::Allow(_)));
}

#[tokio::test]
async fn a_binding_to_a_role_that_is_gone_says_so() {
    let rbac = rbac();
    let gone = json!({"metadata": {"name": "reader", "namespace": "a"}});
    rbac.tables.write().unwrap().role(Change::Deleted(&gone));
    let reason = r#"rbac: RBAC: role.rbac.authorization.k8s.io "reader" not found"#;
    let decision = decide(&rbac, &user("jane", "dev"), "a").await;
    assert_eq!(decision, Decision::NoOpinion(reason.into()));
}

#[tokio::test]
async fn a_binding_that_changed_forgets_its_old_subjects() {
    let rbac = rbac();
    let binding = json!({
        "metadata": {"name": "read", "namespace": "a"},
        "roleRef": {"kind": "Role", "name": "reader"},
        "subjects": [{"kind": "User", "name": "joe"}],
    });
    rbac.tables.write().unwrap().binding(Change::Applied {
        old: None,
        new: &binding,
    });
    let dev = decide(&rbac, &user("jane", "dev"), "a").await;
    assert_eq!(dev, Decision::NoOpinion(String::new()));
    assert!(matches!(
        decide(&rbac, &user("joe", "x"), "a").await,
        Decision::Allow(_)
    ));
}
