//! `pods/exec`, `attach` and `portforward`: tunnels to the kubelet, which speaks the protocol.

use serde_json::Value;
use styr_meta::Status;

use super::log::{container_names, encode};
use crate::attributes::Operation;
use crate::body::Response;
use crate::forward::forward;
use crate::handlers::Scope;
use crate::inbound::Inbound;
use crate::query::Query;
use crate::registry::call::Subject;
use crate::registry::read::At;
use crate::status;

/// Parameters of exec and attach, as a client and as a kubelet calls them.
const STREAMS: [(&str, &str); 4] = [
    ("stdin", "input"),
    ("stdout", "output"),
    ("stderr", "error"),
    ("tty", "tty"),
];

pub(super) async fn exec(inbound: Inbound, scope: Scope) -> Result<Response, Status> {
    if inbound.query.all("command").next().is_none() {
        return Err(status::bad_request(
            "you must specify at least 1 command for the container",
        ));
    }
    to_container(inbound, scope, "exec").await
}

pub(super) async fn attach(inbound: Inbound, scope: Scope) -> Result<Response, Status> {
    to_container(inbound, scope, "attach").await
}

async fn to_container(inbound: Inbound, scope: Scope, action: &str) -> Result<Response, Status> {
    if !STREAMS[..3]
        .iter()
        .any(|(name, _)| inbound.query.flag(name) == Some(true))
    {
        return Err(status::bad_request(
            "you must specify at least one of stdin, stdout, stderr",
        ));
    }
    let pod = pod(&inbound, &scope).await?;
    let container = pick_container(&pod, inbound.query.text("container"))?;
    let path = format!(
        "/{action}/{}/{}/{container}?{}",
        inbound.info.namespace,
        inbound.info.name,
        kubelet_query(&inbound.query)
    );
    tunnel(inbound, &scope, &pod, path).await
}

pub(super) async fn port_forward(inbound: Inbound, scope: Scope) -> Result<Response, Status> {
    let pod = pod(&inbound, &scope).await?;
    let ports: Vec<String> = inbound
        .query
        .all("ports")
        .map(|port| format!("port={}", encode(port)))
        .collect();
    let query = if ports.is_empty() {
        String::new()
    } else {
        format!("?{}", ports.join("&"))
    };
    let path = format!(
        "/portForward/{}/{}{query}",
        inbound.info.namespace, inbound.info.name
    );
    tunnel(inbound, &scope, &pod, path).await
}

async fn pod(inbound: &Inbound, scope: &Scope) -> Result<Value, Status> {
    let info = &inbound.info;
    Ok(scope
        .registry
        .get(&info.namespace, &info.name, At::Latest)
        .await?
        .value())
}

async fn tunnel(
    inbound: Inbound,
    scope: &Scope,
    pod: &Value,
    path: String,
) -> Result<Response, Status> {
    let Some(node) = node_of(&inbound, pod).await? else {
        let name = &inbound.info.name;
        return Err(status::bad_request(&format!(
            "pod {name} does not have a host assigned"
        )));
    };
    let subject = Subject {
        operation: Operation::Connect,
        kind: &scope.kind,
        subresource: &inbound.info.subresource,
        name: &inbound.info.name,
    };
    let mut options = Value::Object(serde_json::Map::new());
    let mut call = inbound.call(Vec::new())?;
    call.admit(&subject, Some(&mut options), None).await?;
    call.validate(&subject, Some(&mut options), None).await?;
    drop(call);
    let destination = inbound.state.kubelets.destination(&node, path)?;
    let tasks = std::sync::Arc::clone(&inbound.state.connections);
    forward(&tasks, &destination, inbound.into_outgoing()).await
}

/// The node of a pod; none if it has none yet.
pub(super) async fn node_of(inbound: &Inbound, pod: &Value) -> Result<Option<Value>, Status> {
    let name = pod["spec"]["nodeName"].as_str().unwrap_or("");
    if name.is_empty() {
        return Ok(None);
    }
    let nodes = inbound.state.resources.builtin("", "nodes");
    Ok(Some(nodes.get("", name, At::Any).await?.value()))
}

/// The container that is meant; a pod with one container need not be told which.
pub(super) fn pick_container(pod: &Value, wanted: &str) -> Result<String, Status> {
    let containers = container_names(pod, "containers");
    let name = pod["metadata"]["name"].as_str().unwrap_or("");
    if wanted.is_empty() {
        if let [only] = containers.as_slice() {
            return Ok(only.clone());
        }
        if let Some(default) =
            pod["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"].as_str()
            && containers.iter().any(|it| it == default)
        {
            return Ok(default.to_owned());
        }
        let mut message = format!(
            "a container name must be specified for pod {name}, choose one of: [{}]",
            containers.join(" ")
        );
        let init = container_names(pod, "initContainers");
        if !init.is_empty() {
            message = format!(
                "{message} or one of the init containers: [{}]",
                init.join(" ")
            );
        }
        return Err(status::bad_request(&message));
    }
    let lists = ["containers", "initContainers", "ephemeralContainers"];
    let is_there = lists
        .iter()
        .any(|list| container_names(pod, list).iter().any(|it| it == wanted));
    if is_there {
        return Ok(wanted.to_owned());
    }
    Err(status::bad_request(&format!(
        "container {wanted} is not valid for pod {name}"
    )))
}

fn kubelet_query(query: &Query) -> String {
    let mut pairs: Vec<String> = STREAMS
        .iter()
        .filter(|(name, _)| query.flag(name) == Some(true))
        .map(|(_, name)| format!("{name}=1"))
        .collect();
    pairs.extend(
        query
            .all("command")
            .map(|argument| format!("command={}", encode(argument))),
    );
    pairs.join("&")
}
