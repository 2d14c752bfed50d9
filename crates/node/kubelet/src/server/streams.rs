//! Commands, terminals and forwarded ports: handed on to the runtime's own streaming server.
//!
//! The kubelet asks the runtime for an address, sends the client's request there and joins the two
//! connections once both have switched protocols. It does not read what goes through.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use styr_cri::v1;
use tokio::net::TcpStream;
use tonic::Status;

use super::Service;
use super::answer::{self, Answer};
use super::routes::{is_true, not_found, value, values};
use crate::observed::State;
use crate::pod;

pub(super) async fn answer(
    service: &Arc<Service>,
    request: Request<Incoming>,
    parts: &[String],
    query: &str,
) -> Answer {
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (action, namespace, name) = match parts.as_slice() {
        [action, namespace, name, ..] => (*action, *namespace, *name),
        _ => return not_found(),
    };
    let (uid, container) = match (action, &parts[3..]) {
        ("portForward", []) => (None, ""),
        ("portForward", [uid]) => (Some(*uid), ""),
        ("portForward", _) => return not_found(),
        (_, [container]) => (None, *container),
        (_, [uid, container]) => (Some(*uid), *container),
        _ => return not_found(),
    };
    let found = service.table.find(namespace, name);
    let found = found.filter(|found| uid.is_none_or(|uid| pod::uid(found) == uid));
    let Some(found) = found else {
        return answer::error(StatusCode::NOT_FOUND, "pod does not exist");
    };
    let result = match action {
        "run" => return run(service, &found, container, query).await,
        "exec" => exec(service, &found, container, query).await,
        "attach" => attach(service, &found, container, query).await,
        _ => port_forward(service, &found, query).await,
    };
    match result {
        Ok(url) => match hand_on(service, request, &url).await {
            Ok(answer) => answer,
            Err(text) => answer::error(StatusCode::INTERNAL_SERVER_ERROR, &text),
        },
        Err(status) => {
            let code = match status.code() {
                tonic::Code::NotFound => StatusCode::NOT_FOUND,
                tonic::Code::InvalidArgument => StatusCode::BAD_REQUEST,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
            answer::error(code, status.message())
        }
    }
}

async fn running(service: &Service, found: &Pod, container: &str) -> Result<String, Status> {
    let observed = service.shared.runtime.observe(pod::uid(found)).await?;
    let active = observed
        .latest(container)
        .filter(|active| active.state == State::Running);
    active
        .map(|active| active.id.clone())
        .ok_or_else(|| Status::not_found(format!("container not found (\"{container}\")")))
}

async fn exec(
    service: &Service,
    found: &Pod,
    container: &str,
    query: &str,
) -> Result<String, Status> {
    let cmd = values(query, "command");
    if cmd.is_empty() {
        return Err(Status::invalid_argument(
            "you must specify at least 1 of stdin, stdout, stderr",
        ));
    }
    let tty = is_true(query, "tty");
    let request = v1::ExecRequest {
        container_id: running(service, found, container).await?,
        cmd,
        tty,
        stdin: is_true(query, "input"),
        stdout: is_true(query, "output"),
        stderr: is_true(query, "error") && !tty,
    };
    service.shared.runtime.exec(request).await
}

async fn attach(
    service: &Service,
    found: &Pod,
    container: &str,
    query: &str,
) -> Result<String, Status> {
    let definition = pod::container(found, container);
    let tty = definition.is_some_and(|definition| definition.tty == Some(true));
    let request = v1::AttachRequest {
        container_id: running(service, found, container).await?,
        stdin: is_true(query, "input"),
        tty,
        stdout: is_true(query, "output"),
        stderr: is_true(query, "error") && !tty,
    };
    service.shared.runtime.attach(request).await
}

async fn port_forward(service: &Service, found: &Pod, query: &str) -> Result<String, Status> {
    let observed = service.shared.runtime.observe(pod::uid(found)).await?;
    let sandbox = observed
        .sandboxes
        .first()
        .filter(|sandbox| sandbox.is_ready);
    let sandbox = sandbox.ok_or_else(|| Status::not_found("the pod has no sandbox"))?;
    let ports = values(query, "port")
        .into_iter()
        .chain(values(query, "ports"));
    let port = ports
        .flat_map(|list| {
            list.split(',')
                .filter_map(|port| port.parse().ok())
                .collect::<Vec<i32>>()
        })
        .collect();
    let request = v1::PortForwardRequest {
        pod_sandbox_id: sandbox.id.clone(),
        port,
    };
    service.shared.runtime.port_forward(request).await
}

/// `POST /run/...`: the output of a command, once it has ended.
async fn run(service: &Service, found: &Pod, container: &str, query: &str) -> Answer {
    let failed =
        |status: Status| answer::error(StatusCode::INTERNAL_SERVER_ERROR, status.message());
    let id = match running(service, found, container).await {
        Ok(id) => id,
        Err(status) => return failed(status),
    };
    let command = value(query, "cmd").unwrap_or_default();
    let command = command.split(' ').map(str::to_owned).collect();
    match service
        .shared
        .runtime
        .exec_sync(&id, command, Duration::ZERO)
        .await
    {
        Ok(output) => {
            let mut bytes = output.stdout.to_vec();
            bytes.extend_from_slice(&output.stderr);
            answer::with_type(StatusCode::OK, "text/plain", answer::body(bytes))
        }
        Err(status) => failed(status),
    }
}

async fn hand_on(
    service: &Service,
    mut request: Request<Incoming>,
    url: &str,
) -> Result<Answer, String> {
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        format!("could not {what} the runtime's stream {url}: {error}")
    };
    let uri: Uri = url.parse().map_err(|error| failed("read", &error))?;
    let host = uri
        .host()
        .unwrap_or("127.0.0.1")
        .trim_matches(['[', ']'])
        .to_owned();
    let port = uri.port_u16().unwrap_or(80);
    let stream = TcpStream::connect((host.as_str(), port)).await;
    let stream = stream.map_err(|error| failed("connect to", &error))?;
    // Without a failure to lose: small writes are the rule here.
    let _ = stream.set_nodelay(true);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed("open", &error))?;
    service.streams.spawn_infallible(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a stream of the runtime ended");
        }
    });
    let path = uri
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .to_owned();
    let mut forwarded = Request::builder()
        .method(method(request.method()))
        .uri(path);
    for (name, value) in request.headers() {
        if name != "host" && name != "authorization" {
            forwarded = forwarded.header(name, value);
        }
    }
    let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
    let forwarded = forwarded
        .header("host", authority)
        .body(Empty::<Bytes>::new())
        .map_err(|error| failed("ask for", &error))?;
    let answered = sender
        .send_request(forwarded)
        .await
        .map_err(|error| failed("ask for", &error))?;
    let client = hyper::upgrade::on(&mut request);
    let mut answered = answered;
    let switched = answered.status() == StatusCode::SWITCHING_PROTOCOLS;
    let upstream = hyper::upgrade::on(&mut answered);
    let (head, content) = answered.into_parts();
    if !switched {
        return Ok(Answer::from_parts(
            head,
            content.map_err(Into::into).boxed_unsync(),
        ));
    }
    service.streams.spawn_infallible(async move {
        let (client, upstream) = match futures::future::try_join(client, upstream).await {
            Ok(both) => both,
            Err(error) => {
                tracing::debug!(%error, "a stream was not switched");
                return;
            }
        };
        let (mut client, mut upstream) = (TokioIo::new(client), TokioIo::new(upstream));
        // How a stream ends is told inside it; here it only ends.
        let _ = tokio::io::copy_bidirectional(&mut client, &mut upstream).await;
    });
    Ok(Answer::from_parts(head, answer::body(Bytes::new())))
}

fn method(method: &Method) -> Method {
    method.clone()
}
