use serde_json::json;

use super::*;

#[test]
fn a_token_holds_between_its_dates_give_or_take_a_minute() {
    let claims = json!({"iat": 1000, "nbf": 1000, "exp": 2000});
    assert!(check_times(&claims, 1500).is_ok());
    assert!(check_times(&claims, 2050).is_ok());
    assert!(check_times(&claims, 2061).is_err());
    assert!(check_times(&claims, 950).is_ok());
    assert!(check_times(&claims, 900).is_err());
}

#[test]
fn a_token_for_others_is_refused() {
    let wanted = ["api".to_owned()];
    assert!(check_audiences(&json!({"aud": ["vault", "api"]}), &wanted).is_ok());
    assert!(check_audiences(&json!({"aud": "api"}), &wanted).is_ok());
    assert!(check_audiences(&json!({"aud": ["vault"]}), &wanted).is_err());
    assert!(check_audiences(&json!({}), &wanted).is_err());
}
