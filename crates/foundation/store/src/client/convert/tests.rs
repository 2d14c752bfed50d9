use tonic::Status;

use super::*;

#[test]
fn refusals_are_told_apart_by_code_and_text() {
    let compacted = "etcdserver: mvcc: required revision has been compacted";
    let meant = failure(&Status::out_of_range(compacted));
    assert!(matches!(meant, StoreError::Compacted { .. }), "{meant:?}");
    let future = "etcdserver: mvcc: required revision is a future revision";
    let meant = failure(&Status::out_of_range(future));
    assert!(matches!(meant, StoreError::Future { .. }), "{meant:?}");
    let large = "etcdserver: request is too large";
    let meant = failure(&Status::invalid_argument(large));
    assert!(matches!(meant, StoreError::TooLarge { .. }), "{meant:?}");
    let large = "grpc: received message larger than max (3 vs. 2)";
    let meant = failure(&Status::resource_exhausted(large));
    assert!(matches!(meant, StoreError::TooLarge { .. }), "{meant:?}");
    let lease = "etcdserver: requested lease not found";
    let meant = failure(&Status::not_found(lease));
    assert!(matches!(meant, StoreError::LeaseNotFound), "{meant:?}");
}

#[test]
fn other_refusals_keep_their_text() {
    let many = "etcdserver: too many operations in txn request";
    let meant = failure(&Status::invalid_argument(many));
    assert!(
        matches!(&meant, StoreError::Invalid(text) if text == many),
        "{meant:?}"
    );
    let space = "etcdserver: mvcc: database space exceeded";
    let meant = failure(&Status::resource_exhausted(space));
    assert!(
        matches!(&meant, StoreError::Unavailable(text) if text == space),
        "{meant:?}"
    );
}
