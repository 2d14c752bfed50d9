use super::*;

#[test]
fn says_ok_and_nothing_else_when_all_is_well() {
    assert_eq!(
        Checks::new().report("healthz", ""),
        Report {
            code: 200,
            text: "ok".into()
        }
    );
}

#[test]
fn names_each_check_when_one_fails() {
    let checks = Checks::new();
    checks.add("etcd", || Err("connection refused".into()));
    let report = checks.report("readyz", "");
    assert_eq!(report.code, 500);
    assert_eq!(
        report.text,
        "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n"
    );
}

#[test]
fn an_excluded_check_does_not_count() {
    let checks = Checks::new();
    checks.add("etcd", || Err("connection refused".into()));
    let report = checks.report("livez", "verbose&exclude=etcd");
    assert_eq!(report.code, 200);
    assert_eq!(
        report.text,
        "[+]ping ok\n[+]etcd excluded: ok\nlivez check passed\n"
    );
}
