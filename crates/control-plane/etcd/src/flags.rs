//! etcd's command-line flags.
//!
//! What a single member has no use for is accepted at its default only, as everywhere.

use styr_component::Flag;

/// The flags that this program heeds.
pub(crate) const HEEDED: [&str; 25] = [
    "advertise-client-urls",
    "auto-compaction-mode",
    "auto-compaction-retention",
    "cert-file",
    "client-cert-auth",
    "data-dir",
    "help",
    "initial-advertise-peer-urls",
    "initial-cluster",
    "initial-cluster-state",
    "initial-cluster-token",
    "key-file",
    "listen-client-urls",
    "listen-metrics-urls",
    "listen-peer-urls",
    "log-level",
    "logger",
    "name",
    "peer-cert-file",
    "peer-client-cert-auth",
    "peer-key-file",
    "peer-trusted-ca-file",
    "quota-backend-bytes",
    "trusted-ca-file",
    "watch-progress-notify-interval",
];

const fn flag(name: &'static str, kind: &'static str, default: &'static str) -> Flag {
    Flag {
        name,
        kind,
        default,
        no_value: "",
    }
}

const fn switch(name: &'static str, default: &'static str) -> Flag {
    Flag {
        name,
        kind: "bool",
        default,
        no_value: "true",
    }
}

/// The flags that etcd knows.
pub(crate) const KNOWN: [Flag; 41] = [
    flag("advertise-client-urls", "strings", "http://localhost:2379"),
    flag("auto-compaction-mode", "string", "periodic"),
    flag("auto-compaction-retention", "string", "0"),
    switch("auto-tls", "false"),
    flag("backend-batch-interval", "duration", "0s"),
    flag("backend-batch-limit", "int", "0"),
    flag("cert-file", "string", ""),
    flag("cipher-suites", "strings", "[]"),
    switch("client-cert-auth", "false"),
    flag("compaction-batch-limit", "int", "1000"),
    flag("config-file", "string", ""),
    flag("data-dir", "string", ""),
    flag("election-timeout", "int", "1000"),
    switch("enable-pprof", "false"),
    flag("feature-gates", "string", ""),
    flag("heartbeat-interval", "int", "100"),
    switch("help", "false"),
    flag(
        "initial-advertise-peer-urls",
        "strings",
        "http://localhost:2380",
    ),
    flag("initial-cluster", "string", ""),
    flag("initial-cluster-state", "string", "new"),
    flag("initial-cluster-token", "string", "etcd-cluster"),
    flag("key-file", "string", ""),
    flag("listen-client-urls", "strings", "http://localhost:2379"),
    flag("listen-metrics-urls", "strings", "[]"),
    flag("listen-peer-urls", "strings", "http://localhost:2380"),
    flag("log-level", "string", "info"),
    flag("log-outputs", "strings", "default"),
    flag("logger", "string", "zap"),
    flag("max-request-bytes", "int", "1572864"),
    flag("max-txn-ops", "int", "128"),
    flag("max-wals", "int", "5"),
    flag("metrics", "string", "basic"),
    flag("name", "string", "default"),
    flag("peer-cert-file", "string", ""),
    switch("peer-client-cert-auth", "false"),
    flag("peer-key-file", "string", ""),
    flag("peer-trusted-ca-file", "string", ""),
    flag("quota-backend-bytes", "int", "0"),
    flag("snapshot-count", "int", "10000"),
    flag("trusted-ca-file", "string", ""),
    flag("watch-progress-notify-interval", "duration", "10m"),
];
