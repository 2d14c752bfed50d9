//! Managed fields between an object and its `scale` subresource.
//!
//! Both have the number of replicas, in different places. Who owns it in one owns it in the other.

use serde_json::Value;

use super::element::PathElement;
use super::field_set::FieldSet;
use super::managers::{Managers, Owned};

const SCALE: &str = "autoscaling/v1";
const REPLICAS: &[&str] = &["spec", "replicas"];

/// Where the versions of a kind have the number of replicas; nowhere if a version cannot be scaled.
pub type ReplicasPaths<'a> = &'a [(&'a str, Option<&'a [&'a str]>)];

fn path(fields: &[&str]) -> Vec<PathElement> {
    fields.iter().map(|it| PathElement::field(*it)).collect()
}

fn place<'a>(paths: ReplicasPaths<'a>, api_version: &str) -> Option<Option<&'a [&'a str]>> {
    let found = paths.iter().find(|(version, _)| *version == api_version);
    found.map(|(_, path)| *path)
}

/// The entries of the scale, from those of the object.
pub fn to_scale(parent: &[Value], paths: ReplicasPaths<'_>) -> Result<Option<Value>, String> {
    let parent = Managers::decode(parent)?;
    let mut scale = Managers {
        times: parent.times,
        ..Managers::default()
    };
    for (id, owned) in parent.owned {
        let Some(Some(replicas)) = place(paths, &owned.api_version) else {
            continue;
        };
        if owned.set.contains(&path(replicas)) {
            let owned = Owned {
                set: FieldSet::of_fields(&[REPLICAS]),
                api_version: SCALE.to_owned(),
            };
            scale.owned.insert(id, owned);
        }
    }
    Ok(scale.encode())
}

/// The entries of the object, from those that it had and those of the scale after a write of it.
/// `api_version` is the object's.
pub fn from_scale(
    parent: &[Value],
    scale: &[Value],
    (api_version, paths): (&str, ReplicasPaths<'_>),
) -> Result<Option<Value>, String> {
    let mut parent = Managers::decode(parent)?;
    let mut scale = Managers::decode(scale)?;
    parent.owned.retain(|id, owned| {
        let Some(replicas) = place(paths, &owned.api_version) else {
            return false;
        };
        let Some(replicas) = replicas.filter(|it| owned.set.contains(&path(it))) else {
            return true;
        };
        if scale.owned.remove(id).is_none() {
            // Somebody took the replicas by a write of the scale.
            let taken = FieldSet::of_fields(&[replicas]);
            owned.set = std::mem::take(&mut owned.set).difference(&taken);
        }
        !owned.set.is_empty()
    });
    let replicas = place(paths, api_version).flatten().unwrap_or_default();
    for (id, owned) in scale.owned {
        if owned.set.contains(&path(REPLICAS)) {
            let owned = Owned {
                set: FieldSet::of_fields(&[replicas]),
                api_version: api_version.to_owned(),
            };
            parent.owned.insert(id, owned);
        }
    }
    Ok(parent.encode())
}
