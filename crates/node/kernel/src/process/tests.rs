//! Names of signals and capabilities; identity of processes.

use super::capabilities::{Set, names};
use super::{is_alive, signals, start_time};

#[test]
fn signals_are_known_by_name_and_number() {
    assert_eq!(signals::number("SIGTERM"), Some(15));
    assert_eq!(signals::number("quit"), Some(3));
    assert_eq!(signals::number("9"), Some(9));
    assert_eq!(signals::number("SIGRTMIN+3"), Some(37));
    assert_eq!(signals::number("RTMAX-1"), Some(63));
    assert_eq!(signals::number("SIGNOPE"), None);
    assert_eq!(signals::number("65"), None);
}

#[test]
fn capabilities_have_the_kernels_numbers() {
    assert_eq!(names()[21], "CAP_SYS_ADMIN");
    assert_eq!(names()[40], "CAP_CHECKPOINT_RESTORE");
    let both = Set::of(&["CAP_CHOWN".to_owned(), "CAP_UNKNOWN".to_owned()]);
    assert_eq!(both, Set::of(&["CAP_CHOWN".to_owned()]));
}

#[test]
fn a_process_is_known_by_id_and_start() {
    let own = std::process::id().cast_signed();
    let started = start_time(own).unwrap();
    assert!(is_alive(own, started));
    assert!(!is_alive(own, started + 1));
}

#[test]
fn a_program_with_threads_is_not_cloned() {
    // The test harness itself runs threads.
    assert!(super::clone(super::NewNamespaces::NONE, false).is_err());
}
