use super::*;

#[test]
fn affinity_binds_a_client_until_its_endpoint_goes() {
    let Some(mut cluster) = Cluster::new() else {
        return;
    };
    let spec = json!({ "sessionAffinity": "ClientIP" });
    cluster.set(&spec, &everywhere());
    let first = cluster.answers(&cluster.bed.pods[0][1], "10.96.0.10:80");
    assert_eq!(first.len(), 1, "{first:?}");
    let by_node = cluster.answers(&cluster.bed.pods[0][1], "192.0.2.1:30080");
    assert_eq!(by_node.len(), 1, "{by_node:?}");
    let gone = first.iter().next().unwrap().split(' ').next().unwrap();
    let names = ["a1", "b1", "b2"];
    let rest: Vec<_> = everywhere()
        .into_iter()
        .zip(names)
        .filter(|(_, name)| *name != gone)
        .map(|(endpoint, _)| endpoint)
        .collect();
    cluster.set(&spec, &rest);
    let second = cluster.answers(&cluster.bed.pods[0][1], "10.96.0.10:80");
    assert_eq!(second.len(), 1, "{second:?}");
    assert_ne!(first, second);
    cluster.set(&json!({}), &everywhere());
    assert_eq!(
        cluster
            .answers(&cluster.bed.pods[0][1], "10.96.0.10:80")
            .len(),
        3
    );
}

#[test]
fn affinity_ends_where_the_policy_forbids_the_endpoint() {
    let Some(mut cluster) = Cluster::new() else {
        return;
    };
    let all = json!({ "sessionAffinity": "ClientIP" });
    cluster.set(&all, &[("b", "10.244.2.2", ready())]);
    let outside = &cluster.bed.outside;
    assert!(ask(outside, "192.0.2.1:30080").unwrap().starts_with("b1 "));
    let local = json!({ "sessionAffinity": "ClientIP", "externalTrafficPolicy": "Local" });
    cluster.set(&local, &everywhere());
    let answers = cluster.answers(&cluster.bed.outside, "192.0.2.1:30080");
    assert_eq!(answers, set_of(&["a1 192.0.2.254"]));
}
