//! Makes a cluster, step by step; whatever fails takes back what was made.

mod join_nodes;
mod sandbox;
mod wait;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use jiff::SignedDuration;
use styr_base::{SharedClock, Shutdown};
use styr_client::Client;
use styr_container_runtime::images::{Program, Store};
use styr_pki::Kubeconfig;

use crate::config::{Cidr, Config, Node, Protocol};
use crate::journal::{Entry, Journal};
use crate::keys::{self, Keys};
use crate::node::Sandbox;
use crate::progress::Progress;
use crate::state::{Locked, NodeRecord, Record, State, write_whole};
use crate::{addons, delete, host, join, kubeconfig, manifests, preflight};

/// The names that our own image answers to.
const IMAGE_LINKS: [&str; 7] = [
    "coredns",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubelet",
];

/// How to create.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Wait so long for all nodes and system pods.
    pub wait: Option<Duration>,
    /// Where the user's kubeconfig is.
    pub kubeconfig: Option<String>,
    /// Leave everything as it is when something fails.
    pub retain: bool,
}

/// What a creation works with.
struct Making<'a> {
    config: &'a Config,
    state: &'a State,
    locked: Locked,
    journal: Journal,
    clock: SharedClock,
    progress: &'a mut Progress,
}

/// Where a cluster is made.
#[derive(Debug)]
pub struct Surroundings {
    /// Where clusters live on disk.
    pub state: State,
    /// The time.
    pub clock: SharedClock,
    /// Ends the work, and undoes it.
    pub shutdown: Shutdown,
}

/// Makes a cluster. What fails, or is told to end, takes back what was made.
pub async fn create(
    config: &Config,
    surroundings: &Surroundings,
    options: &Options,
    progress: &mut Progress,
) -> Result<()> {
    let Surroundings {
        state,
        clock,
        shutdown,
    } = surroundings;
    preflight::check(config)?;
    let locked = state.create(&config.name)?;
    let folder = locked.folder.clone();
    progress.line(&format!("Creating cluster \"{}\" ...", config.name));
    let making = async {
        let journal = Journal::open(&locked.folder).context("could not open the journal")?;
        let mut making = Making {
            config,
            state,
            locked,
            journal,
            clock: clock.clone(),
            progress,
        };
        making.all(options).await
    };
    let outcome = tokio::select! {
        outcome = Box::pin(making) => outcome,
        () = shutdown.requested() => Err(anyhow!("interrupted")),
    };
    let Err(error) = outcome else { return Ok(()) };
    if options.retain {
        let kept = format!(
            "the cluster was not made, and what was made is left in {}",
            folder.display()
        );
        return Err(error.context(kept));
    }
    match delete::delete(&config.name, state) {
        Ok(_) => Err(error.context("the cluster was not made, and what was made is undone")),
        Err(left) => Err(error.context(format!(
            "the cluster was not made, and not all that was made could be undone ({left:#})"
        ))),
    }
}

