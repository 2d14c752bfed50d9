//! Kinds of the group `networking.k8s.io`.

mod ingress;
mod ingress_class;
mod ip_address;
mod network_policy;
mod service_cidr;

use crate::rules::Rules;

/// The rules of a kind, by its plural.
pub(crate) fn rules(plural: &str) -> Option<&'static dyn Rules> {
    let rules: &'static dyn Rules = match plural {
        "ingressclasses" => &ingress_class::IngressClass,
        "ingresses" => &ingress::Ingress,
        "ipaddresses" => &ip_address::IpAddress,
        "networkpolicies" => &network_policy::NetworkPolicy,
        "servicecidrs" => &service_cidr::ServiceCidr,
        _ => return None,
    };
    Some(rules)
}
