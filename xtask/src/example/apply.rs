//! Brings an object to what a file says, as `kubectl apply` does the first time, without kubectl.
//!
//! What a file no longer says stays as it is: that takes a memory of the last apply, which kubectl
//! keeps in an annotation. It is written here as well, so that kubectl can go on from there.

use anyhow::{Context as _, Result, bail};
use http::Method;
use serde_json::Value;
use styr_client::{Client, Patch};

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Creates or patches an object; answers its name and what was done to it.
pub(super) async fn apply(client: &Client, object: &Value) -> Result<(String, &'static str)> {
    let what = format!(
        "{} {}",
        text(&object["kind"]),
        text(&object["metadata"]["name"])
    );
    let context = || format!("could not apply {what}");
    let collection = collection(client, object).await.with_context(context)?;
    let desired = with_memory(object)?;
    let body = serde_json::to_vec(&desired).context("could not write JSON")?;
    let created = client
        .send::<Value>(Method::POST, &collection, Some(body))
        .await;
    match created {
        Ok(_) => Ok((what, "created")),
        Err(error) if error.code() == Some(409) => {
            let path = format!("{collection}/{}", text(&object["metadata"]["name"]));
            let patched = client
                .patch_path::<Value>(&path, Patch::Strategic, &desired)
                .await;
            patched.with_context(context)?;
            Ok((what, "is there"))
        }
        Err(error) => Err(error).with_context(context),
    }
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
    let memory = serde_json::to_string(object).context("could not write JSON")?;
    let mut object = object.clone();
    // As a line, which is how kubectl writes it.
    object["metadata"]["annotations"][LAST_APPLIED] = format!("{memory}\n").into();
    Ok(object)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests;
