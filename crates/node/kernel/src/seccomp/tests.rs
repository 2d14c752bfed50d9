//! Profiles become programs.

use super::{Programs, runtime_default, table};

#[test]
fn knows_numbers_of_system_calls() {
    assert_eq!(table::number("read"), Some(libc::SYS_read));
    assert_eq!(table::number("clone3"), Some(libc::SYS_clone3));
    assert_eq!(table::number("no_such_call"), None);
}

#[test]
fn default_profile_needs_a_program_for_each_action() {
    let programs = Programs::build(&runtime_default(&[])).unwrap();
    assert_eq!(programs.len(), 2);
    let admin = ["CAP_SYS_ADMIN".to_owned()];
    let programs = Programs::build(&runtime_default(&admin)).unwrap();
    assert_eq!(programs.len(), 1);
}

#[test]
fn a_filtered_thread_is_refused_what_the_profile_denies() {
    let profile = runtime_default(&[]);
    let programs = Programs::build(&profile).unwrap();
    let thread = std::thread::spawn(move || {
        rustix::thread::set_no_new_privs(true).unwrap();
        programs.install().unwrap();
        let denied = rustix::system::sethostname(b"x");
        (denied, rustix::process::getppid().is_some())
    });
    let (denied, allowed) = thread.join().unwrap();
    assert_eq!(denied, Err(rustix::io::Errno::PERM));
    assert!(allowed);
}
