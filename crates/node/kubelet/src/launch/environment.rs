//! The variables of a container, from all the places its definition names.

use k8s_openapi::api::core::v1::{ConfigMap, Container, EnvVarSource, Pod, Secret};

use super::downward::{self, Facts};
use super::{Environment, Failure, expand};
use crate::objects::Objects;
use crate::pod;

pub(crate) async fn variables(
    pod: &Pod,
    container: &Container,
    facts: Facts<'_>,
    objects: &Objects,
) -> Result<Environment, Failure> {
    let namespace = pod::namespace(pod);
    let links = pod::spec(pod).enable_service_links.unwrap_or(true);
    let services = objects
        .service_variables(namespace, links, pod::is_static(pod))
        .await?;
    let mut out = Environment::new();
    for from in container.env_from.iter().flatten() {
        let prefix = from.prefix.as_deref().unwrap_or_default();
        if let Some(reference) = &from.config_map_ref {
            let optional = reference.optional == Some(true);
            let map = objects.config_map(namespace, &reference.name).await;
            let missing = || format!("configmap {:?} not found", reference.name);
            if let Some(map) = unless_optional(map, optional, missing)? {
                for (key, value) in map.data.iter().flatten() {
                    out.insert(format!("{prefix}{key}"), value.clone());
                }
            }
        } else if let Some(reference) = &from.secret_ref {
            let optional = reference.optional == Some(true);
            let secret = objects.secret(namespace, &reference.name).await;
            let missing = || format!("secret {:?} not found", reference.name);
            if let Some(secret) = unless_optional(secret, optional, missing)? {
                for (key, value) in secret.data.iter().flatten() {
                    let value = String::from_utf8_lossy(&value.0).into_owned();
                    out.insert(format!("{prefix}{key}"), value);
                }
            }
        }
    }
    for variable in container.env.iter().flatten() {
        let literal = variable.value.as_deref().filter(|value| !value.is_empty());
        let value = match (literal, &variable.value_from) {
            (Some(literal), _) => Some(expand::expand(literal, |name| {
                out.get(name).or_else(|| services.get(name)).cloned()
            })),
            (None, Some(source)) => from_source((pod, container), source, facts, objects).await?,
            (None, None) => Some(String::new()),
        };
        if let Some(value) = value {
            out.insert(variable.name.clone(), value);
        }
    }
    for (name, value) in services {
        out.entry(name).or_insert(value);
    }
    Ok(out)
}

fn unless_optional<T>(
    found: Result<Option<T>, Failure>,
    optional: bool,
    missing: impl Fn() -> String,
) -> Result<Option<T>, Failure> {
    match found {
        Ok(None) if optional => Ok(None),
        Ok(None) => Err(Failure::config(missing())),
        other => other,
    }
}

async fn from_source(
    (pod, container): (&Pod, &Container),
    source: &EnvVarSource,
    facts: Facts<'_>,
    objects: &Objects,
) -> Result<Option<String>, Failure> {
    let namespace = pod::namespace(pod);
    if let Some(selector) = &source.field_ref {
        return downward::field(pod, selector, facts)
            .map(Some)
            .map_err(Failure::config);
    }
    if let Some(selector) = &source.resource_field_ref {
        let value = downward::resource(pod, container, selector, facts.allocatable);
        return value.map(Some).map_err(Failure::config);
    }
    if let Some(reference) = &source.config_map_key_ref {
        let optional = reference.optional == Some(true);
        let map = objects.config_map(namespace, &reference.name).await?;
        let value = |map: &ConfigMap| map.data.as_ref()?.get(&reference.key).cloned();
        return found(map.as_deref().map(value), optional, || {
            let (name, key) = (&reference.name, &reference.key);
            (
                format!("configmap {name:?} not found"),
                format!("couldn't find key {key} in ConfigMap {namespace}/{name}"),
            )
        });
    }
    if let Some(reference) = &source.secret_key_ref {
        let optional = reference.optional == Some(true);
        let secret = objects.secret(namespace, &reference.name).await?;
        let value = |secret: &Secret| {
            let value = secret.data.as_ref()?.get(&reference.key)?;
            Some(String::from_utf8_lossy(&value.0).into_owned())
        };
        return found(secret.as_deref().map(value), optional, || {
            let (name, key) = (&reference.name, &reference.key);
            (
                format!("secret {name:?} not found"),
                format!("couldn't find key {key} in Secret {namespace}/{name}"),
            )
        });
    }
    Ok(Some(String::new()))
}

/// The outer option is the object, the inner one its key.
fn found(
    value: Option<Option<String>>,
    optional: bool,
    messages: impl Fn() -> (String, String),
) -> Result<Option<String>, Failure> {
    match value {
        Some(Some(value)) => Ok(Some(value)),
        _ if optional => Ok(None),
        None => Err(Failure::config(messages().0)),
        Some(None) => Err(Failure::config(messages().1)),
    }
}