impl Making<'_> {
    async fn all(&mut self, options: &Options) -> Result<()> {
        self.image()?;
        let subnet = host::make(&self.locked.folder, &mut self.journal)?;
        self.progress.step("Preparing the network");
        let address = node_address(subnet, 0);
        let (keys, token) = self.control_plane_files(address)?;
        let port = self.start_nodes(subnet, &keys, &token)?;
        self.progress.step("Starting the nodes");
        let host = SocketAddr::new(self.config.api_server_address, port);
        let client = self.connect(&keys, address).await?;
        wait::ready(&client, &self.clock).await?;
        self.progress.step("Starting the control plane");
        let facts = addons::Facts {
            address,
            authority_pem: keys.authority.certificate_pem(),
            token: &token,
        };
        join_nodes::apply(&client, addons::objects(self.config, &facts)?).await?;
        join_nodes::mark_control_plane(&client, self.config, &self.clock).await?;
        self.progress
            .step("Installing network, proxy, DNS and storage");
        let user = self.user_kubeconfig(&keys, host);
        self.finish(subnet, host, &user, options)?;
        if let Some(limit) = options.wait {
            self.wait(&client, limit).await;
        }
        self.greet(options);
        Ok(())
    }

    /// As kind does: a cluster that is not ready in time is there, and the user is told.
    async fn wait(&mut self, client: &Client, limit: Duration) {
        let missing = wait::all(client, self.config, (&self.clock, limit)).await;
        if missing.is_empty() {
            self.progress.step("Waiting for all nodes and system pods");
            return;
        }
        self.progress.line(&format!(
            " \u{2717} Waiting for all nodes and system pods\nWARNING: not ready after {} s: {}",
            limit.as_secs(),
            missing.join(", ")
        ));
    }

    fn greet(&mut self, options: &Options) {
        let name = &self.config.name;
        let seconds = self.progress.elapsed().as_secs_f64();
        let file = options.kubeconfig.as_ref();
        let file = file.map_or_else(String::new, |file| format!(" --kubeconfig {file}"));
        self.progress.line(&format!(
            "Created cluster \"{name}\" in {seconds:.2} s; set kubectl context to \"kind-{name}\"\n\
             You can now use your cluster with:\n\nkubectl cluster-info --context kind-{name}{file}"
        ));
    }

    fn image(&mut self) -> Result<()> {
        let program = std::env::current_exe().context("could not find this program")?;
        let store = Store::open(&self.state.images())?;
        let program = Program {
            file: &program,
            name: "styr",
            links: &IMAGE_LINKS,
        };
        store.link_program(manifests::IMAGE, program)?;
        self.progress.step("Preparing the image");
        Ok(())
    }

    fn root(&self, name: &str) -> PathBuf {
        self.locked.folder.join("nodes").join(name).join("rootfs")
    }

    fn control_plane_files(&mut self, address: Ipv4Addr) -> Result<(Keys, join::Token)> {
        let now = self.clock.now();
        let node = self.config.control_plane();
        let root = self.root(&node.name);
        sandbox::files(&root, self.config, (node, address))?;
        let host = self.config.api_server_address;
        let keys = keys::write(&root, self.config, (address, host), now)?;
        for (name, text) in manifests::static_pods(self.config, address) {
            let path = root.join("etc/kubernetes/manifests").join(name);
            fs::write(&path, text)
                .with_context(|| format!("could not write {}", path.display()))?;
        }
        fs::create_dir_all(root.join("var/lib/etcd")).context("could not make /var/lib/etcd")?;
        let day = SignedDuration::from_hours(24);
        let token = join::Token::new((now + day).strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        self.progress.step("Writing keys and configuration");
        Ok((keys, token))
    }

    /// Starts all sandboxes; answers the API server's port at the host.
    fn start_nodes(&mut self, subnet: Cidr, keys: &Keys, token: &join::Token) -> Result<u16> {
        let server = format!("https://{}:6443", node_address(subnet, 0));
        let port = match self.config.api_server_port {
            0 => sandbox::free_port(self.config.api_server_address, Protocol::TCP)?,
            port => port,
        };
        let all = host::control_group(&self.config.name, &self.locked.folder);
        let path = PathBuf::from(&all);
        self.journal.write(&Entry::Cgroup { path })?;
        for (number, node) in self.config.nodes.iter().enumerate() {
            let address = node_address(subnet, number);
            let root = self.root(&node.name);
            if number > 0 {
                sandbox::files(&root, self.config, (node, address))?;
                let joining = (server.as_str(), token.bearer());
                keys::write_joining(&root, &self.config.name, &keys.authority, joining)?;
            }
            let folder = self.locked.folder.join("nodes").join(&node.name);
            let images = self.state.images();
            let cgroup = format!("{all}/{}", node.name);
            let described = sandbox::describe(
                self.config,
                (node, address),
                (&folder, cgroup, images),
                port,
            )?;
            let pid_file = Sandbox::pid_file(&folder);
            self.journal.write(&Entry::Node {
                name: node.name.clone(),
                pid_file,
            })?;
            let cluster = self.locked.folder.clone();
            sandbox::start(&described, |pid| {
                host::attach(&cluster, (number + 1, pid), subnet, address)
            })
            .with_context(|| format!("could not start node {}", node.name))?;
            self.tell_ports(node, &described);
        }
        Ok(port)
    }

    /// Ports that the user left open have to be told.
    fn tell_ports(&mut self, node: &Node, described: &Sandbox) {
        for (asked, mapping) in node.ports.iter().zip(&described.ports) {
            if asked.host_port == 0 {
                self.progress.line(&format!(
                    "   {} leads to port {} of {}",
                    mapping.host, mapping.node_port, node.name
                ));
            }
        }
    }

    async fn connect(&self, keys: &Keys, address: Ipv4Addr) -> Result<Client> {
        let server = format!("https://{address}:6443");
        let names = (self.config.name.as_str(), "kubernetes-admin");
        let own = keys::client(&keys.authority, names, &server, keys.admin.clone().into());
        let path = self.locked.folder.join("internal.kubeconfig");
        crate::api::write_private(&path, &own.to_text())?;
        Client::from_kubeconfig(&path).await
    }

    fn user_kubeconfig(&self, keys: &Keys, host: SocketAddr) -> Kubeconfig {
        let name = format!("kind-{}", self.config.name);
        let server = format!("https://{host}");
        keys::client(
            &keys.authority,
            (&name, &name),
            &server,
            keys.admin.clone().into(),
        )
    }

    fn finish(
        &mut self,
        subnet: Cidr,
        host: SocketAddr,
        user: &Kubeconfig,
        options: &Options,
    ) -> Result<()> {
        let nodes = self
            .config
            .nodes
            .iter()
            .enumerate()
            .map(|(number, node)| NodeRecord {
                name: node.name.clone(),
                role: NodeRecord::role_name(node.role).to_owned(),
                address: node_address(subnet, number).to_string(),
            });
        let record = Record {
            name: self.config.name.clone(),
            subnet: subnet.to_string(),
            server: format!("https://{host}"),
            nodes: nodes.collect(),
        };
        let folder = &self.locked.folder;
        crate::api::write_private(&folder.join("kubeconfig"), &user.to_text())?;
        let path = kubeconfig::path(options.kubeconfig.as_deref());
        let entry = Entry::Kubeconfig {
            path: path.clone(),
            context: user.name.clone(),
        };
        self.journal.write(&entry)?;
        kubeconfig::add(&path, user)?;
        let text = serde_json::to_vec_pretty(&record).context("could not write the record")?;
        write_whole(&folder.join("cluster.json"), &text).context("could not write the record")
    }
}

/// The first address is the host's.
fn node_address(subnet: Cidr, number: usize) -> Ipv4Addr {
    subnet.address(2 + u32::try_from(number).expect("nodes are limited"))
}
