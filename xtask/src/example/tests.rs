use super::*;

fn deployed() -> Vec<Value> {
    objects(&workspace().join("examples/notes/deploy")).unwrap()
}

#[test]
fn the_namespace_comes_first_and_holds_the_rest() {
    let objects = deployed();
    assert_eq!(objects[0]["kind"], "Namespace");
    assert_eq!(objects[0]["metadata"]["name"], NAMESPACE);
    assert!(
        objects[1..]
            .iter()
            .all(|object| object["metadata"]["namespace"] == NAMESPACE)
    );
}

#[test]
fn the_front_answers_at_the_port_that_users_are_told() {
    let objects = deployed();
    let ports = objects
        .iter()
        .map(|object| &object["spec"]["ports"][0]["nodePort"]);
    assert_eq!(ports.filter(|port| **port == NODE_PORT).count(), 1);
}

#[test]
fn every_file_of_an_example_holds_objects_with_names() {
    for example in ["notes", "notes-classic"] {
        let folder = workspace().join("examples").join(example).join("deploy");
        for object in objects(&folder).unwrap() {
            let names = [
                &object["apiVersion"],
                &object["kind"],
                &object["metadata"]["name"],
            ];
            assert!(
                names.iter().all(|name| name.is_string()),
                "{example}: {object}"
            );
        }
    }
}
