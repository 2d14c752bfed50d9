use super::*;

#[test]
fn every_record_comes_back_as_it_was_written() {
    let key_value = KeyValue {
        key: Bytes::from_static(b"k"),
        value: Bytes::from_static(b"v"),
        create_revision: 1,
        mod_revision: 2,
        version: 3,
        lease: 4,
    };
    let changes = vec![
        Change::Put(key_value.clone()),
        Change::Delete(Bytes::from_static(b"d")),
    ];
    let records = [
        Record::Changes {
            revision: 9,
            changes,
        },
        Record::Grant { lease: 5, ttl: 60 },
        Record::Revoke { lease: 5 },
        Record::Compact { at: 8 },
        Record::Base(key_value),
        Record::End {
            revision: 9,
            compacted: 8,
        },
    ];
    let mut out = Vec::new();
    for record in &records {
        record.encode(&mut out);
    }
    let mut from = Bytes::from(out);
    for record in records {
        assert_eq!(Record::decode(&mut from), Some(record));
    }
    assert!(from.is_empty());
}

#[test]
fn a_record_that_is_cut_off_is_none() {
    let mut out = Vec::new();
    Record::Grant { lease: 5, ttl: 60 }.encode(&mut out);
    for end in 0..out.len() {
        assert_eq!(
            Record::decode(&mut Bytes::copy_from_slice(&out[..end])),
            None
        );
    }
}
