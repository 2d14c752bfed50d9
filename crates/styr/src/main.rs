//! The binary: one subcommand per component, plus the commands of a user.
//!
//! Called by a component's name, as in our own image, it is that component.

mod help;
mod subcommands;
mod user;

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use styr_base::Shutdown;
use subcommands::{Run, SUBCOMMANDS, Subcommand};

/// Threads that drive tasks; a component is events and waiting, not arithmetic.
const WORKERS: usize = 2;

fn main() -> ExitCode {
    let mut args = std::env::args();
    let program = args.next().unwrap_or_default();
    // Container runtimes call network plugins without arguments.
    if std::env::var_os("CNI_COMMAND").is_some() {
        return styr_network::cni_command();
    }
    let called = Path::new(&program)
        .file_name()
        .and_then(OsStr::to_str)
        .unwrap_or_default();
    let rest: Vec<String> = args.collect();
    if let Some(subcommand) = find(called) {
        return run(subcommand, rest);
    }
    match rest.split_first() {
        Some((name, rest)) if find(name).is_some() => {
            let subcommand = find(name).expect("just found");
            run(subcommand, rest.to_vec())
        }
        _ => finish(user::run(rest)),
    }
}

fn find(name: &str) -> Option<&'static Subcommand> {
    SUBCOMMANDS
        .iter()
        .find(|subcommand| subcommand.name == name)
}

fn run(subcommand: &Subcommand, args: Vec<String>) -> ExitCode {
    if let Some(answer) = help::answer(subcommand, &args) {
        return finish(user::say(&answer));
    }
    match subcommand.run {
        Run::Single(single) => match single(&args) {
            Ok(code) => code,
            Err(error) => finish(Err(error)),
        },
        Run::Component(component) => finish(on_runtime(|shutdown| component(args, shutdown))),
    }
}

/// Runs an asynchronous command to its end; SIGTERM and SIGINT ask it to end.
fn on_runtime<F, Fut>(command: F) -> anyhow::Result<()>
where
    F: FnOnce(Shutdown) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    // Libraries that pick a provider by themselves must find one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()?;
    runtime.block_on(async { command(Shutdown::on_signals()?).await })
}

#[expect(
    clippy::print_stderr,
    reason = "the one place that tells a user what went wrong"
)]
fn finish(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ERROR: {error:#}");
            ExitCode::FAILURE
        }
    }
}
