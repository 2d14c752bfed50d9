//! Single requests: typed where an object is made or read, trees of JSON where one is patched.
//!
//! Nothing here retries. A reconciler that meets a conflict returns the error and is called again.

use http::{Method, Request};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{Address, Client, Error, Object};

/// How a patch is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patch {
    /// RFC 7386.
    Merge,
    /// By the lists' merge keys; built-in kinds only.
    Strategic,
    /// RFC 6902.
    Json,
}

impl Patch {
    fn content_type(self) -> &'static str {
        match self {
            Self::Merge => "application/merge-patch+json",
            Self::Strategic => "application/strategic-merge-patch+json",
            Self::Json => "application/json-patch+json",
        }
    }
}

impl Client {
    /// Reads an object from the server, past all caches.
    pub async fn get<K: Object>(&self, namespace: &str, name: &str) -> Result<K, Error> {
        let path = Address::of::<K>().object(namespace, name, "");
        self.send(Method::GET, &path, None).await
    }

    /// Creates an object in the namespace that its metadata name.
    pub async fn create<K: Object>(&self, object: &K) -> Result<K, Error> {
        let namespace = object.metadata().namespace.as_deref().unwrap_or_default();
        let path = Address::of::<K>().collection(namespace);
        self.send(Method::POST, &path, Some(body(object))).await
    }

    /// Replaces an object. Only for objects that were read whole a moment ago by this caller and
    /// whose kind is known to have no fields beyond the struct.
    pub async fn replace<K: Object>(&self, object: &K) -> Result<K, Error> {
        self.replace_at(object, "").await
    }

    /// Replaces the status of an object; a conflict if its resource version is no longer current.
    pub async fn replace_status<K: Object>(&self, object: &K) -> Result<K, Error> {
        self.replace_at(object, "/status").await
    }

    async fn replace_at<K: Object>(&self, object: &K, subresource: &str) -> Result<K, Error> {
        let metadata = object.metadata();
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let name = metadata.name.as_deref().unwrap_or_default();
        let path = Address::of::<K>().object(namespace, name, subresource);
        self.send(Method::PUT, &path, Some(body(object))).await
    }

    /// Merges `patch` into an object. With `metadata.resourceVersion` in it, only if that is
    /// current; with `metadata.uid` in it, only if it is that very object.
    pub async fn merge_patch<K: Object>(
        &self,
        namespace: &str,
        name: &str,
        patch: &Value,
    ) -> Result<K, Error> {
        let path = Address::of::<K>().object(namespace, name, "");
        self.patch_path(&path, Patch::Merge, patch).await
    }

    /// Merges `patch`, which begins with `status`, into the status of an object.
    pub async fn merge_patch_status<K: Object>(
        &self,
        namespace: &str,
        name: &str,
        patch: &Value,
    ) -> Result<K, Error> {
        let path = Address::of::<K>().object(namespace, name, "/status");
        self.patch_path(&path, Patch::Merge, patch).await
    }

    /// Merges `patch` into an object, lists by their merge keys.
    pub async fn strategic_patch<K: Object>(
        &self,
        namespace: &str,
        name: &str,
        patch: &Value,
    ) -> Result<K, Error> {
        let path = Address::of::<K>().object(namespace, name, "");
        self.patch_path(&path, Patch::Strategic, patch).await
    }

    /// Merges `patch`, which begins with `status`, into the status; lists by their merge keys.
    pub async fn strategic_patch_status<K: Object>(
        &self,
        namespace: &str,
        name: &str,
        patch: &Value,
    ) -> Result<K, Error> {
        let path = Address::of::<K>().object(namespace, name, "/status");
        self.patch_path(&path, Patch::Strategic, patch).await
    }

