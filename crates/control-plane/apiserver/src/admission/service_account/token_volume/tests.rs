use super::*;

#[test]
fn every_container_gets_the_mount_and_the_pod_one_volume() {
    let mut pod = json!({"spec": {
        "initContainers": [{"name": "i"}],
        "containers": [{"name": "a"}, {"name": "b"}],
    }});
    mount(&mut pod);
    let name = text(&pod["spec"]["volumes"][0]["name"]).to_owned();
    assert_eq!(name.len(), PREFIX.len() + SUFFIX_LENGTH);
    assert_eq!(items(&pod["spec"]["volumes"]).count(), 1);
    let expected = json!([{"name": name, "readOnly": true, "mountPath": PATH}]);
    for path in [
        "/spec/initContainers/0",
        "/spec/containers/0",
        "/spec/containers/1",
    ] {
        assert_eq!(pod.pointer(path).unwrap()["volumeMounts"], expected);
    }
}

#[test]
fn a_mount_of_ones_own_stays() {
    let own = json!([{"name": "mine", "mountPath": PATH}]);
    let mut pod = json!({"spec": {"containers": [{"name": "a", "volumeMounts": own}]}});
    let before = pod.clone();
    mount(&mut pod);
    assert_eq!(pod, before);
}

#[test]
fn a_volume_that_is_there_is_used() {
    let volumes = json!([{"name": "kube-api-access-abcde"}]);
    let mut pod = json!({"spec": {"containers": [{"name": "a"}], "volumes": volumes}});
    mount(&mut pod);
    assert_eq!(pod["spec"]["volumes"], volumes);
    let mount = &pod["spec"]["containers"][0]["volumeMounts"][0];
    assert_eq!(mount["name"], "kube-api-access-abcde");
}
