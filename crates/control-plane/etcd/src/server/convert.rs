//! Between messages and the engine's own types.

use bytes::Bytes;
use styr_store::proto::etcdserverpb as pb;
use styr_store::proto::mvccpb;
use styr_store::{Event, EventKind, KeyValue, StoreError};

use crate::txn::{
    Compare, CompareResult, CompareTarget, Op, OpResult, RangeOp, RangeResult, SortOrder,
    SortTarget, Txn, TxnResult,
};

/// How deep transactions may nest.
const DEPTH_MAX: usize = 8;

type Result<T> = std::result::Result<T, StoreError>;

fn invalid(text: &str) -> StoreError {
    StoreError::Invalid(format!("etcdserver: {text}"))
}

pub(crate) fn key_value(from: KeyValue) -> mvccpb::KeyValue {
    mvccpb::KeyValue {
        key: from.key,
        create_revision: from.create_revision,
        mod_revision: from.mod_revision,
        version: from.version,
        value: from.value,
        lease: from.lease,
    }
}

pub(crate) fn event(from: Event, with_previous: bool) -> mvccpb::Event {
    let kind = match from.kind {
        EventKind::Put => mvccpb::event::EventType::Put,
        EventKind::Delete => mvccpb::event::EventType::Delete,
    };
    mvccpb::Event {
        r#type: kind.into(),
        kv: Some(key_value(from.current)),
        prev_kv: from.previous.filter(|_| with_previous).map(key_value),
    }
}

pub(crate) fn range(from: pb::RangeRequest) -> Result<RangeOp> {
    if from.key.is_empty() {
        return Err(invalid("key is not provided"));
    }
    let target = match from.sort_target() {
        pb::range_request::SortTarget::Key => SortTarget::Key,
        pb::range_request::SortTarget::Version => SortTarget::Version,
        pb::range_request::SortTarget::Create => SortTarget::Create,
        pb::range_request::SortTarget::Mod => SortTarget::Mod,
        pb::range_request::SortTarget::Value => SortTarget::Value,
    };
    let order = match from.sort_order() {
        pb::range_request::SortOrder::None => SortOrder::None,
        pb::range_request::SortOrder::Ascend => SortOrder::Ascend,
        pb::range_request::SortOrder::Descend => SortOrder::Descend,
    };
    Ok(RangeOp {
        target,
        order,
        at: from.revision,
        limit: usize::try_from(from.limit).unwrap_or(0),
        keys_only: from.keys_only,
        count_only: from.count_only,
        revisions: [
            from.min_mod_revision,
            from.max_mod_revision,
            from.min_create_revision,
            from.max_create_revision,
        ],
        key: from.key,
        end: from.range_end,
    })
}

pub(crate) fn range_response(
    from: RangeResult,
    header: Option<pb::ResponseHeader>,
) -> pb::RangeResponse {
    pb::RangeResponse {
        header,
        kvs: from.entries.into_iter().map(key_value).collect(),
        more: from.more,
        count: i64::try_from(from.count).unwrap_or(i64::MAX),
    }
}

pub(crate) fn put(from: pb::PutRequest) -> Result<Op> {
    if from.key.is_empty() {
        return Err(invalid("key is not provided"));
    }
    if from.ignore_value && !from.value.is_empty() {
        return Err(invalid("value is provided"));
    }
    if from.ignore_lease && from.lease != 0 {
        return Err(invalid("lease is provided"));
    }
    Ok(Op::Put {
        key: from.key,
        value: (!from.ignore_value).then_some(from.value),
        lease: (!from.ignore_lease).then_some(from.lease),
        previous: from.prev_kv,
    })
}

pub(crate) fn delete(from: pb::DeleteRangeRequest) -> Result<Op> {
    if from.key.is_empty() {
        return Err(invalid("key is not provided"));
    }
    Ok(Op::Delete {
        key: from.key,
        end: from.range_end,
        previous: from.prev_kv,
    })
}

pub(crate) fn txn(from: pb::TxnRequest) -> Result<Txn> {
    nested_txn(from, 0)
}

fn nested_txn(from: pb::TxnRequest, depth: usize) -> Result<Txn> {
    if depth > DEPTH_MAX {
        return Err(invalid("transactions are nested too deep"));
    }
    let ops = |list: Vec<pb::RequestOp>| -> Result<Vec<Op>> {
        let ops: Vec<Op> = list
            .into_iter()
            .map(|request| op(request, depth))
            .collect::<Result<_>>()?;
        check_puts(&ops)?;
        Ok(ops)
    };
    Ok(Txn {
        compares: from
            .compare
            .into_iter()
            .map(compare)
            .collect::<Result<_>>()?,
        success: ops(from.success)?,
        failure: ops(from.failure)?,
    })
}

