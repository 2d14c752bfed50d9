use super::Quantity;

fn check(text: &str, written: &str) {
    assert_eq!(Quantity::parse(text).unwrap().text(), written, "{text}");
}

#[test]
fn writes_as_upstream_does() {
    for (text, written) in [
        ("0", "0"),
        ("0m", "0"),
        ("1000m", "1"),
        ("100m", "100m"),
        ("1500m", "1500m"),
        ("0.5", "500m"),
        (".5", "500m"),
        ("1.5", "1500m"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("128Mi", "128Mi"),
        ("1000", "1k"),
        ("100k", "100k"),
        ("5e3", "5e3"),
        ("5e4", "50e3"),
        ("1Ki", "1Ki"),
        ("512Ki", "512Ki"),
        ("1025Ki", "1025Ki"),
        ("0.1Ki", "102400m"),
        ("-100m", "-100m"),
        ("1n", "1n"),
        ("0.1n", "1n"),
        ("100E", "100E"),
        ("8Ei", "9223372036854775807"),
    ] {
        check(text, written);
    }
}

#[test]
fn refuses_what_is_no_quantity() {
    for text in ["", "1.2.3", "abc", "1 Gi", "1Gib", "--1", "1ki"] {
        assert!(Quantity::parse(text).is_err(), "{text}");
    }
}

#[test]
fn rounds_away_from_zero() {
    let quantity = Quantity::parse("1500m").unwrap();
    assert_eq!(quantity.value(), 2);
    assert_eq!(Quantity::parse("-1500m").unwrap().value(), -2);
    assert_eq!(Quantity::parse("1n").unwrap().milli_value(), 1);
}

#[test]
fn a_sum_is_written_as_its_first_part() {
    let mut sum = Quantity::zero();
    sum.add(&Quantity::parse("512Mi").unwrap());
    sum.add(&Quantity::parse("512Mi").unwrap());
    assert_eq!(sum.text(), "1Gi");
}
