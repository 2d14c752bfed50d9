//! Life-cycle hooks: run a command, ask for a URL, open a connection, or sleep.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, LifecycleHandler};
use styr_base::SharedClock;

use crate::runtime::Runtime;
use crate::{handler, http_client};

/// A hook over HTTP has no timeout of its own; the pod's grace period ends it.
const HTTP_TIMEOUT: Duration = Duration::from_secs(60 * 60);
const AGENT: &str = "kube-lifecycle/1.37";

/// Runs a hook to its end; the error is told in an event.
pub(crate) async fn run(
    (container, id): (&Container, &str),
    hook: &LifecycleHandler,
    pod_ip: &str,
    (runtime, clock): (&Runtime, &SharedClock),
) -> Result<(), String> {
    if let Some(exec) = &hook.exec {
        let command = exec.command.clone().unwrap_or_default();
        let shown = command.join(" ");
        let answer = runtime.exec_sync(id, command, Duration::ZERO).await;
        let answer = answer.map_err(|status| status.message().to_owned())?;
        if answer.exit_code != 0 {
            let mut output = String::from_utf8_lossy(&answer.stdout).into_owned();
            output.push_str(&String::from_utf8_lossy(&answer.stderr));
            return Err(format!(
                "command '{shown}' exited with {}: {output}",
                answer.exit_code
            ));
        }
    } else if let Some(action) = &hook.http_get {
        let request = handler::http_get(container, action, pod_ip, (AGENT, HTTP_TIMEOUT))?;
        let answer = http_client::get(request).await?;
        if !(200..400).contains(&answer.code) {
            return Err(format!(
                "HTTP probe failed with statuscode: {}",
                answer.code
            ));
        }
    } else if let Some(action) = &hook.tcp_socket {
        let port = handler::port(container, &action.port)?;
        let host = action
            .host
            .as_deref()
            .filter(|host| !host.is_empty())
            .unwrap_or(pod_ip);
        http_client::connect(host, port).await?;
    } else if let Some(sleep) = &hook.sleep {
        clock
            .sleep(Duration::from_secs(
                u64::try_from(sleep.seconds).unwrap_or(0),
            ))
            .await;
    }
    Ok(())
}
