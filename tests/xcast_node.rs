//! What the example `xcast_node` reads: configurations and state files. What it does on a network is held to account by
//! `.ci/netns/run`.

#![cfg(all(feature = "rust-crypto", target_os = "linux"))]

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use xcast_sec::crypto::{AeadAlgorithm, RustCrypto};
use xcast_sec::forward::{SemiPermeable, TunnelUse};
use xcast_sec::ipsec::{Addresses, ModeKind, OutboundSa, Protection, Required, Sa, SaConfig, SenderId, Spi, Usage};
use xcast_sec::time::Instant;
use xcast_sec::wire::BitmapPlace;

#[path = "../examples/xcast_node/main.rs"]
#[allow(dead_code, reason = "all that needs a network")]
mod xcast_node;

use xcast_node::config::{Config, ConfigError, ReceiverConfig, Role, RouterConfig, SenderConfig, parse};
use xcast_node::state::State;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn read(text: &str) -> Result<Config, ConfigError> {
    parse(text, Path::new("/etc/xcast"))
}

fn sender(text: &str) -> SenderConfig {
    match read(text).unwrap().role {
        Role::Sender(config) => config,
        other => panic!("{other:?}"),
    }
}

fn receiver(text: &str) -> ReceiverConfig {
    match read(text).unwrap().role {
        Role::Receiver(config) => config,
        other => panic!("{other:?}"),
    }
}

fn router(text: &str) -> RouterConfig {
    match read(text).unwrap().role {
        Role::Router(config) => config,
        other => panic!("{other:?}"),
    }
}

const SENDER: &str = "role sender\ninterface eth0\nlisten 127.0.0.1:7000\nsource 192.0.2.1\nrouter 192.0.2.254\n\
                      ports 4000 5000\nmember 198.51.100.1\n";

#[test]
fn a_sender() {
    let config = sender(SENDER);
    assert_eq!((config.interface.as_str(), config.listen), ("eth0", "127.0.0.1:7000".parse().unwrap()));
    assert_eq!((config.router, config.ports, config.mtu), (address("192.0.2.254"), (4000, 5000), None));
    assert!(config.protection.is_none());
    let session = config.session.config();
    assert_eq!((session.hop_limit, session.anonymous, session.no_x2u), (64, false, false));
    assert_eq!((session.bitmap, config.session.len()), (BitmapPlace::Header, 1));
}

#[test]
fn a_sender_that_says_all_it_can() {
    let config = sender(
        "# With comments,\n\n  role   sender # and spaces\ninterface eth0\nlisten [::1]:7000\nsource 2001:db8::1\n\
         router 2001:db8::fe\nports 4000 5000\nmember 2001:db8:1::1 port=5001 dscp=46\nmember 2001:db8:1::2 port=5002\n\
         hop-limit 3\nmtu 1400\nno-x2u\nbitmap-option\nprotect ah+esp\nkeys keys\nstate /var/lib/numbers\n",
    );
    let protection = config.protection.unwrap();
    assert_eq!(protection.required, Required::AhAroundEsp { esp: ModeKind::Transport });
    assert_eq!(protection.keys, PathBuf::from("/etc/xcast/keys"));
    assert_eq!(protection.state, PathBuf::from("/var/lib/numbers"));
    let session = config.session.config();
    assert_eq!((session.hop_limit, session.no_x2u, session.bitmap), (3, true, BitmapPlace::Option));
    assert_eq!(config.mtu, Some(1400));
    let members: Vec<_> = config.session.members().map(|(_, member)| *member).collect();
    assert_eq!(members.iter().map(|member| member.port).collect::<Vec<_>>(), [Some(5001), Some(5002)]);
    assert_eq!(members[0].dscp.map(|dscp| dscp.value()), Some(46));
    assert!(sender(&format!("{SENDER}anonymous")).session.config().anonymous);
}

