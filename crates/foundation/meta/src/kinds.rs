//! Names of kinds and resources.

use std::fmt;

/// A group and a version, written `apps/v1`, or `v1` for the core group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroupVersion {
    pub group: String,
    pub version: String,
}

impl GroupVersion {
    /// Reads an `apiVersion`; more than one slash is no group version.
    pub fn parse(api_version: &str) -> Option<Self> {
        match api_version.split_once('/') {
            None => Some(Self {
                group: String::new(),
                version: api_version.to_owned(),
            }),
            Some((_, version)) if version.contains('/') => None,
            Some((group, version)) => Some(Self {
                group: group.to_owned(),
                version: version.to_owned(),
            }),
        }
    }
}

impl fmt::Display for GroupVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() {
            f.write_str(&self.version)
        } else {
            write!(f, "{}/{}", self.group, self.version)
        }
    }
}

/// A kind of a version of a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroupVersionKind {
    pub group: String,
    pub version: String,
    pub kind: String,
}

impl GroupVersionKind {
    /// Joins what an object says about itself.
    pub fn parse(api_version: &str, kind: &str) -> Option<Self> {
        let GroupVersion { group, version } = GroupVersion::parse(api_version)?;
        Some(Self {
            group,
            version,
            kind: kind.to_owned(),
        })
    }

    /// The `apiVersion` of its objects.
    pub fn api_version(&self) -> String {
        GroupVersion {
            group: self.group.clone(),
            version: self.version.clone(),
        }
        .to_string()
    }
}

impl fmt::Display for GroupVersionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}, Kind={}", self.group, self.version, self.kind)
    }
}

/// A resource of a version of a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroupVersionResource {
    pub group: String,
    pub version: String,
    pub resource: String,
}

impl fmt::Display for GroupVersionResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}, Resource={}",
            self.group, self.version, self.resource
        )
    }
}

/// A resource whatever its version, written `deployments.apps`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroupResource {
    pub group: String,
    pub resource: String,
}

/// A kind whatever its version, written `Deployment.apps`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroupKind {
    pub group: String,
    pub kind: String,
}

/// Writes `name.group`, or the bare name in the core group.
fn qualified(f: &mut fmt::Formatter<'_>, name: &str, group: &str) -> fmt::Result {
    if group.is_empty() {
        f.write_str(name)
    } else {
        write!(f, "{name}.{group}")
    }
}

impl fmt::Display for GroupResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        qualified(f, &self.resource, &self.group)
    }
}

impl fmt::Display for GroupKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        qualified(f, &self.kind, &self.group)
    }
}

impl<G: Into<String>, R: Into<String>> From<(G, R)> for GroupResource {
    fn from((group, resource): (G, R)) -> Self {
        Self {
            group: group.into(),
            resource: resource.into(),
        }
    }
}

impl<G: Into<String>, K: Into<String>> From<(G, K)> for GroupKind {
    fn from((group, kind): (G, K)) -> Self {
        Self {
            group: group.into(),
            kind: kind.into(),
        }
    }
}

impl From<&GroupResource> for GroupResource {
    fn from(resource: &GroupResource) -> Self {
        resource.clone()
    }
}

impl From<&GroupKind> for GroupKind {
    fn from(kind: &GroupKind) -> Self {
        kind.clone()
    }
}
