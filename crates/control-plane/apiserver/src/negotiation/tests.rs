use http::HeaderMap;

use super::{Encoding, Form, MetaVersion, Offer, View, accept};
use crate::query::Query;

fn check(header: &str, offer: Offer) -> Option<(Encoding, View)> {
    let mut headers = HeaderMap::new();
    headers.insert("accept", header.parse().expect("a valid header"));
    let form: Option<Form> = accept(&headers, &Query::default(), offer).ok();
    form.map(|form| (form.encoding, form.view))
}

#[test]
fn takes_what_kubectl_asks_for() {
    let header = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
    assert_eq!(
        check(header, Offer::Objects),
        Some((Encoding::Json, View::Table(MetaVersion::V1)))
    );
    assert_eq!(
        check(header, Offer::Documents),
        Some((Encoding::Json, View::Whole))
    );
}

#[test]
fn heeds_quality_and_wildcards() {
    let header = "application/json;q=0.5, application/vnd.kubernetes.protobuf";
    assert_eq!(
        check(header, Offer::Objects),
        Some((Encoding::Protobuf, View::Whole))
    );
    assert_eq!(
        check("*/*", Offer::Objects),
        Some((Encoding::Json, View::Whole))
    );
}

#[test]
fn refuses_what_it_does_not_have() {
    assert_eq!(check("text/html", Offer::Objects), None);
    assert_eq!(check("application/yaml", Offer::Stream), None);
}