#[test]
fn a_receiver() {
    let config = receiver(
        "role receiver\ninterface eth0\ninterface eth1\ntun xcast0\nkeys keys\nrequire esp from=192.0.2.1\n\
         require ah from=2001:db8::/32\nrequire nothing\n",
    );
    assert_eq!((config.interfaces, config.tun.as_str()), (vec!["eth0".into(), "eth1".into()], "xcast0"));
    assert_eq!(config.window, 64);
    let found: Vec<_> = config.requirements.iter().map(|one| (one.from, one.required)).collect();
    let prefix = Addresses::prefix(address("2001:db8::"), 32).unwrap();
    assert_eq!(found[0], (Addresses::one(address("192.0.2.1")), Some(Required::Esp(ModeKind::Transport))));
    assert_eq!(found[1], (prefix, Some(Required::Ah(ModeKind::Transport))));
    assert_eq!(found[2], (Addresses::Any, None));
    assert_eq!(receiver("role receiver\ninterface e\ntun t\nrequire nothing\nwindow 128").window, 128);
}

#[test]
fn a_router() {
    let config = router(
        "role router\ninterface eth0\nneighbour 192.0.2.2 capable\nneighbour 192.0.2.3 ask from=192.0.2.1\n\
         ping 49200 49201 retry=200\ntunnel 198.51.100.0/24 192.0.2.1 203.0.113.1\ntunnels routes\n\
         semi-permeable initiate source=2001:db8::1 hop-limit=9\n",
    );
    let found: Vec<_> = config.neighbours.iter().map(|one| (one.address, one.ask_from)).collect();
    assert_eq!(found, [(address("192.0.2.2"), None), (address("192.0.2.3"), Some(address("192.0.2.1")))]);
    let ping = config.ping.unwrap();
    assert_eq!((ping.source_port, ping.destination_port, ping.retry), (49200, 49201, Duration::from_millis(200)));
    let [(prefix, tunnel)] = config.tunnels[..] else { panic!("{:?}", config.tunnels) };
    assert_eq!((prefix.address(), prefix.len()), (address("198.51.100.0"), 24));
    assert!(tunnel.is_between(address("192.0.2.1"), address("203.0.113.1")));
    assert_eq!(config.policy.tunnels, TunnelUse::Routes);
    let initiate = SemiPermeable::Initiate { source: "2001:db8::1".parse().unwrap(), hop_limit: 9 };
    assert_eq!(config.policy.semi_permeable, initiate);

    let config = router("role router\ninterface eth0\n");
    assert_eq!((config.policy.tunnels, config.policy.semi_permeable), (TunnelUse::LastResort, SemiPermeable::Ignore));
    assert!(config.ping.is_none() && config.neighbours.is_empty() && config.tunnels.is_empty());
}

#[test]
fn code_points_can_be_others() {
    let config = read("role router\ncode-points xcast4-protocol=254,routers-v6=ff02::115\ninterface eth0\n").unwrap();
    let fields = config.code_points.fields();
    assert_eq!((fields.xcast4_protocol, fields.routers_v6), (254, "ff02::115".parse().unwrap()));
}

