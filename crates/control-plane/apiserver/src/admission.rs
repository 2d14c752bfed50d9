//! What else must hold of a write, and what is filled in: a chain of plugins, one file each.
//!
//! The table names all of upstream's plugins in upstream's order. One that is not implemented is
//! off, and asking for it by name is an error. See
//! <https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/>.

mod certificate_approval;
mod certificate_signing;
mod certificate_subject_restriction;
mod default_ingress_class;
mod default_storage_class;
mod default_toleration_seconds;
mod namespace_exists;
mod namespace_lifecycle;
mod node_restriction;
mod persistent_volume_claim_resize;
mod pod_topology_labels;
mod priority;
mod runtime_class;
mod service_account;
mod signers;
mod storage_object_in_use_protection;
mod taint_nodes_by_condition;

use std::fmt::Display;
use std::sync::Arc;

use anyhow::{Result, bail};
use serde_json::Value;
use styr_base::SharedClock;
use styr_meta::Status;

use crate::attributes::{Admission, AdmissionAttributes, Authorizer};
use crate::config::Config;
use crate::objects::Objects;

/// What plugins are made of.
pub(crate) struct Parts<'a> {
    pub(crate) config: &'a Config,
    pub(crate) objects: &'a Arc<dyn Objects>,
    pub(crate) authorizers: &'a [Arc<dyn Authorizer>],
    pub(crate) clock: &'a SharedClock,
}

type Make = fn(&Parts<'_>) -> Arc<dyn Admission>;

/// One of upstream's plugins.
struct Plugin {
    name: &'static str,
    /// Whether it is on unless a flag says otherwise.
    is_default: bool,
    make: Option<Make>,
}

const fn on(name: &'static str, make: Make) -> Plugin {
    Plugin {
        name,
        is_default: true,
        make: Some(make),
    }
}

const fn off(name: &'static str, make: Make) -> Plugin {
    Plugin {
        name,
        is_default: false,
        make: Some(make),
    }
}

/// Known to upstream only.
const fn missing(name: &'static str) -> Plugin {
    Plugin {
        name,
        is_default: false,
        make: None,
    }
}

const PLUGINS: &[Plugin] = &[
    missing("AlwaysAdmit"),
    missing("NamespaceAutoProvision"),
    on("NamespaceLifecycle", namespace_lifecycle::make),
    off("NamespaceExists", namespace_exists::make),
    missing("LimitPodHardAntiAffinityTopology"),
    missing("LimitRanger"),
    on("ServiceAccount", service_account::make),
    off("NodeRestriction", node_restriction::make),
    on("TaintNodesByCondition", taint_nodes_by_condition::make),
    missing("AlwaysPullImages"),
    missing("ImagePolicyWebhook"),
    missing("PodSecurity"),
    missing("PodNodeSelector"),
    on("Priority", priority::make),
    on("DefaultTolerationSeconds", default_toleration_seconds::make),
    missing("PodTolerationRestriction"),
    missing("EventRateLimit"),
    missing("ExtendedResourceToleration"),
    on("DefaultStorageClass", default_storage_class::make),
    on(
        "StorageObjectInUseProtection",
        storage_object_in_use_protection::make,
    ),
    missing("PodGroupProtection"),
    missing("OwnerReferencesPermissionEnforcement"),
    on(
        "PersistentVolumeClaimResize",
        persistent_volume_claim_resize::make,
    ),
    on("RuntimeClass", runtime_class::make),
    on("CertificateApproval", certificate_approval::make),
    on("CertificateSigning", certificate_signing::make),
    missing("ClusterTrustBundleAttest"),
    on(
        "CertificateSubjectRestriction",
        certificate_subject_restriction::make,
    ),
    on("DefaultIngressClass", default_ingress_class::make),
    missing("DenyServiceExternalIPs"),
    on("PodTopologyLabels", pod_topology_labels::make),
    missing("NodeDeclaredFeatureValidator"),
    missing("PodResizeValidator"),
    missing("MutatingAdmissionPolicy"),
    missing("MutatingAdmissionWebhook"),
    missing("ValidatingAdmissionPolicy"),
    missing("ValidatingAdmissionWebhook"),
    missing("ResourceQuota"),
    missing("AlwaysDeny"),
];

/// The plugins that the configuration asks for, in order.
pub(crate) fn build(parts: &Parts<'_>) -> Result<Vec<Arc<dyn Admission>>> {
    let enabled = &parts.config.enable_admission_plugins;
    let disabled = &parts.config.disable_admission_plugins;
    let makes = select(enabled, disabled)?;
    Ok(makes.into_iter().map(|(_, make)| make(parts)).collect())
}

/// Which plugins are on.
fn select(enabled: &[String], disabled: &[String]) -> Result<Vec<(&'static str, Make)>> {
    for (flag, names) in [("enable", enabled), ("disable", disabled)] {
        for name in names {
            if !PLUGINS.iter().any(|plugin| plugin.name == name) {
                bail!("{flag}-admission-plugins plugin {name:?} is unknown");
            }
        }
    }
    let both: Vec<&str> = enabled
        .iter()
        .filter(|name| disabled.contains(name))
        .map(String::as_str)
        .collect();
    if !both.is_empty() {
        let both = both.join(" ");
        bail!("[{both}] in enable-admission-plugins and disable-admission-plugins overlapped");
    }
    let mut selected = Vec::new();
    for Plugin {
        name,
        is_default,
        make,
    } in PLUGINS
    {
        let is_named = |names: &[String]| names.iter().any(|it| it == name);
        match make {
            Some(make) if is_named(enabled) => selected.push((*name, *make)),
            Some(make) if *is_default && !is_named(disabled) => selected.push((*name, *make)),
            None if is_named(enabled) => bail!("admission plugin {name:?} is not implemented"),
            _ => {}
        }
    }
    Ok(selected)
}

/// Whether a write is about objects of a resource themselves, not about parts of them.
fn is_of(attributes: &AdmissionAttributes<'_>, group: &str, plural: &str) -> bool {
    attributes.subresource.is_empty() && is_at(attributes, group, plural)
}

/// Whether a write is about objects of a resource, or about parts of them.
fn is_at(attributes: &AdmissionAttributes<'_>, group: &str, plural: &str) -> bool {
    attributes.kind.plural == plural && attributes.kind.group == group
}

/// Refuses a write. Of a generated name only what the sender gave is told, as upstream does.
fn forbidden(attributes: &AdmissionAttributes<'_>, why: impl Display) -> Status {
    let metadata = attributes
        .object
        .as_deref()
        .map(|object| &object["metadata"]);
    let given = |field: &str| {
        let text = metadata.and_then(|metadata| metadata[field].as_str());
        text.filter(|text| !text.is_empty())
    };
    let is_create = attributes.operation == crate::attributes::Operation::Create;
    let generated =
        given("generateName").filter(|_| is_create && attributes.subresource.is_empty());
    let own = Some(attributes.name).filter(|name| !name.is_empty());
    let name = generated
        .or(own)
        .or_else(|| given("name"))
        .unwrap_or("Unknown");
    Status::forbidden(crate::status::resource(attributes.kind), name, why)
}

/// The items of a list, if it is one.
fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// Appends to a list, which may not be there yet.
fn push(list: &mut Value, item: Value) {
    match list {
        Value::Array(items) => items.push(item),
        other => *other = Value::Array(vec![item]),
    }
}

/// The text of a field, empty without one.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