fn op(from: pb::RequestOp, depth: usize) -> Result<Op> {
    match from.request {
        Some(pb::request_op::Request::RequestRange(request)) => range(request).map(Op::Range),
        Some(pb::request_op::Request::RequestPut(request)) => put(request),
        Some(pb::request_op::Request::RequestDeleteRange(request)) => delete(request),
        Some(pb::request_op::Request::RequestTxn(request)) => {
            nested_txn(request, depth + 1).map(|txn| Op::Txn(Box::new(txn)))
        }
        None => Err(invalid("key not found")),
    }
}

/// A list may change a key only once: what it ends up as must not depend on the order.
fn check_puts(ops: &[Op]) -> Result<()> {
    let mut keys: Vec<&Bytes> = Vec::new();
    for op in ops {
        if let Op::Put { key, .. } = op {
            keys.push(key);
        }
    }
    let deleted = |key: &Bytes| {
        ops.iter().any(|op| match op {
            Op::Delete {
                key: start, end, ..
            } if end.is_empty() => start == key,
            Op::Delete {
                key: start, end, ..
            } => key >= start && (end == &[0][..] || key < end),
            _ => false,
        })
    };
    keys.sort();
    let twice = keys.windows(2).any(|pair| pair[0] == pair[1]);
    if twice || keys.iter().any(|key| deleted(key)) {
        return Err(invalid("duplicate key given in txn request"));
    }
    Ok(())
}

fn compare(from: pb::Compare) -> Result<Compare> {
    if from.key.is_empty() {
        return Err(invalid("key is not provided"));
    }
    let result = match from.result() {
        pb::compare::CompareResult::Equal => CompareResult::Equal,
        pb::compare::CompareResult::Greater => CompareResult::Greater,
        pb::compare::CompareResult::Less => CompareResult::Less,
        pb::compare::CompareResult::NotEqual => CompareResult::NotEqual,
    };
    let kind = from.target();
    let target = match (kind, from.target_union) {
        (_, Some(pb::compare::TargetUnion::Version(version))) => CompareTarget::Version(version),
        (_, Some(pb::compare::TargetUnion::CreateRevision(at))) => CompareTarget::Create(at),
        (_, Some(pb::compare::TargetUnion::ModRevision(at))) => CompareTarget::Mod(at),
        (_, Some(pb::compare::TargetUnion::Value(value))) => CompareTarget::Value(value),
        (_, Some(pb::compare::TargetUnion::Lease(lease))) => CompareTarget::Lease(lease),
        // Zero is not sent by every client.
        (pb::compare::CompareTarget::Version, None) => CompareTarget::Version(0),
        (pb::compare::CompareTarget::Create, None) => CompareTarget::Create(0),
        (pb::compare::CompareTarget::Mod, None) => CompareTarget::Mod(0),
        (pb::compare::CompareTarget::Value, None) => CompareTarget::Value(Bytes::new()),
        (pb::compare::CompareTarget::Lease, None) => CompareTarget::Lease(0),
    };
    Ok(Compare {
        key: from.key,
        end: from.range_end,
        result,
        target,
    })
}

/// Only the whole answer says who answers; its parts say the revision.
pub(crate) fn txn_response(from: TxnResult, header: pb::ResponseHeader) -> pb::TxnResponse {
    let inner = pb::ResponseHeader {
        revision: header.revision,
        ..Default::default()
    };
    let responses = from
        .results
        .into_iter()
        .map(|result| pb::ResponseOp {
            response: Some(op_response(result, inner)),
        })
        .collect();
    pb::TxnResponse {
        header: Some(header),
        succeeded: from.succeeded,
        responses,
    }
}

fn op_response(from: OpResult, header: pb::ResponseHeader) -> pb::response_op::Response {
    use pb::response_op::Response;
    match from {
        OpResult::Put(previous) => Response::ResponsePut(pb::PutResponse {
            header: Some(header),
            prev_kv: previous.map(key_value),
        }),
        OpResult::Delete { count, previous } => {
            Response::ResponseDeleteRange(delete_response(count, previous, header))
        }
        OpResult::Range(found) => Response::ResponseRange(range_response(found, Some(header))),
        OpResult::Txn(result) => Response::ResponseTxn(txn_response(result, header)),
    }
}

pub(crate) fn delete_response(
    count: usize,
    previous: Vec<KeyValue>,
    header: pb::ResponseHeader,
) -> pb::DeleteRangeResponse {
    pb::DeleteRangeResponse {
        header: Some(header),
        deleted: i64::try_from(count).unwrap_or(i64::MAX),
        prev_kvs: previous.into_iter().map(key_value).collect(),
    }
}
