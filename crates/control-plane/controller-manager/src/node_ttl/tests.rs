use super::{STEPS, next_step};

fn seconds(counts: &[usize]) -> Vec<u32> {
    let mut step = 0;
    let steps = counts.iter().map(|nodes| {
        step = next_step(step, *nodes);
        STEPS[step].2
    });
    steps.collect()
}

#[test]
fn more_nodes_are_told_a_longer_time() {
    assert_eq!(seconds(&[1, 100, 101, 2000, 5000]), [0, 0, 15, 60, 300]);
}

#[test]
fn a_few_nodes_fewer_change_nothing() {
    assert_eq!(seconds(&[101, 99, 90, 89, 100]), [15, 15, 15, 0, 0]);
}
