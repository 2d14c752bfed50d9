//! The table is whole.

#[test]
fn every_kind_of_the_generated_table_has_its_shape() {
    let lines = include_str!("../../generated/kinds.txt").lines();
    assert_eq!(
        styr_api::table().len(),
        lines.filter(|line| line.starts_with("K\t")).count()
    );
}

#[test]
fn a_kind_is_found_where_it_is_served() {
    let kind = styr_api::find("apps", "v1", "deployments").unwrap();
    assert_eq!(kind.storage_prefix, "/registry/deployments");
    assert_eq!(kind.list_shape.name(), "io.k8s.api.apps.v1.DeploymentList");
    assert!(kind.generation.counts);
}
