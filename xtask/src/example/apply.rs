//! Brings an object to what a file says, as `kubectl apply` does the first time, without kubectl.
//!
//! What a file no longer says stays as it is: that takes a memory of the last apply, which kubectl
//! keeps in an annotation. It is written here as well, so that kubectl can go on from there.

use anyhow::{Context as _, Result, bail};
use http::Method;
use serde_json::{Value, json};
use styr_client::{Client, Error, Patch};

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Creates or patches an object; answers its name and what was done to it.
pub(super) async fn apply(client: &Client, object: &Value) -> Result<(String, &'static str)> {
    let (kind, name) = (text(&object["kind"]), text(&object["metadata"]["name"]));
    let what = format!("{kind} {name}");
    let done = create_or_patch(client, object, name).await;
    Ok((
        what.clone(),
        done.with_context(|| format!("could not apply {what}"))?,
    ))
}

/// Looks first: of two services with one node port, the server refuses the port, not the name.
async fn create_or_patch(client: &Client, object: &Value, name: &str) -> Result<&'static str> {
    let collection = collection(client, object).await?;
    let desired = with_memory(object)?;
    let path = format!("{collection}/{name}");
    let found = client.send::<Value>(Method::GET, &path, None).await;
    if Error::unless_not_found(found)?.is_some() {
        let patched = client.patch_path::<Value>(&path, Patch::Strategic, &desired);
        return Ok(patched.await.map(|_| "is there")?);
    }
    let body = serde_json::to_vec(&desired).context("could not write JSON")?;
    let created = client.send::<Value>(Method::POST, &collection, Some(body));
    Ok(created.await.map(|_| "created")?)
}

/// The path of all objects of this one's kind and namespace, as the server's discovery says.
async fn collection(client: &Client, object: &Value) -> Result<String> {
    let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
    let root = match version.contains('/') {
        true => format!("/apis/{version}"),
        false => format!("/api/{version}"),
    };
    let list: Value = client.send(Method::GET, &root, None).await?;
    let resources = list["resources"].as_array().map_or(&[][..], Vec::as_slice);
    // A subresource has a slash in its name, and may be of the same kind.
    let is_it = |it: &&Value| it["kind"] == kind && !text(&it["name"]).contains('/');
    let Some(resource) = resources.iter().find(is_it) else {
        bail!("the server knows no {kind} of {version}");
    };
    let plural = text(&resource["name"]);
    if resource["namespaced"] == false {
        return Ok(format!("{root}/{plural}"));
    }
    let namespace = object["metadata"]["namespace"]
        .as_str()
        .unwrap_or("default");
    Ok(format!("{root}/namespaces/{namespace}/{plural}"))
}

fn with_memory(object: &Value) -> Result<Value> {
    let mut object = object.clone();
    let annotations = &mut object["metadata"]["annotations"];
    if annotations.is_null() {
        *annotations = json!({});
    }
    // As a line, and with annotations even if there are none: so kubectl writes it.
    let memory = serde_json::to_string(&object).context("could not write JSON")?;
    object["metadata"]["annotations"][LAST_APPLIED] = format!("{memory}\n").into();
    Ok(object)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests;
