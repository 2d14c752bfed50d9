//! The mount table, read.

use super::table::parse;

#[test]
fn reads_lines_with_and_without_propagation() {
    let text = "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime shared:5 master:1 - ext3 /dev/root rw,errors=continue\n\
                37 36 0:5 / /proc rw - proc proc rw\nnot a line\n";
    let found = parse(text);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].point.to_str(), Some("/mnt 2"));
    assert_eq!(found[0].root.to_str(), Some("/mnt1"));
    assert!(found[0].is_shared() && found[0].is_slave());
    assert_eq!(found[1].kind, "proc");
    assert!(!found[1].is_shared());
}
