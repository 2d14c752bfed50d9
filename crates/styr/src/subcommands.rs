//! The components that this binary is, by name.

use std::process::ExitCode;

use anyhow::Result;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use styr_base::Shutdown;

/// A component, and how to run it.
pub(crate) struct Subcommand {
    pub(crate) name: &'static str,
    pub(crate) run: Run,
}

/// With or without an asynchronous runtime.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// Stays a single thread: it clones, changes namespaces, or must stay small.
    Single(fn(&[String]) -> Result<ExitCode>),
    /// Serves until it is told to end.
    Component(fn(Vec<String>, Shutdown) -> BoxFuture<'static, Result<()>>),
}

const fn single(name: &'static str, run: fn(&[String]) -> Result<ExitCode>) -> Subcommand {
    Subcommand {
        name,
        run: Run::Single(run),
    }
}

const fn component(
    name: &'static str,
    run: fn(Vec<String>, Shutdown) -> BoxFuture<'static, Result<()>>,
) -> Subcommand {
    Subcommand {
        name,
        run: Run::Component(run),
    }
}

/// One line each, in alphabetical order.
pub(crate) const SUBCOMMANDS: &[Subcommand] = &[
    component("api", |args, shutdown| {
        styr_cluster::api::command(args, shutdown).boxed()
    }),
    component(styr_dns::NAME, |args, shutdown| {
        styr_dns::command(args, shutdown).boxed()
    }),
    component(styr_etcd::NAME, |args, shutdown| {
        styr_etcd::command(args, shutdown).boxed()
    }),
    component(styr_apiserver::NAME, |args, shutdown| {
        styr_apiserver::command(args, shutdown).boxed()
    }),
    component(styr_controller_manager::NAME, |args, shutdown| {
        styr_controller_manager::command(args, shutdown).boxed()
    }),
    component(styr_scheduler::NAME, |args, shutdown| {
        styr_scheduler::command(args, shutdown).boxed()
    }),
    component(styr_container_runtime::NAME, |args, shutdown| {
        styr_container_runtime::command(args, shutdown).boxed()
    }),
    component(styr_proxy::NAME, |args, shutdown| {
        styr_proxy::command(args, shutdown).boxed()
    }),
    component(styr_kubelet::NAME, |args, shutdown| {
        styr_kubelet::command(args, shutdown).boxed()
    }),
    component(styr_local_path::NAME, |args, shutdown| {
        styr_local_path::command(args, shutdown).boxed()
    }),
    component(styr_network::NAME, |args, shutdown| {
        styr_network::command(args, shutdown).boxed()
    }),
    single(styr_cluster::node::NAME, styr_cluster::node::command),
    single(
        styr_local_path::HELPER_NAME,
        styr_local_path::helper_command,
    ),
    single(styr_oci::pod_init::NAME, styr_oci::pod_init::command),
    single(styr_oci::runc::NAME, styr_oci::runc::command),
];
