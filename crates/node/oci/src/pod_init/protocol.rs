//! What runtime and pod init say to each other: one JSON object a message.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::launch::Overlay;
use crate::spec::Process;

/// What a pod init needs to begin, in its folder.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Pod {
    /// `None` stays in the network of the machine.
    pub network: Option<PathBuf>,
    pub own_ipc: bool,
    pub own_host_name: bool,
    pub host_name: String,
    /// Containers see each other's processes.
    pub shared_processes: bool,
    pub cgroup: String,
    pub sysctls: BTreeMap<String, String>,
    pub oom_score: i32,
}

/// What it needs to run a container, beside the configuration in the container's folder.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Run {
    pub overlay: Overlay,
    /// Empty for none.
    pub log: PathBuf,
    pub stdin: bool,
    /// Standard input ends with the first client that has written to it.
    pub stdin_once: bool,
    /// Stands beside the other processes of the pod in the namespace that they share.
    pub shared_processes: bool,
    /// Lines in a log are cut into parts of this length.
    pub longest_line: usize,
}

/// A request; the answer carries its number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    pub number: u64,
    #[serde(flatten)]
    pub action: Action,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Tells this client of everything that ends from now on. The answer lists what runs.
    Subscribe,
    /// Runs the container whose folder it is.
    Start { container: String, folder: PathBuf },
    /// Runs a process in a container. Three descriptors come along, unless it has a terminal,
    /// whose other end then comes with the answer.
    Exec {
        exec: String,
        container: String,
        process: Box<Process>,
    },
    /// Copies output to the descriptors that come along (standard output, then error). The answer
    /// brings standard input or the terminal, if wanted and there.
    Attach {
        container: String,
        stdin: bool,
        stdout: bool,
        stderr: bool,
    },
    /// A client that wrote to standard input has finished.
    CloseStdin { container: String },
    /// Begins a new file under the log's name.
    ReopenLog { container: String },
    /// Sends a signal to a container's or a process's first process.
    Signal { id: String, signal: i32 },
    /// Ends everything, then itself.
    Stop,
}

/// What a pod init says.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Message {
    /// Of the request that this answers; 0 is an event.
    pub number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<i32>,
    /// Ids that run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub running: Vec<String>,
    /// The event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// How something ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    pub id: String,
    /// 128 + N for signal N.
    pub code: i32,
    pub out_of_memory: bool,
    pub nanoseconds: i64,
}

/// How a container began, kept in its folder.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Began {
    pub pid: i32,
    pub start_time: u64,
    pub nanoseconds: i64,
}