/// What is wrong is told with line and column.
#[test]
fn errors_tell_where() {
    let router = |more: &str| format!("role router\ninterface eth0\n{more}");
    let receiver = |more: &str| format!("role receiver\ninterface eth0\ntun t\n{more}");
    let sender = |more: &str| format!("{SENDER}{more}");
    let cases = [
        (String::new(), 1, 1, "the first directive is role"),
        ("# nothing\n".into(), 1, 1, "the first directive is role"),
        ("\n  interface eth0".into(), 2, 3, "the first directive is role"),
        ("role".into(), 1, 5, "the role is missing"),
        ("role dancer".into(), 1, 6, "the role is sender, receiver or router"),
        ("role router now".into(), 1, 13, "role takes nothing more"),
        ("role router".into(), 1, 1, "a router needs an interface"),
        (router("intrface eth1"), 3, 1, "no directive is called so"),
        (router("interface"), 3, 10, "the interface's name is missing"),
        (router("interface eth0"), 3, 11, "this interface is named above"),
        (router("member 192.0.2.1"), 3, 1, "member is not for a router"),
        (router("tunnels routes\ntunnels routes"), 4, 1, "tunnels stands on line 3 already"),
        (router("tunnels always"), 3, 9, "tunnels are last-resort or routes"),
        (router("neighbour here capable"), 3, 11, "expected an address"),
        (router("neighbour 192.0.2.2"), 3, 20, "capable or ask is missing"),
        (router("neighbour 192.0.2.2 maybe"), 3, 21, "expected capable or ask"),
        (router("neighbour 192.0.2.2 ask"), 3, 21, "ask needs from=, an own address"),
        (router("neighbour 192.0.2.2 ask from=2001:db8::1"), 3, 30, "of the other family than the neighbour"),
        (router("neighbour 192.0.2.2 ask of=1"), 3, 25, "neighbour knows no of="),
        (router("neighbour 192.0.2.2 ask from=192.0.2.1"), 1, 1, "a router needs ping, to ask neighbours"),
        (router("neighbour 192.0.2.2 capable x"), 3, 29, "neighbour takes nothing more"),
        (router("neighbour 192.0.2.2 capable\nneighbour 192.0.2.2 capable"), 4, 11, "this neighbour is named above"),
        (router("ping 0 1"), 3, 6, "expected a port, 1 to 65535"),
        (router("ping 1 65536"), 3, 8, "expected a port, 1 to 65535"),
        (router("ping 1 2 retry=0"), 3, 1, "retry below 1 ms"),
        (router("ping 1 2 retry=1 retry=1"), 3, 18, "retry= stands here for the second time"),
        (router("ping 1 2 soon"), 3, 10, "expected NAME=VALUE"),
        (router("tunnel 192.0.2.1/24 192.0.2.1 192.0.2.2"), 3, 8, "address has bits set behind its prefix"),
        (router("tunnel 192.0.2.0/33 192.0.2.1 192.0.2.2"), 3, 18, "expected a length up to 32"),
        (router("tunnel 192.0.2.0/24 192.0.2.1 2001:db8::1"), 3, 31, "of the other family than this end"),
        (router("semi-permeable initiate"), 3, 16, "initiate needs source=, an own IPv6 address"),
        (router("semi-permeable initiate source=192.0.2.1"), 3, 32, "expected an IPv6 address"),
        (router("semi-permeable pass-on source=::1"), 3, 24, "semi-permeable takes nothing more"),
        (router("code-points xcast4-protocol=x"), 3, 13, "xcast4-protocol needs a number up to 255, not 'x'"),
        ("role receiver\ninterface e\nrequire nothing".into(), 1, 1, "a receiver needs tun"),
        (receiver(""), 1, 1, "a receiver needs require, or it would refuse everything"),
        (receiver("require esp"), 1, 1, "a receiver needs keys, to open what it requires to be protected"),
        (receiver("require little"), 4, 9, "the protection is ah, esp or ah+esp"),
        (receiver("require esp from=192.0.2.0/"), 4, 28, "expected a length up to 32"),
        (receiver("window 31"), 4, 8, "expected a size, 32 to 128"),
        (receiver("window 129"), 4, 8, "expected a size, 32 to 128"),
        (sender("interface eth1"), 8, 1, "interface stands on line 2 already"),
        (sender("hop-limit 0"), 8, 11, "expected a hop limit, 1 to 255"),
        (sender("member 2001:db8::1"), 8, 1, "of the other family than the session"),
        (sender("member 198.51.100.1"), 8, 1, "another member has this address and port"),
        (sender("member 198.51.100.2 port=1"), 8, 1, "a port, where the other members have none"),
        (sender("member 198.51.100.2 dscp=64"), 8, 26, "expected a DSCP, 0 to 63"),
        (sender("member 224.0.0.1"), 8, 1, "the address cannot be routed to"),
        (sender("protect"), 8, 8, "the protection is missing"),
        (sender("protect esp"), 1, 1, "a sender needs keys, to protect"),
        (sender("protect esp\nkeys k"), 1, 1, "a sender needs state, to protect: numbers must not be used twice"),
        (sender("keys k\nstate s"), 1, 1, "keys and state are of no use without protect"),
        (sender("anonymous\nbitmap-option"), 1, 1, "anonymity and a separated bitmap exclude each other"),
        (SENDER.replace("member", "# member"), 1, 1, "a sender needs a member"),
        (SENDER.replace("listen", "# listen"), 1, 1, "a sender needs listen"),
        (SENDER.replace("ports", "# ports"), 1, 1, "a sender needs ports"),
        (SENDER.replace("source", "# source"), 1, 1, "a sender needs source"),
        (SENDER.replace("router ", "# router "), 1, 1, "a sender needs router"),
        (SENDER.replace("192.0.2.254", "2001:db8::fe"), 1, 1, "source and router are of two families"),
    ];
    for (text, line, column, what) in cases {
        let wanted = ConfigError { line, column, what: what.into() };
        assert_eq!(read(&text).map(|_| ()), Err(wanted.clone()), "{text}");
        assert_eq!(wanted.to_string(), format!("line {line}, column {column}: {what}"));
    }
}

