use super::Range;

fn range(text: &str) -> Range {
    Range::parse(text).unwrap()
}

fn check(cluster: &str, length: u8, taken: &[&str], expected: Option<&str>) {
    let taken: Vec<Range> = taken.iter().map(|text| range(text)).collect();
    let free = range(cluster).first_free(length, &taken);
    assert_eq!(free.map(|free| free.to_string()).as_deref(), expected);
}

#[test]
fn takes_the_first_gap() {
    check("10.244.0.0/16", 24, &[], Some("10.244.0.0/24"));
    check(
        "10.244.0.0/16",
        24,
        &["10.244.0.0/24", "10.244.2.0/24"],
        Some("10.244.1.0/24"),
    );
    check("fd00::/56", 64, &["fd00::/64"], Some("fd00:0:0:1::/64"));
}

#[test]
fn avoids_larger_and_smaller_ranges() {
    check("10.0.0.0/8", 24, &["10.0.0.0/16"], Some("10.1.0.0/24"));
    check("10.0.0.0/8", 24, &["10.0.0.128/25"], Some("10.0.1.0/24"));
}

#[test]
fn has_nothing_left_when_all_is_taken() {
    check("10.244.0.0/24", 24, &["10.244.0.0/24"], None);
}
