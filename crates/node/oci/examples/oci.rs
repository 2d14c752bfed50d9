//! The programs of this crate as one, for trying them out: `oci runc ...`, `oci pod-init ...`.

use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.is_empty() {
        anyhow::bail!("runc or pod-init?");
    }
    let name = arguments.remove(0);
    match name.as_str() {
        styr_oci::runc::NAME => styr_oci::runc::command(&arguments),
        styr_oci::pod_init::NAME => styr_oci::pod_init::command(&arguments),
        other => anyhow::bail!("there is no {other}"),
    }
}
