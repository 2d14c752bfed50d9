use super::*;

fn code(path: &str) -> Option<u16> {
    let parts = (&Checks::new(), &Registry::new());
    answer(&Method::GET, path, "", parts).map(|answer| answer.status().as_u16())
}

#[test]
fn answers_health_and_metrics_and_nothing_else() {
    assert_eq!(code("/healthz"), Some(200));
    assert_eq!(code("/readyz/ping"), Some(200));
    assert_eq!(code("/livez/nonsense"), Some(404));
    assert_eq!(code("/metrics"), Some(200));
    assert_eq!(code("/configz"), None);
}
