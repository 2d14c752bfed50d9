//! The plugin's properties.

use std::net::IpAddr;

use crate::corefile::{CorefileError, Directive};
use crate::plugins::{Block, zones};
use crate::wire::Name;

/// Upstream's default, and its limit.
const TTL: u32 = 5;
const TTL_MAX: u32 = 3_600;

/// What the names `1-2-3-4.NAMESPACE.pod` stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pods {
    /// Nothing.
    Disabled,
    /// The address that they spell, whether a pod has it or not.
    Insecure,
}

#[derive(Debug, Clone)]
pub(super) struct Options {
    /// In lower case.
    pub(super) zones: Vec<Name>,
    pub(super) pods: Pods,
    pub(super) ttl: u32,
    /// Endpoints without a host name are named by their pod rather than by their address.
    pub(super) names_by_pod: bool,
    /// A service without endpoints does not exist.
    pub(super) ignores_empty: bool,
    /// Only these namespaces exist, if there is any.
    pub(super) namespaces: Vec<String>,
    /// Names in these zones that are not found go on to the next plugin.
    fallthrough: Vec<Name>,
    /// Our address as a pod.
    pub(super) own: Option<IpAddr>,
}

impl Options {
    pub(super) fn read(
        directive: &Directive,
        block: &Block,
        own: Option<IpAddr>,
    ) -> Result<Self, CorefileError> {
        let mut options = Self {
            zones: zones(directive, &directive.arguments, block)?,
            pods: Pods::Disabled,
            ttl: TTL,
            names_by_pod: false,
            ignores_empty: false,
            namespaces: Vec::new(),
            fallthrough: Vec::new(),
            own,
        };
        for property in &directive.block {
            options.set(property)?;
        }
        Ok(options)
    }

    fn set(&mut self, property: &Directive) -> Result<(), CorefileError> {
        let first = property.arguments.first().map(String::as_str);
        match (property.name.as_str(), first) {
            ("pods", Some("disabled")) => self.pods = Pods::Disabled,
            ("pods", Some("insecure")) => self.pods = Pods::Insecure,
            ("pods", _) => return Err(property.error("wants disabled or insecure")),
            ("ttl", Some(text)) => {
                let ttl = text.parse().ok().filter(|ttl| *ttl <= TTL_MAX);
                let wrong = || property.error(format_args!("{text:?} is not within 0 and 3600"));
                self.ttl = ttl.ok_or_else(wrong)?;
            }
            ("endpoint_pod_names", None) => self.names_by_pod = true,
            ("ignore", Some("empty_service")) => self.ignores_empty = true,
            ("namespaces", Some(_)) => self.namespaces.clone_from(&property.arguments),
            ("fallthrough", None) => self.fallthrough = vec![Name::root()],
            ("fallthrough", Some(_)) => {
                for text in &property.arguments {
                    let name: Name = text.parse().map_err(|error| property.error(error))?;
                    self.fallthrough.push(name.to_lowercase());
                }
            }
            // Read before anything is set up.
            ("kubeconfig", Some(_)) => {}
            _ => {
                let what = "unknown property of kubernetes, or not implemented";
                return Err(property.error(what));
            }
        }
        Ok(())
    }

    pub(super) fn falls_through(&self, name: &Name) -> bool {
        self.fallthrough.iter().any(|zone| name.is_within(zone))
    }
}
