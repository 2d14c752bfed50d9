//! What a node may do by verb and name alone.

use super::{Answer, LEASES};
use crate::attributes::Attributes;

pub(super) fn is_read(asked: &Attributes) -> bool {
    matches!(asked.verb.as_str(), "get" | "list" | "watch")
}

fn is_own_verb(asked: &Attributes) -> bool {
    let verb = asked.verb.as_str();
    matches!(verb, "get" | "create" | "update" | "patch" | "delete")
}

/// Whether a list is about what is on this node.
pub(super) fn selects_node(node: &str, asked: &Attributes) -> bool {
    asked.field_selector.split(',').any(|requirement| {
        let value = requirement.trim().strip_prefix("spec.nodeName=");
        value.is_some_and(|value| value.strip_prefix('=').unwrap_or(value) == node)
    })
}

pub(super) fn status_update(asked: &Attributes) -> Answer {
    match asked.verb.as_str() {
        "update" | "patch" => Ok(()),
        _ => Err("can only get/update/patch this type".to_owned()),
    }
}

pub(super) fn token(asked: &Attributes) -> Answer {
    if asked.verb != "create" || asked.name.is_empty() {
        return Err("can only create tokens for individual service accounts".to_owned());
    }
    if asked.subresource != "token" {
        return Err("can only create token subresource of serviceaccount".to_owned());
    }
    Ok(())
}

/// The name of what is created is not known yet: admission looks at it.
pub(super) fn lease(node: &str, asked: &Attributes) -> Answer {
    if !is_own_verb(asked) {
        return Err("can only get, create, update, patch, or delete a node lease".to_owned());
    }
    if asked.namespace != LEASES {
        return Err(format!(
            "can only access leases in the {LEASES:?} system namespace"
        ));
    }
    if asked.verb != "create" && asked.name != node {
        let why = "can only access node lease with the same name as the requesting node";
        return Err(why.to_owned());
    }
    Ok(())
}

pub(super) fn csi_node(node: &str, asked: &Attributes) -> Answer {
    match asked.subresource.as_str() {
        "" => {}
        "status" => {
            return Err("CSINode status access requires CSIVolumeHealth feature".to_owned());
        }
        _ => return Err("cannot authorize CSINode subresources".to_owned()),
    }
    if !is_own_verb(asked) {
        return Err("can only get, create, update, patch, or delete a CSINode".to_owned());
    }
    if asked.verb != "create" && asked.name != node {
        let why = "can only access CSINode with the same name as the requesting node";
        return Err(why.to_owned());
    }
    Ok(())
}

pub(super) fn node(node: &str, asked: &Attributes) -> Answer {
    match (asked.subresource.as_str(), asked.verb.as_str()) {
        ("", "create" | "update" | "patch") | ("status", "update" | "patch") => Ok(()),
        // By name, as a node asks for itself before it is there.
        ("", "get" | "list" | "watch") => match asked.name.as_str() {
            name if name == node => Ok(()),
            "" => Err(format!(
                "node '{node}' cannot read all nodes, only its own Node object"
            )),
            other => Err(format!(
                "node '{node}' cannot read '{other}', only its own Node object"
            )),
        },
        _ => Err(String::new()),
    }
}
