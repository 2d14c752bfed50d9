//! From a fresh machine to a cluster of two nodes that runs the example: one command.
//!
//! Every step finds what an earlier run has left and goes on from there.

mod cluster;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use styr_client::Client;

use crate::command::{is_root, target, workspace};
use crate::{build, example, images, setup};
use cluster::{Cluster, Found};

/// A cluster that runs answers at once; one whose machine was started anew does not answer at all.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);

/// Which cluster.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The cluster's name
    #[arg(long, default_value = "kind")]
    name: String,
    /// Its configuration [default: examples/two-nodes.yaml]
    #[arg(long)]
    config: Option<PathBuf>,
}

/// Builds, creates, deploys, and says what to try.
pub(crate) fn run(options: &Options) -> Result<()> {
    if !is_root() {
        bail!(
            "a cluster's nodes need namespaces, mounts and links, which only root may make: run \
             `sudo -E env \"PATH=$PATH\" cargo xtask up`"
        );
    }
    setup::run()?;
    // A developer's own build of the program spares the one for release, which takes minutes.
    let own_build = std::env::var_os("STYR_BIN").map(PathBuf::from);
    let programs = match own_build {
        Some(_) => build::static_binaries(&["notes"])?,
        None => build::static_binaries(&["styr", "notes"])?,
    };
    let archive = images::write(&programs, &target())?;
    let cluster = Cluster {
        program: own_build.unwrap_or_else(|| programs.join("styr")),
        name: options.name.clone(),
    };
    let config = options.config.clone();
    let config = config.unwrap_or_else(|| workspace().join("examples/two-nodes.yaml"));
    make(&cluster, &config)?;
    cluster.load(&archive)?;
    let runtime = tokio::runtime::Runtime::new().context("could not start a runtime")?;
    let place = runtime.block_on(deploy(&cluster))?;
    say(&cluster, &place);
    Ok(())
}

fn make(cluster: &Cluster, config: &Path) -> Result<()> {
    match cluster.find()? {
        Found::Whole => {
            println!(
                "==> cluster {:?} is there already, and is used as it is",
                cluster.name
            );
            return cluster.export_kubeconfig();
        }
        Found::Begun => {
            println!(
                "==> cluster {:?} was begun and never finished",
                cluster.name
            );
            cluster.delete()?;
        }
        Found::Nothing => {}
    }
    cluster.create(config)
}

async fn deploy(cluster: &Cluster) -> Result<String> {
    let client = cluster.client().await?;
    ready(&client).await.with_context(|| {
        format!(
            "cluster {:?} does not answer; end it with `{} delete cluster --name {}`, and run this \
             again",
            cluster.name,
            cluster.program.display(),
            cluster.name
        )
    })?;
    println!("==> the example");
    example::deploy(&client).await?;
    example::until_it_answers(&client).await
}

async fn ready(client: &Client) -> Result<()> {
    let request = http::Request::get("/readyz").body(Vec::new());
    let asking = client.kube().request_text(request.context("no request")?);
    let answer = tokio::time::timeout(ANSWER_TIME_MAX, asking).await;
    answer.context("no answer in time")??;
    Ok(())
}

fn say(cluster: &Cluster, place: &str) {
    let program = cluster.program.display();
    let name = &cluster.name;
    println!(
        "\nThe example answers at {place}\n\n\
         try:  curl -d text='The first note' {place}notes\n      \
               curl {place}notes\n      \
               kubectl get nodes -o wide\n      \
               kubectl get pods -A -o wide\n      \
               kubectl -n notes set image deployment/notes-web web=localhost/notes-web:v2\n      \
               kubectl -n notes rollout status deployment/notes-web\n\
         end:  {program} delete cluster --name {name}"
    );
    if !is_there("kubectl") {
        println!("\nkubectl is not on this machine: see https://kubernetes.io/docs/tasks/tools/");
    }
}

/// Whether a program can be started.
fn is_there(program: &str) -> bool {
    let mut command = Command::new(program);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok()
}
