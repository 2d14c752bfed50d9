//! One probe, once: by command, HTTP, TCP or gRPC.

use std::time::Duration;

use k8s_openapi::api::core::v1::{GRPCAction, Probe};
use tonic::Code;

use super::{Finding, Subject, Tools, seconds};
use crate::{handler, http_client};

const AGENT: &str = "kube-probe/1.37";
/// Upstream's limit of a command's output.
const OUTPUT_BYTES_MAX: usize = 10 << 10;

pub(super) async fn probe(tools: &Tools, subject: &Subject, probe: &Probe) -> Finding {
    let timeout = seconds(probe.timeout_seconds, 1);
    if let Some(exec) = &probe.exec {
        return command(
            tools,
            subject,
            exec.command.clone().unwrap_or_default(),
            timeout,
        )
        .await;
    }
    if let Some(action) = &probe.http_get {
        let get = handler::http_get(&subject.container, action, &subject.ip, (AGENT, timeout));
        return match get {
            Ok(get) => http(get).await,
            Err(text) => Finding::Error(text),
        };
    }
    if let Some(action) = &probe.tcp_socket {
        let host = action.host.clone().filter(|host| !host.is_empty());
        let host = host.unwrap_or_else(|| subject.ip.clone());
        return match handler::port(&subject.container, &action.port) {
            Ok(port) => tcp(&host, port, timeout).await,
            Err(text) => Finding::Error(text),
        };
    }
    match &probe.grpc {
        Some(action) => grpc(&subject.ip, action, timeout).await,
        None => Finding::Success,
    }
}

async fn command(
    tools: &Tools,
    subject: &Subject,
    command: Vec<String>,
    timeout: Duration,
) -> Finding {
    let shown = command.join(" ");
    let asked = tools.runtime.exec_sync(&subject.id, command, timeout);
    // The runtime keeps the time; a runtime that does not is cut off a little later.
    let limit = timeout + Duration::from_secs(2);
    let Ok(answer) = tokio::time::timeout(limit, asked).await else {
        return Finding::Failure(timed_out(&shown, timeout));
    };
    match answer {
        Ok(answer) => {
            let mut output = answer.stdout.to_vec();
            output.extend_from_slice(&answer.stderr);
            output.truncate(OUTPUT_BYTES_MAX);
            let output = String::from_utf8_lossy(&output).into_owned();
            if answer.exit_code == 0 {
                Finding::Success
            } else {
                Finding::Failure(output)
            }
        }
        Err(status) if status.code() == Code::DeadlineExceeded => {
            Finding::Failure(timed_out(&shown, timeout))
        }
        Err(status) => Finding::Error(status.message().to_owned()),
    }
}

fn timed_out(command: &str, timeout: Duration) -> String {
    format!(
        "command timed out: {command:?} timed out after {}s",
        timeout.as_secs()
    )
}

async fn http(get: http_client::Get) -> Finding {
    match http_client::get(get).await {
        Ok(answer) if answer.left_host => Finding::Warning(format!(
            "Probe terminated redirects, Response body: {}",
            answer.body
        )),
        Ok(answer) if (200..400).contains(&answer.code) => Finding::Success,
        Ok(answer) => Finding::Failure(format!(
            "HTTP probe failed with statuscode: {}",
            answer.code
        )),
        Err(text) => Finding::Failure(text),
    }
}

async fn tcp(host: &str, port: u16, timeout: Duration) -> Finding {
    match tokio::time::timeout(timeout, http_client::connect(host, port)).await {
        Ok(Ok(_)) => Finding::Success,
        Ok(Err(text)) => Finding::Failure(text),
        Err(_) => Finding::Failure(format!("dial tcp {host}:{port}: i/o timeout")),
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct HealthCheckResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

const SERVING: i32 = 1;

async fn grpc(ip: &str, action: &GRPCAction, timeout: Duration) -> Finding {
    let service = action.service.clone().unwrap_or_default();
    let port = action.port;
    let host = if ip.contains(':') {
        format!("[{ip}]")
    } else {
        ip.to_owned()
    };
    let ask = async {
        let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{host}:{port}"));
        let endpoint = endpoint.map_err(|error| error.to_string())?;
        let channel = endpoint.connect().await.map_err(|_| {
            format!("timeout: failed to connect service \"{host}:{port}\" within {timeout:?}: connection refused")
        })?;
        let mut client = tonic::client::Grpc::new(channel);
        client.ready().await.map_err(|error| error.to_string())?;
        let path = http::uri::PathAndQuery::from_static("/grpc.health.v1.Health/Check");
        let request = tonic::Request::new(HealthCheckRequest {
            service: service.clone(),
        });
        let codec = tonic_prost::ProstCodec::<HealthCheckRequest, HealthCheckResponse>::default();
        let answer = client.unary(request, path, codec).await;
        answer
            .map(tonic::Response::into_inner)
            .map_err(|status| format!("error: health rpc probe failed: {status}"))
    };
    match tokio::time::timeout(timeout, ask).await {
        Ok(Ok(answer)) if answer.status == SERVING => Finding::Success,
        Ok(Ok(answer)) => Finding::Failure(format!(
            "service unhealthy (responded with {:?})",
            match answer.status {
                2 => "NOT_SERVING",
                3 => "SERVICE_UNKNOWN",
                _ => "UNKNOWN",
            }
        )),
        Ok(Err(text)) => Finding::Failure(text),
        Err(_) => Finding::Failure(format!(
            "timeout: health rpc did not complete within {timeout:?}"
        )),
    }
}
