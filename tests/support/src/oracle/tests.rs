use std::path::Path;

use super::find;

#[test]
fn a_program_that_is_not_built_is_none() {
    assert_eq!(find(Path::new("/nowhere"), "etcd"), None);
}
