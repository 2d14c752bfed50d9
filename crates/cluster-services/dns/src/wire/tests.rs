use super::*;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn query(text: &str, kind: u16) -> Message {
    let question = Question {
        name: name(text),
        kind,
        class: INTERNET,
    };
    Message::query(7, question, None)
}

#[test]
fn an_answer_reads_back_as_it_was_written() {
    let mut answer = query("Web.Default.svc.cluster.local.", kind::SRV).reply(rcode::NO_ERROR);
    answer.set_authoritative();
    let own = name("Web.Default.svc.cluster.local");
    let target = name("a.web.default.svc.cluster.local");
    answer.answers = vec![
        Record::srv(own.clone(), 30, (50, 80), target.clone()),
        Record::pointer(own.clone(), kind::CNAME, 30, target.clone()),
        Record::txt(own.clone(), 5, "1.1.0"),
    ];
    let names = (
        name("ns.dns.cluster.local"),
        name("hostmaster.cluster.local"),
    );
    answer.authorities = vec![Record::soa(
        name("cluster.local"),
        30,
        names,
        [1, 2, 3, 4, 5],
    )];
    answer.additional = vec![Record::a(target, 30, [10, 0, 0, 1].into())];
    answer.edns = Some(Edns {
        size: 1232,
        version: 0,
        wants_dnssec: true,
    });
    let bytes = answer.encode(4096);
    assert_eq!(Message::decode(&bytes).unwrap(), answer);
    let text = b"cluster";
    let spelled = bytes
        .windows(text.len())
        .filter(|part| part == text)
        .count();
    assert_eq!(
        spelled, 2,
        "in the question and, as RFC 2782 says, in SRV's first target"
    );
}

#[test]
fn what_does_not_fit_is_left_out_and_told() {
    let mut answer = query("web.", kind::A).reply(rcode::NO_ERROR);
    answer.answers = (0..100)
        .map(|last| Record::a(name("web."), 30, [10, 0, 0, last].into()))
        .collect();
    let bytes = answer.encode(512);
    assert!(bytes.len() <= 512);
    let read = Message::decode(&bytes).unwrap();
    assert!(read.is_truncated());
    assert_eq!(read.answers, answer.answers[..read.answers.len()]);
    assert!(
        !Message::decode(&answer.encode(65_535))
            .unwrap()
            .is_truncated()
    );
}

#[test]
fn broken_messages_are_errors() {
    let bytes = query("web.default.", kind::A).encode(512);
    for end in 0..bytes.len() {
        assert!(Message::decode(&bytes[..end]).is_err(), "cut at {end}");
    }
    // A name that points at itself.
    let mut endless = bytes.clone();
    endless[12..14].copy_from_slice(&[0xc0, 12]);
    assert!(Message::decode(&endless).is_err());
}

#[test]
fn names_know_their_zone() {
    let service = name("web.default.svc.cluster.local");
    assert_eq!(
        service.below(&name("cluster.local")).unwrap(),
        ["web", "default", "svc"]
    );
    assert!(service.is_within(&Name::root()));
    assert!(!service.is_within(&name("uster.local")));
    assert_eq!(name("A.b").to_lowercase(), name("a.B").to_lowercase());
    assert_eq!(name(".").to_string(), ".");
    assert!("a..b".parse::<Name>().is_err());
}
