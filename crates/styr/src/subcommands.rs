//! The components that this binary is, by name.

use std::process::ExitCode;

use anyhow::Result;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use styr_base::Shutdown;

/// A component, and how to run it.
pub(crate) struct Subcommand {
    pub(crate) name: &'static str,
    /// What it is, for the help.
    pub(crate) about: &'static str,
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

const fn single(
    (name, about): (&'static str, &'static str),
    run: fn(&[String]) -> Result<ExitCode>,
) -> Subcommand {
    Subcommand {
        name,
        about,
        run: Run::Single(run),
    }
}

const fn component(
    (name, about): (&'static str, &'static str),
    run: fn(Vec<String>, Shutdown) -> BoxFuture<'static, Result<()>>,
) -> Subcommand {
    Subcommand {
        name,
        about,
        run: Run::Component(run),
    }
}

/// One line each, in alphabetical order.
pub(crate) const SUBCOMMANDS: &[Subcommand] = &[
    component(
        (
            "api",
            "Store, API server and the controllers that end deletions, in one process, for tests",
        ),
        |args, shutdown| styr_cluster::api::command(args, shutdown).boxed(),
    ),
    component(
        (styr_dns::NAME, "Cluster DNS by a Corefile"),
        |args, shutdown| styr_dns::command(args, shutdown).boxed(),
    ),
    component(
        (styr_etcd::NAME, "The store, over etcd's v3 API"),
        |args, shutdown| styr_etcd::command(args, shutdown).boxed(),
    ),
    component(
        (styr_apiserver::NAME, "The API server"),
        |args, shutdown| styr_apiserver::command(args, shutdown).boxed(),
    ),
    component(
        (styr_controller_manager::NAME, "The controllers"),
        |args, shutdown| styr_controller_manager::command(args, shutdown).boxed(),
    ),
    component(
        (styr_scheduler::NAME, "Chooses nodes for pods"),
        |args, shutdown| styr_scheduler::command(args, shutdown).boxed(),
    ),
    component(
        (
            styr_container_runtime::NAME,
            "Runs pods and keeps images, over CRI",
        ),
        |args, shutdown| styr_container_runtime::command(args, shutdown).boxed(),
    ),
    component(
        (
            styr_proxy::NAME,
            "Leads connections to services, by nftables",
        ),
        |args, shutdown| styr_proxy::command(args, shutdown).boxed(),
    ),
    component(
        (styr_kubelet::NAME, "Runs the pods of its node"),
        |args, shutdown| styr_kubelet::command(args, shutdown).boxed(),
    ),
    component(
        (
            styr_local_path::NAME,
            "Makes volumes out of folders of nodes",
        ),
        |args, shutdown| styr_local_path::command(args, shutdown).boxed(),
    ),
    component(
        (
            styr_network::NAME,
            "The pod network of its node, and its CNI plugin",
        ),
        |args, shutdown| styr_network::command(args, shutdown).boxed(),
    ),
    single(
        (
            styr_cluster::node::NAME,
            "Internal: the first process of a node",
        ),
        styr_cluster::node::command,
    ),
    single(
        (
            styr_local_path::HELPER_NAME,
            "Internal: makes and removes the folder of a volume",
        ),
        styr_local_path::helper_command,
    ),
    single(
        (
            styr_oci::pod_init::NAME,
            "Internal: the first process of a pod",
        ),
        styr_oci::pod_init::command,
    ),
    single(
        (
            styr_oci::runc::NAME,
            "Starts containers from OCI configurations, with runc's command line",
        ),
        styr_oci::runc::command,
    ),
];
