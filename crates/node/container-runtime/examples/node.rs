//! The runtime as a program of its own, for trying it out beside a real kubelet:
//! `node container-runtime ...`, and what it starts itself.

use std::process::ExitCode;

use styr_base::Shutdown;

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.is_empty() {
        anyhow::bail!("container-runtime, load-image, runc or pod-init?");
    }
    let name = arguments.remove(0);
    match name.as_str() {
        styr_oci::runc::NAME => styr_oci::runc::command(&arguments),
        styr_oci::pod_init::NAME => styr_oci::pod_init::command(&arguments),
        "load-image" => {
            styr_container_runtime::load_image(&arguments, &mut std::io::stdout())?;
            Ok(ExitCode::SUCCESS)
        }
        styr_container_runtime::NAME => {
            tracing_subscriber::fmt()
                .with_writer(std::io::stderr)
                .init();
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let shutdown = Shutdown::on_signals()?;
                styr_container_runtime::command(arguments, shutdown).await
            })?;
            Ok(ExitCode::SUCCESS)
        }
        other => anyhow::bail!("there is no {other}"),
    }
}
