use super::text;
use crate::cycle::Diagnosis;

#[test]
fn without_nodes_there_is_nothing_to_count() {
    let none = Diagnosis::default();
    assert_eq!(text(&none, ""), "no nodes available to schedule pods");
}
