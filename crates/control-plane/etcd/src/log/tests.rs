use super::*;
use crate::disk::RealDisk;

fn grant(lease: i64) -> Record {
    Record::Grant { lease, ttl: 10 }
}

fn disk_with_frames(count: i64) -> (tempfile::TempDir, Arc<dyn Disk>) {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(folder.path()).unwrap());
    let mut log = Log::start(Arc::clone(&disk), 0).unwrap();
    for lease in 0..count {
        log.append(&[grant(lease)]).unwrap();
    }
    (folder, disk)
}

#[test]
fn a_log_that_ends_at_any_byte_of_its_last_frame_loses_only_that_frame() {
    let (folder, disk) = disk_with_frames(3);
    let path = folder.path().join(file_name(0));
    let whole = std::fs::read(&path).unwrap();
    let frame = encode_frame(0, &[grant(0)]).len();
    for cut in 2 * frame..3 * frame {
        // The zeros beyond the end stay, as they do when a write is torn.
        let mut torn = whole.clone();
        torn[cut..3 * frame].fill(0);
        std::fs::write(&path, &torn).unwrap();
        let recovered = recover(disk.as_ref(), 0).unwrap();
        let expected = if torn == whole { 3 } else { 2 };
        assert_eq!(recovered.records.len(), expected, "cut at {cut}");
        std::fs::write(&path, &whole[..cut]).unwrap();
        let recovered = recover(disk.as_ref(), 0).unwrap();
        assert!(
            recovered.records.len() == 2 || cut >= 3 * frame - ALIGNMENT,
            "ends at {cut}"
        );
    }
}

#[test]
fn damage_before_intact_frames_is_an_error_that_names_file_and_mend() {
    let (folder, disk) = disk_with_frames(3);
    let path = folder.path().join(file_name(0));
    let whole = std::fs::read(&path).unwrap();
    let frame = encode_frame(0, &[grant(0)]).len();
    for byte in 0..2 * frame {
        let mut damaged = whole.clone();
        damaged[byte] ^= 0xff;
        std::fs::write(&path, &damaged).unwrap();
        match recover(disk.as_ref(), 0) {
            Err(error) => assert!(error.to_string().contains("restore"), "{error}"),
            // Only the padding between two frames is not covered.
            Ok(recovered) => assert_eq!(recovered.records.len(), 3, "byte {byte}"),
        }
    }
}

#[test]
fn a_log_goes_on_in_a_new_file() {
    let (_folder, disk) = disk_with_frames(2);
    let mut log = Log::start(Arc::clone(&disk), 2).unwrap();
    log.append(&[grant(7)]).unwrap();
    let recovered = recover(disk.as_ref(), 0).unwrap();
    assert_eq!(recovered.records, [grant(0), grant(1), grant(7)]);
    assert_eq!(recovered.sequence, 3);
    remove_before(disk.as_ref(), 2).unwrap();
    assert_eq!(recover(disk.as_ref(), 2).unwrap().records, [grant(7)]);
}

#[test]
fn an_answered_frame_that_is_damaged_at_the_end_of_an_older_file_is_an_error() {
    let (folder, disk) = disk_with_frames(3);
    // The next file says that frames 0 to 2 had been answered.
    drop(Log::start(Arc::clone(&disk), 3).unwrap());
    let path = folder.path().join(file_name(0));
    let mut bytes = std::fs::read(&path).unwrap();
    let frame = encode_frame(0, &[grant(0)]).len();
    bytes[2 * frame + HEADER] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let error = recover(disk.as_ref(), 0).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&file_name(0)), "{text}");
    assert!(text.contains(&format!("byte {}", 2 * frame)), "{text}");
}
