use super::*;

fn error(words: &[&str]) -> String {
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    format!("{:#}", run(words).unwrap_err())
}

#[test]
fn the_command_line_is_well_formed() {
    <Cli as clap::CommandFactory>::command().debug_assert();
}

#[test]
fn an_unknown_command_is_named() {
    assert!(error(&["craete"]).contains("unknown command \"craete\""));
}

#[test]
fn images_of_nodes_are_refused() {
    let text = error(&["create", "cluster", "--image", "kindest/node:v1"]);
    assert!(text.contains("--image is not supported"));
}

#[test]
fn images_out_of_docker_are_refused_with_a_way_out() {
    let text = error(&["load", "docker-image", "web:1"]);
    assert!(text.contains("docker save --output FILE web:1"));
}

#[test]
fn a_wait_without_a_unit_is_refused() {
    let text = error(&["create", "cluster", "--wait", "soon"]);
    assert!(text.contains("no duration"));
}

#[test]
fn a_configuration_that_is_not_there_is_named() {
    let text = error(&["create", "cluster", "--config", "/does/not/exist.yaml"]);
    assert!(text.contains("/does/not/exist.yaml"));
}

#[test]
fn deleting_several_clusters_needs_their_names() {
    assert!(error(&["delete", "clusters"]).contains("--all"));
}
