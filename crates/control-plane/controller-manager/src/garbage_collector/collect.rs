//! One look at one object: may it go, must it wait, has it to let others go?

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use styr_client::{Address, Error, Metadata};

use super::Collector;
use super::graph::{FOREGROUND, Node, ORPHAN};

/// What the owners of an object are to it now.
#[derive(Debug, Default)]
struct Owners {
    solid: Vec<String>,
    dangling: Vec<String>,
    waiting: Vec<String>,
}

impl Collector {
    fn node(&self, uid: &str) -> Option<Node> {
        self.graph
            .lock()
            .expect("no holder of this lock panics")
            .get(uid)
            .cloned()
    }

    fn dependents(&self, uid: &str) -> Vec<(String, Node)> {
        self.graph
            .lock()
            .expect("no holder of this lock panics")
            .dependents(uid)
    }

    /// Where an owner is served, and in which namespace it is if it is in the dependent's.
    fn locate(&self, reference: &OwnerReference) -> anyhow::Result<Address> {
        let kinds = self.kinds.lock().expect("no holder of this lock panics");
        let id = (reference.api_version.clone(), reference.kind.clone());
        let known = kinds.get(&id).cloned();
        known.ok_or_else(|| anyhow::anyhow!("could not find out where {} {} is served", id.0, id.1))
    }

    /// Looks at the object with this uid.
    pub(super) async fn collect(&self, uid: &str) -> anyhow::Result<()> {
        let Some(node) = self.node(uid) else {
            return Ok(());
        };
        // Nothing hangs on an owner that nobody has seen: its dependents ask for themselves.
        if !node.is_seen {
            return Ok(());
        }
        let address = node.address.clone().expect("what was seen has an address");
        if node.is_leaving && !node.is_foreground() && !node.is_orphaning() {
            return Ok(());
        }
        let latest = self
            .read(&address, &node.namespace, &node.name, uid)
            .await?;
        let Some(latest) = latest else {
            // The watch will tell, and its dependents are then looked at.
            return Ok(());
        };
        if node.is_orphaning() {
            return self.orphan_dependents(uid, &node, &latest).await;
        }
        if node.is_foreground() {
            return self.await_dependents(uid, &node, &latest).await;
        }
        let references = latest.owner_references.clone().unwrap_or_default();
        if references.is_empty() {
            return Ok(());
        }
        let owners = self.classify(&node, &references).await?;
        self.act(uid, &node, &latest, owners).await
    }

    async fn classify(&self, node: &Node, references: &[OwnerReference]) -> anyhow::Result<Owners> {
        let mut owners = Owners::default();
        for reference in references {
            let uid = reference.uid.clone();
            let known = self.node(&uid).filter(|owner| owner.is_seen);
            let foreground = match known {
                Some(owner) => Some(owner.is_foreground()),
                None => self.ask(node, reference).await?,
            };
            match foreground {
                None => owners.dangling.push(uid),
                Some(true) => owners.waiting.push(uid),
                Some(false) => owners.solid.push(uid),
            }
        }
        Ok(owners)
    }

    /// Asks the server for an owner: `None` if it is gone, else whether it waits for its dependents.
    async fn ask(&self, node: &Node, reference: &OwnerReference) -> anyhow::Result<Option<bool>> {
        let address = self.locate(reference)?;
        if address.namespaced && node.namespace.is_empty() {
            // A cluster-scoped object cannot name an owner within a namespace. Upstream leaves it.
            return Ok(Some(false));
        }
        let namespace = if address.namespaced {
            node.namespace.as_str()
        } else {
            ""
        };
        let found = self
            .read(&address, namespace, &reference.name, &reference.uid)
            .await?;
        Ok(found.map(|metadata| {
            let finalizers = metadata.finalizers.iter().flatten();
            metadata.deletion_timestamp.is_some() && finalizers.into_iter().any(|f| f == FOREGROUND)
        }))
    }

    async fn read(
        &self,
        address: &Address,
        namespace: &str,
        name: &str,
        uid: &str,
    ) -> anyhow::Result<Option<ObjectMeta>> {
        let path = address.object(namespace, name, "");
        let request = http::Request::builder()
            .uri(&path)
            .header(
                "accept",
                "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json",
            )
            .body(Vec::new())?;
        let answer: Result<Metadata, _> = self.context.client.kube().request(request).await;
        let answer = answer.map_err(|source| Error::new(format!("get {path}"), source));
        let found = Error::unless_not_found(answer)?.map(|object| object.metadata);
        Ok(found.filter(|metadata| metadata.uid.as_deref() == Some(uid)))
    }

    async fn act(
        &self,
        uid: &str,
        node: &Node,
        latest: &ObjectMeta,
        owners: Owners,
    ) -> anyhow::Result<()> {
        let gone: Vec<String> = owners
            .dangling
            .into_iter()
            .chain(owners.waiting.clone())
            .collect();
        if !owners.solid.is_empty() {
            if !gone.is_empty() {
                self.release(node, latest, &gone).await?;
            }
            return Ok(());
        }
        let dependents = self.dependents(uid);
        let has = |finalizer: &str| latest.finalizers.iter().flatten().any(|f| f == finalizer);
        let policy = if !owners.waiting.is_empty() && !dependents.is_empty() {
            // Two that wait for each other would wait for ever.
            if dependents
                .iter()
                .any(|(_, dependent)| dependent.is_foreground())
            {
                return self.unblock(node, latest).await;
            }
            "Foreground"
        } else if has(ORPHAN) {
            "Orphan"
        } else if has(FOREGROUND) {
            "Foreground"
        } else {
            "Background"
        };
        tracing::debug!(
            kind = node.kind,
            namespace = node.namespace,
            name = node.name,
            policy,
            "collecting"
        );
        self.delete(node, latest, policy).await
    }

    /// A foreground deletion ends when no dependent blocks it any more.
    async fn await_dependents(
        &self,
        uid: &str,
        node: &Node,
        latest: &ObjectMeta,
    ) -> anyhow::Result<()> {
        let blocking = self
            .dependents(uid)
            .into_iter()
            .filter(|(_, dependent)| dependent.blocks(uid));
        let blocking: Vec<(String, Node)> = blocking.collect();
        if blocking.is_empty() {
            return self.remove_finalizer(node, latest, FOREGROUND).await;
        }
        // Dependents were looked at when the owner began to wait, and come again when it is their turn.
        Ok(())
    }

    async fn orphan_dependents(
        &self,
        uid: &str,
        node: &Node,
        latest: &ObjectMeta,
    ) -> anyhow::Result<()> {
        for (dependent_uid, dependent) in self.dependents(uid) {
            let Some(address) = dependent.address.clone().filter(|_| dependent.is_seen) else {
                continue;
            };
            let found = self
                .read(
                    &address,
                    &dependent.namespace,
                    &dependent.name,
                    &dependent_uid,
                )
                .await?;
            if let Some(found) = found {
                self.release(&dependent, &found, &[uid.to_owned()]).await?;
            }
        }
        self.remove_finalizer(node, latest, ORPHAN).await
    }
}
