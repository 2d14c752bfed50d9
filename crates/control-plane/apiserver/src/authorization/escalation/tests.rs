use serde_json::json;

use super::*;
use crate::attributes::User;
use crate::objects::Change;

/// Jane may read pods everywhere, and nothing else.
fn escalation() -> Escalation {
    let rbac = Rbac::default();
    let rules = json!([{"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]}]);
    let role = json!({"metadata": {"name": "reader"}, "rules": rules});
    let binding = json!({
        "metadata": {"name": "jane"},
        "roleRef": {"kind": "ClusterRole", "name": "reader"},
        "subjects": [{"kind": "User", "name": "jane"}],
    });
    let applied = |new| Change::Applied { old: None, new };
    rbac.tell("clusterroles", applied(&role));
    rbac.tell("clusterrolebindings", applied(&binding));
    let rbac = Arc::new(rbac);
    let authorizers: Vec<Arc<dyn Authorizer>> = vec![Arc::<Rbac>::clone(&rbac)];
    Escalation { rbac, authorizers }
}

async fn write(plural: &str, mut object: Value, old: Option<&Value>) -> Result<(), String> {
    let kinds = styr_api::table();
    let kind = kinds
        .iter()
        .find(|kind| kind.group == GROUP && kind.plural == plural)
        .unwrap();
    let user = User {
        name: "jane".into(),
        groups: vec!["system:authenticated".into()],
        ..User::default()
    };
    let attributes = AdmissionAttributes {
        user: &user,
        operation: if old.is_some() {
            Operation::Update
        } else {
            Operation::Create
        },
        kind,
        subresource: "",
        namespace: "",
        name: "x",
        object: Some(&mut object),
        old_object: old,
        dry_run: false,
        warnings: &mut Vec::new(),
    };
    let outcome = escalation().validate(&attributes).await;
    outcome.map_err(|refused| refused.message)
}

fn role(verbs: &[&str]) -> Value {
    let rules = json!([{"verbs": verbs, "apiGroups": [""], "resources": ["pods"]}]);
    json!({"metadata": {"name": "x"}, "rules": rules})
}

#[tokio::test]
async fn one_grants_what_one_has_and_no_more() {
    assert_eq!(write("clusterroles", role(&["get"]), None).await, Ok(()));
    let refused = write("clusterroles", role(&["get", "watch", "delete"]), None).await;
    let expected = "clusterroles.rbac.authorization.k8s.io \"x\" is forbidden: user \"jane\" \
                    (groups=[\"system:authenticated\"]) is attempting to grant RBAC permissions \
                    not currently held:\n{APIGroups:[\"\"], Resources:[\"pods\"], \
                    Verbs:[\"watch\" \"delete\"]}";
    assert_eq!(refused, Err(expected.to_owned()));
}

#[tokio::test]
async fn a_role_that_gathers_others_needs_every_right() {
    let mut gathering = role(&["get"]);
    gathering["aggregationRule"] = json!({"clusterRoleSelectors": [{}]});
    let refused = write("clusterroles", gathering, Some(&role(&["get"]))).await;
    let expected = "must have cluster-admin privileges to use the aggregationRule";
    assert!(refused.unwrap_err().ends_with(expected));
}

#[tokio::test]
async fn a_role_is_bound_only_if_it_is_there_and_held() {
    let binding = |role: &str| {
        json!({
            "metadata": {"name": "x"},
            "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "User", "name": "joe"}],
        })
    };
    assert_eq!(
        write("clusterrolebindings", binding("reader"), None).await,
        Ok(())
    );
    let refused = write("clusterrolebindings", binding("later"), None).await;
    let expected = "clusterrolebindings.rbac.authorization.k8s.io \"later\" not found";
    assert_eq!(refused, Err(expected.to_owned()));
}

#[tokio::test]
async fn collecting_garbage_needs_no_rights_and_a_label_does() {
    let old = role(&["delete"]);
    let mut collected = old.clone();
    collected["metadata"]["finalizers"] = json!(["x"]);
    assert_eq!(write("clusterroles", collected, Some(&old)).await, Ok(()));
    let mut labelled = old.clone();
    labelled["metadata"]["labels"] = json!({"a": "b"});
    assert!(write("clusterroles", labelled, Some(&old)).await.is_err());
}