    /// Reads an object whole, merges `patch` into it here, and writes it back: for callers that may
    /// update but not patch. A conflict if it changed in between, or is not the one `patch` names.
    pub async fn merge_update<K: Object>(
        &self,
        (namespace, name): (&str, &str),
        subresource: &str,
        patch: &Value,
    ) -> Result<K, Error> {
        let address = Address::of::<K>();
        let path = address.object(namespace, name, "");
        let mut tree: Value = self.send(Method::GET, &path, None).await?;
        merge(&mut tree, patch);
        let path = address.object(namespace, name, subresource);
        self.send(Method::PUT, &path, Some(body(&tree))).await
    }

    /// Patches whatever is at a path.
    pub async fn patch_path<T: DeserializeOwned>(
        &self,
        path: &str,
        kind: Patch,
        patch: &Value,
    ) -> Result<T, Error> {
        let request = Request::builder()
            .method(Method::PATCH)
            .uri(path)
            .header("content-type", kind.content_type())
            .header("accept", "application/json")
            .body(body(patch));
        self.answer("patch", path, request).await
    }

    /// Deletes an object. `Ok` also means that its deletion has only begun.
    pub async fn delete<K: Object>(
        &self,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<(), Error> {
        let path = Address::of::<K>().object(namespace, name, "");
        self.delete_path(&path, options).await
    }

    /// Deletes whatever is at a path: an object or a whole collection.
    pub async fn delete_path(&self, path: &str, options: &DeleteOptions) -> Result<(), Error> {
        let answer: Value = self.send(Method::DELETE, path, Some(body(options))).await?;
        drop(answer);
        Ok(())
    }

    /// Binds a pod to a node; fails if `uid` is no longer the pod's.
    pub async fn bind(
        &self,
        namespace: &str,
        pod: &str,
        uid: &str,
        node: &str,
    ) -> Result<(), Error> {
        let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/binding");
        let binding = json!({
            "apiVersion": "v1", "kind": "Binding",
            "metadata": { "namespace": namespace, "name": pod, "uid": uid },
            "target": { "apiVersion": "v1", "kind": "Node", "name": node },
        });
        let answer: Value = self.send(Method::POST, &path, Some(body(&binding))).await?;
        drop(answer);
        Ok(())
    }

    /// Asks for a pod to go, if its disruption budgets allow.
    pub async fn evict(
        &self,
        namespace: &str,
        pod: &str,
        options: &DeleteOptions,
    ) -> Result<(), Error> {
        let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/eviction");
        let eviction = json!({
            "apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": { "namespace": namespace, "name": pod }, "deleteOptions": options,
        });
        let answer: Value = self
            .send(Method::POST, &path, Some(body(&eviction)))
            .await?;
        drop(answer);
        Ok(())
    }

    /// Sends JSON to a path and decodes the answer.
    pub async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        json: Option<Vec<u8>>,
    ) -> Result<T, Error> {
        let verb = match method {
            Method::GET => "get",
            Method::POST => "create",
            Method::PUT => "update",
            Method::DELETE => "delete",
            _ => "ask",
        };
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("accept", "application/json");
        if json.is_some() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(json.unwrap_or_default());
        self.answer(verb, path, request).await
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        verb: &str,
        path: &str,
        request: http::Result<Request<Vec<u8>>>,
    ) -> Result<T, Error> {
        let failed = |source| Error::new(format!("{verb} {path}"), source);
        let request = request.map_err(|error| failed(kube::Error::HttpError(error)))?;
        self.kube().request(request).await.map_err(failed)
    }
}

/// Kubernetes objects always serialise: their maps have string keys.
fn body(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("maps with string keys")
}

/// RFC 7386.
fn merge(tree: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        tree.clone_from(patch);
        return;
    };
    if !tree.is_object() {
        *tree = json!({});
    }
    let fields = tree.as_object_mut().expect("made one above");
    for (name, value) in patch {
        if value.is_null() {
            fields.remove(name);
        } else {
            merge(fields.entry(name).or_insert(Value::Null), value);
        }
    }
}
