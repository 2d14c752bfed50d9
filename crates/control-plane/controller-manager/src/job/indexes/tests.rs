use super::{parse, text};

#[test]
fn writes_what_it_reads() {
    for expected in ["", "3", "0,2-4,7", "1,2", "0-99"] {
        assert_eq!(text(&parse(expected)), expected);
    }
}
