use super::human;

#[test]
fn tells_ages_as_kubectl_does() {
    let cases = [
        (0, "0s"),
        (119, "119s"),
        (125, "2m5s"),
        (180, "3m"),
        (700, "11m"),
        (3 * 3600 + 60, "3h1m"),
        (9 * 3600, "9h"),
        (49 * 3600, "2d1h"),
        (20 * 86400, "20d"),
        (-5, "<invalid>"),
    ];
    for (seconds, wanted) in cases {
        assert_eq!(human(seconds), wanted, "{seconds}");
    }
}
