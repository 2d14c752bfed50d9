//! What runs on a node, as one small program: `node kubelet ...`, `node container-runtime ...`, and
//! what the runtime starts itself. For tests that replace one of the two by the real one.

use std::process::ExitCode;

use styr_base::Shutdown;

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.is_empty() {
        anyhow::bail!("kubelet, container-runtime, load-image, runc or pod-init?");
    }
    let name = arguments.remove(0);
    match name.as_str() {
        // These two run without threads.
        styr_oci::runc::NAME => return styr_oci::runc::command(&arguments),
        styr_oci::pod_init::NAME => return styr_oci::pod_init::command(&arguments),
        "load-image" => {
            styr_container_runtime::load_image(&arguments, &mut std::io::stdout())?;
            return Ok(ExitCode::SUCCESS);
        }
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let shutdown = Shutdown::on_signals()?;
        match name.as_str() {
            styr_kubelet::NAME => styr_kubelet::command(arguments, shutdown).await,
            styr_container_runtime::NAME => {
                tracing_subscriber::fmt()
                    .with_writer(std::io::stderr)
                    .with_ansi(false)
                    .init();
                styr_container_runtime::command(arguments, shutdown).await
            }
            other => anyhow::bail!("there is no {other}"),
        }
    })?;
    Ok(ExitCode::SUCCESS)
}
