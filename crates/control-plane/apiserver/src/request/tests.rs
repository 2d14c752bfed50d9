use http::Method;

use super::{Query, RequestInfo};

fn check(method: &Method, uri: &str, wanted: &str) {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let info = RequestInfo::new(method, path, &Query::parse(query));
    let RequestInfo {
        verb,
        group,
        version,
        namespace,
        resource,
        name,
        subresource,
        rest,
        ..
    } = info;
    let told =
        format!("{verb}|{group}|{version}|{namespace}|{resource}|{name}|{subresource}|{rest}");
    assert_eq!(told, wanted, "{uri}");
}

#[test]
fn reads_resources() {
    check(&Method::GET, "/api/v1/pods", "list||v1||pods|||");
    check(
        &Method::GET,
        "/api/v1/namespaces/a/pods?watch=",
        "watch||v1|a|pods|||",
    );
    check(
        &Method::GET,
        "/api/v1/namespaces/a/pods/b",
        "get||v1|a|pods|b||",
    );
    check(
        &Method::GET,
        "/api/v1/namespaces/a",
        "get||v1|a|namespaces|a||",
    );
    check(
        &Method::PUT,
        "/api/v1/namespaces/a/finalize",
        "update||v1|a|namespaces|a|finalize|",
    );
    check(
        &Method::DELETE,
        "/apis/apps/v1/namespaces/a/deployments",
        "deletecollection|apps|v1|a|deployments|||",
    );
    check(
        &Method::GET,
        "/api/v1/watch/namespaces/a/pods",
        "watch||v1|a|pods|||",
    );
    check(
        &Method::POST,
        "/api/v1/nodes/n/proxy/a/b/",
        "create||v1||nodes|n|proxy|/a/b/",
    );
    check(
        &Method::GET,
        "/api/v1/nodes/n/proxy/",
        "get||v1||nodes|n|proxy|/",
    );
}

#[test]
fn a_list_of_one_name_is_about_that_name() {
    check(
        &Method::GET,
        "/api/v1/pods?fieldSelector=metadata.name%3Dx",
        "list||v1||pods|x||",
    );
}

#[test]
fn other_paths_are_no_resources() {
    check(&Method::GET, "/api", "get|||||||");
    check(&Method::GET, "/apis/apps/v1", "get|apps|v1|||||");
    check(&Method::GET, "/healthz", "get|||||||");
}
