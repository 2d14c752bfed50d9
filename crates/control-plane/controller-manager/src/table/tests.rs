use super::{CONTROLLERS, SelectError, select, upstream};

fn names(wanted: &[&str]) -> Vec<&'static str> {
    let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
    let selected = select(&wanted).unwrap();
    selected.iter().map(|controller| controller.name).collect()
}

#[test]
fn the_table_is_sorted_and_upstreams() {
    assert!(CONTROLLERS.is_sorted_by_key(|controller| controller.name));
    for controller in CONTROLLERS {
        assert_eq!(upstream::canonical(controller.name), Some(controller.name));
    }
}

#[test]
fn a_star_starts_all_but_those_with_a_minus() {
    let all = names(&["*"]);
    let some = names(&["*", "-deployment-controller"]);
    assert_eq!(some.len() + 1, all.len());
    assert!(!some.contains(&"deployment-controller"));
}

#[test]
fn old_names_are_understood() {
    assert_eq!(names(&["deployment"]), ["deployment-controller"]);
}

#[test]
fn unknown_names_are_refused() {
    let wanted = ["*".to_owned(), "-depolyment".to_owned()];
    let refused = select(&wanted).unwrap_err();
    assert_eq!(
        refused,
        SelectError::Unknown(vec!["-depolyment".to_owned()])
    );
}

#[test]
fn what_is_not_implemented_is_refused_only_when_it_is_named() {
    let wanted = ["*".to_owned(), "resourcequota".to_owned()];
    let refused = select(&wanted).unwrap_err();
    assert_eq!(
        refused,
        SelectError::NotImplemented(vec!["resourcequota-controller"])
    );
    assert!(select(&["*".to_owned(), "-resourcequota".to_owned()]).is_ok());
}
