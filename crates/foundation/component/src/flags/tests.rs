use super::*;

const KNOWN: [Flag; 6] = [
    Flag {
        name: "leader-elect",
        kind: "bool",
        default: "true",
        no_value: "true",
    },
    Flag {
        name: "retry-period",
        kind: "duration",
        default: "2s",
        no_value: "",
    },
    Flag {
        name: "etcd-servers",
        kind: "strings",
        default: "[]",
        no_value: "",
    },
    Flag {
        name: "secure-port",
        kind: "int",
        default: "10259",
        no_value: "",
    },
    Flag {
        name: "feature-gates",
        kind: "mapStringBool",
        default: "",
        no_value: "",
    },
    Flag {
        name: "v",
        kind: "Level",
        default: "",
        no_value: "",
    },
];

fn check(heeded: &[&str], args: &[&str]) -> Result<Flags, FlagError> {
    Flags::parse_table(
        KNOWN.to_vec(),
        heeded,
        args.iter().map(|arg| (*arg).to_owned()),
    )
}

#[test]
fn reads_both_spellings_and_falls_back_to_the_default() {
    let heeded = ["etcd-servers", "leader-elect", "v"];
    let args = [
        "--etcd-servers=a,b",
        "--etcd_servers",
        "c",
        "--leader-elect=false",
        "-v",
        "2",
    ];
    let flags = check(&heeded, &args).unwrap();
    assert_eq!(flags.strings("etcd-servers"), ["a", "b", "c"]);
    assert!(!flags.bool("leader-elect"));
    assert_eq!(flags.int("secure-port"), 10259);
    assert_eq!(flags.int("v"), 2);
    assert_eq!(flags.duration("retry-period"), Duration::from_secs(2));
}

#[test]
fn accepts_a_flag_that_is_not_heeded_only_at_its_default() {
    check(&[], &["--retry-period=2000ms", "--leader-elect"]).unwrap();
    let error = check(&[], &["--retry-period=3s"]).unwrap_err();
    assert_eq!(
        error,
        FlagError::NotHeeded {
            name: "retry-period",
            default: "2s"
        }
    );
}

#[test]
fn an_unknown_flag_names_the_near_ones() {
    let error = check(&[], &["--secure-prot=1"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown flag: --secure-prot, did you mean --secure-port?"
    );
}

#[test]
fn a_value_of_another_type_is_refused() {
    let error = check(&["secure-port"], &["--secure-port=x"]).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("invalid argument \"x\" for --secure-port flag")
    );
    assert_eq!(
        check(&[], &["--v"]).unwrap_err(),
        FlagError::NoValue("v".into())
    );
    assert_eq!(
        check(&[], &["stray"]).unwrap_err(),
        FlagError::Argument("stray".into())
    );
}

#[test]
fn go_durations() {
    assert_eq!(
        parse_duration("1h2m3.5s"),
        Some(Duration::from_millis(3_723_500))
    );
    assert_eq!(parse_duration("300ms"), Some(Duration::from_millis(300)));
    assert_eq!(parse_duration("0"), Some(Duration::ZERO));
    assert_eq!(parse_duration("5"), None);
    assert_eq!(parse_duration("-5s"), None);
}
