//! Between etcd's messages and the store's contract.

use bytes::Bytes;
use tonic::Code;

use crate::contract::{Event, EventKind, KeyValue, Revision};
use crate::error::StoreError;
use crate::proto::{etcdserverpb as pb, mvccpb};
use pb::compare::{CompareResult, CompareTarget, TargetUnion};

/// The condition that a key was last written at `expected`; 0 that it does not exist.
pub(super) fn is_at(key: Bytes, expected: Revision) -> pb::Compare {
    pb::Compare {
        result: i32::from(CompareResult::Equal),
        target: i32::from(CompareTarget::Mod),
        key,
        range_end: Bytes::new(),
        target_union: Some(TargetUnion::ModRevision(expected)),
    }
}

pub(super) fn operation(request: pb::request_op::Request) -> pb::RequestOp {
    let request = Some(request);
    pb::RequestOp { request }
}

/// With copies of its own size: what came in is a slice of a buffer, and would keep a whole page of
/// the store in memory for as long as one of its values is held.
pub(super) fn key_value(found: &mvccpb::KeyValue) -> KeyValue {
    KeyValue {
        key: Bytes::copy_from_slice(&found.key),
        value: Bytes::copy_from_slice(&found.value),
        create_revision: found.create_revision,
        mod_revision: found.mod_revision,
        version: found.version,
        lease: found.lease,
    }
}

pub(super) fn event(from: &mvccpb::Event) -> Option<Event> {
    let is_delete = from.r#type == i32::from(mvccpb::event::EventType::Delete);
    Some(Event {
        kind: if is_delete {
            EventKind::Delete
        } else {
            EventKind::Put
        },
        current: key_value(from.kv.as_ref()?),
        previous: from.prev_kv.as_ref().map(key_value),
    })
}

/// What a refusal means. etcd's codes are too coarse, so its texts decide:
/// <https://github.com/etcd-io/etcd/blob/main/api/v3rpc/rpctypes/error.go>.
pub(super) fn failure(status: &tonic::Status) -> StoreError {
    let text = status.message();
    let says = |part: &str| text.contains(part);
    match status.code() {
        // Neither answer tells the revision.
        Code::OutOfRange if says("has been compacted") => StoreError::Compacted { oldest: 0 },
        Code::OutOfRange if says("is a future revision") => StoreError::Future { current: 0 },
        Code::InvalidArgument if says("request is too large") => too_large(),
        Code::ResourceExhausted if says("message larger than max") => too_large(),
        Code::NotFound if says("lease not found") => StoreError::LeaseNotFound,
        Code::FailedPrecondition if says("lease already exists") => StoreError::LeaseExists,
        Code::InvalidArgument | Code::OutOfRange => StoreError::Invalid(text.to_owned()),
        _ => StoreError::Unavailable(with_sources(status)),
    }
}

/// The server keeps its limit to itself.
fn too_large() -> StoreError {
    StoreError::TooLarge { size: 0, max: 0 }
}

/// The text with its causes, as far as they say more: a failed connection has its reason there.
fn with_sources(status: &tonic::Status) -> String {
    let mut text = status.message().to_owned();
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
