//! Asks the real kube-apiserver and ours the same questions, and compares what they answer; and the
//! real etcd and ours.
//!
//! A case (`cases/*.yaml`) is a list of requests and says nothing about answers: the real server
//! is the expectation. Compared are status code, content type, warnings and body, watch events
//! too; what two servers cannot have in common (uids, revisions, times) is named in [`volatile`],
//! and what is known to differ, with its reason, in `known.yaml`.

pub mod case;
pub mod compare;
pub mod known;
pub mod ours;
mod process;
pub mod real;
pub mod side;
pub mod store;
pub mod volatile;
