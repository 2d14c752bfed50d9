//! What the API server serves at this moment: aggregated discovery.

use http::{Method, Request};
use serde_json::Value;
use styr_client::{Address, Client, Error};

/// A served resource, in the version that the server prefers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Served {
    pub(crate) address: Address,
    pub(crate) kind: String,
    pub(crate) verbs: Vec<String>,
}

impl Served {
    pub(crate) fn can(&self, verb: &str) -> bool {
        self.verbs.iter().any(|known| known == verb)
    }
}

/// All resources, and the groups that could not be asked.
#[derive(Debug, Default, Clone)]
pub(crate) struct Discovered {
    pub(crate) resources: Vec<Served>,
    /// Of kinds in versions that are served but not preferred.
    pub(crate) others: Vec<Served>,
    pub(crate) stale: Vec<String>,
}

const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// Asks the server.
pub(crate) async fn discover(client: &Client) -> Result<Discovered, Error> {
    let mut discovered = Discovered::default();
    for root in ["/api", "/apis"] {
        let request = Request::builder()
            .method(Method::GET)
            .uri(root)
            .header("accept", ACCEPT)
            .body(Vec::new())
            .expect("constants are valid");
        let answer: Result<Value, _> = client.kube().request(request).await;
        let tree = answer.map_err(|source| Error::new(format!("discover {root}"), source))?;
        for group in array(&tree, "items") {
            read_group(group, &mut discovered);
        }
    }
    Ok(discovered)
}

fn array<'a>(tree: &'a Value, field: &str) -> &'a [Value] {
    tree[field]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
}

fn text(tree: &Value, field: &str) -> String {
    tree[field].as_str().unwrap_or_default().to_owned()
}

fn read_group(tree: &Value, discovered: &mut Discovered) {
    let group = text(&tree["metadata"], "name");
    let mut seen: Vec<String> = Vec::new();
    // Versions come in the order of preference.
    for version in array(tree, "versions") {
        let name = text(version, "version");
        if version["freshness"].as_str() == Some("Stale") {
            discovered.stale.push(format!("{group}/{name}"));
        }
        for resource in array(version, "resources") {
            let plural = text(resource, "resource");
            let served = Served {
                address: Address {
                    group: group.clone().into(),
                    version: name.clone().into(),
                    plural: plural.clone().into(),
                    namespaced: resource["scope"].as_str() == Some("Namespaced"),
                },
                kind: text(&resource["responseKind"], "kind"),
                verbs: array(resource, "verbs")
                    .iter()
                    .filter_map(|verb| verb.as_str().map(str::to_owned))
                    .collect(),
            };
            if seen.contains(&plural) {
                discovered.others.push(served);
            } else {
                seen.push(plural);
                discovered.resources.push(served);
            }
        }
    }
}
