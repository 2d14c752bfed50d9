use super::*;

fn parse(text: &str) -> anyhow::Result<Config> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.conf");
    std::fs::write(&path, text).unwrap();
    let config = format!("--config={}", path.display());
    Config::parse(vec![config, "--hostname-override=Node-A".to_owned()])
}

const HEAD: &str = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n";

#[test]
fn the_file_of_kubeadm_is_understood() {
    let text = format!(
        "{HEAD}bindAddress: 0.0.0.0\nbindAddressHardFail: false\nclientConnection:\n  \
         acceptContentTypes: \"\"\n  burst: 0\n  contentType: \"\"\n  kubeconfig: \
         /var/lib/kube-proxy/kubeconfig.conf\n  qps: 0\nclusterCIDR: 192.168.0.0/16\n\
         configSyncPeriod: 0s\nconntrack:\n  maxPerCore: 0\n  min: null\n  tcpBeLiberal: false\n  \
         tcpCloseWaitTimeout: null\n  tcpEstablishedTimeout: 2h\n  udpStreamTimeout: 0s\n  \
         udpTimeout: 0s\ndetectLocal:\n  bridgeInterface: \"\"\n  interfaceNamePrefix: \"\"\n\
         detectLocalMode: \"\"\nenableProfiling: false\nhealthzBindAddress: \"\"\n\
         hostnameOverride: \"\"\niptables:\n  masqueradeAll: false\nipvs:\n  excludeCIDRs: null\n\
         logging:\n  verbosity: 0\nmetricsBindAddress: \"\"\nmode: nftables\nnftables:\n  \
         masqueradeAll: false\n  masqueradeBit: null\n  minSyncPeriod: 0s\n  syncPeriod: 0s\n\
         nodePortAddresses: null\noomScoreAdj: null\nportRange: \"\"\n\
         showHiddenMetricsForVersion: \"\"\nwinkernel:\n  enableDSR: false\n"
    );
    let config = parse(&text).unwrap();
    assert_eq!(config.node_name, "node-a");
    assert_eq!(
        config.local,
        Local::Networks(vec![([192, 168, 0, 0].into(), 16)])
    );
    assert_eq!(config.health_address.unwrap().to_string(), "0.0.0.0:10256");
    assert_eq!(config.masquerade_bit, 14);
    let established = "net/netfilter/nf_conntrack_tcp_timeout_established";
    assert_eq!(config.sysctls, [(established, "7200".to_owned())]);
}

#[test]
fn what_cannot_be_done_is_refused() {
    let refusal = |more: &str| format!("{:#}", parse(&format!("{HEAD}{more}")).unwrap_err());
    assert!(refusal("mode: ipvs\n").contains("only nftables"));
    assert!(refusal("clusterCidr: 10.0.0.0/8\n").contains("clusterCidr"));
    assert!(refusal("clusterCIDR: ten\n").contains("not a network"));
    assert!(refusal("detectLocalMode: BridgeInterface\n").contains("BridgeInterface"));
    let flag = Config::parse(vec!["--proxy-mod=nftables".to_owned()]).unwrap_err();
    assert!(format!("{flag:#}").contains("--proxy-mode"), "{flag:#}");
}

#[test]
fn flags_alone_will_do() {
    let args = [
        "--cluster-cidr=10.244.0.0/16,fd00::/64",
        "--proxy-mode",
        "nftables",
    ];
    let config = Config::parse(args.map(str::to_owned).to_vec()).unwrap();
    assert_eq!(
        config.local,
        Local::Networks(vec![([10, 244, 0, 0].into(), 16)])
    );
    assert_eq!(config.kubeconfig, None);
}
