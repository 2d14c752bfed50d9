//! `ClusterTrustBundle`:
//! <https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#cluster-trust-bundles>.

use serde_json::{Value, json};
use styr_meta::field::Path;
use styr_meta::{FieldError, names, object};

use crate::rules::{Context, NameRule, Rules};
use crate::{cells, tree};

pub(crate) struct ClusterTrustBundle;

impl Rules for ClusterTrustBundle {
    /// The signer is a part of the name, with colons for slashes.
    fn name_rule(&self) -> NameRule {
        NameRule::PathSegment
    }

    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        let signer = tree::text(object, "spec.signerName");
        let name = object::name(object);
        let prefix = match signer {
            "" => String::new(),
            signer => format!("{}:", signer.replace('/', ":")),
        };
        let at = Path::root("metadata").child("name");
        let Some(own) = name.strip_prefix(&prefix) else {
            let text = format!(
                "ClusterTrustBundle for signerName {signer} must be named with prefix {prefix}"
            );
            return vec![FieldError::invalid(at, name, text)];
        };
        let texts = names::dns1123_subdomain(own).into_iter();
        texts
            .map(|text| FieldError::invalid(&at, name, text))
            .collect()
    }

    fn validate_update(&self, object: &Value, old: &Value, cx: &Context) -> Vec<FieldError> {
        let mut errors = self.validate(object, cx);
        let signer = tree::text(object, "spec.signerName");
        if signer != tree::text(old, "spec.signerName") {
            let at = Path::root("spec").child("signerName");
            errors.push(FieldError::invalid(at, signer, "field is immutable"));
        }
        errors
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        match column {
            "Name" => Some(json!(object::name(object))),
            "SignerName" => Some(cells::or_none(tree::text(object, "spec.signerName"))),
            _ => None,
        }
    }
}
