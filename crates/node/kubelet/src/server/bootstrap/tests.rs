use jiff::Timestamp;
use styr_pki::KeyPair;

use super::{CURRENT, store};

#[test]
fn of_old_certificates_only_the_last_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    // Not ours to remove.
    std::fs::write(folder.path().join("kubelet-client-own.pem"), "").unwrap();
    for second in 0..4 {
        let pair = KeyPair {
            certificate_pem: format!("certificate {second}"),
            key_pem: String::new(),
        };
        store(
            folder.path(),
            Timestamp::from_second(second).unwrap(),
            &pair,
        )
        .unwrap();
    }
    let entries = std::fs::read_dir(folder.path()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    let expected = [
        "kubelet-client-1970-01-01-00-00-02.pem",
        "kubelet-client-1970-01-01-00-00-03.pem",
        CURRENT,
        "kubelet-client-own.pem",
    ];
    assert_eq!(names, expected);
    let current = std::fs::read_to_string(folder.path().join(CURRENT)).unwrap();
    assert_eq!(current, "certificate 3");
}