/// An empty folder that is gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("xcast-node-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, contents: &str) -> PathBuf {
        let path = self.0.join("state");
        fs::write(&path, contents).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

fn association(state: &State) -> OutboundSa<RustCrypto> {
    let protection = Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key: &[1; 20] };
    let config = SaConfig {
        source: Some(address("192.0.2.1")),
        destination: Some(address("224.0.0.254")),
        ..SaConfig::new(Spi::new(0x0e00_0001).unwrap(), protection)
    };
    let sa = Sa::new(&config, &mut RustCrypto).unwrap();
    let saved = state.of(&sa.id());
    OutboundSa::resume(sa, saved, SenderId::ONLY, Usage::new(Instant::START)).unwrap()
}

/// RFC 4303 §3.3.3, RFC 4106 §3.1: no number twice, restarts or not.
#[test]
fn numbers_are_on_the_disk_before_they_are_used() {
    let folder = Folder::new("numbers");
    let path = folder.file("");
    let mut last = 0;
    for _ in 0..3 {
        let mut state = State::open(&path).unwrap();
        let mut sa = association(&state);
        assert_eq!(sa.counter().last(), last, "goes on where the last start may have ended");
        assert_eq!(sa.counter().reserved(), 0);
        state.reserve(127, std::iter::once(&mut sa)).unwrap();
        assert!(sa.counter().reserved() >= 127);
        let on_disk = fs::read_to_string(&path).unwrap();
        let up_to = sa.counter().last() + sa.counter().reserved();
        assert_eq!(on_disk, format!("esp 0x0e000001 dst=224.0.0.254 src=192.0.2.1 {up_to}\n"));

        // With enough left nothing is written.
        fs::write(&path, "another's").unwrap();
        state.reserve(127, std::iter::once(&mut sa)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "another's");
        fs::write(&path, on_disk).unwrap();
        last = up_to;
    }
}

#[test]
fn what_cannot_be_saved_is_not_reserved() {
    let folder = Folder::new("unsaved");
    let path = folder.file("");
    let mut state = State::open(&path).unwrap();
    let mut sa = association(&state);
    fs::remove_dir_all(&folder.0).unwrap();
    assert!(state.reserve(1, std::iter::once(&mut sa)).is_err());
    assert_eq!(sa.counter().reserved(), 0);
}

#[test]
fn a_state_file_is_one_process_s_own_and_believed_only_whole() {
    let folder = Folder::new("whole");
    let missing = State::open(&folder.0.join("state")).err().unwrap();
    assert!(missing.contains("not there; for keys that were never used, make an empty one"), "{missing}");
    for damaged in ["esp", "esp 0x0e000001 dst=any src=any", "esp 0x0e000001 dst=any src=any 12x\n", "a 1\n\n"] {
        let error = State::open(&folder.file(damaged)).err().unwrap();
        assert!(error.contains("cannot be read; new keys are needed"), "{damaged}: {error}");
    }
    let path = folder.file("");
    let first = State::open(&path).unwrap();
    let second = State::open(&path).err().unwrap();
    assert!(second.contains("in use by another process"), "{second}");
    drop(first);
    assert!(State::open(&path).is_ok());
}
