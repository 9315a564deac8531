//! The databases, the policy, the senders and the replay windows through references.
#![cfg(feature = "rust-crypto")]

use std::net::IpAddr;
use std::time::Duration;

use xcast_sec::crypto::{IntegrityAlgorithm, RustCrypto};
use xcast_sec::ipsec::{
    Action, AuditEvent, AuditSink, Direction, InboundSad, InboundState, ModeKind, Outbound, OutboundKey, OutboundSa,
    OutboundSad, PacketBuf, PolicyId, PolicyLookup, Protection, ReplayError, ReplayStore, Required, RoutingCoverage,
    Sa, SaConfig, SaId, SadLookup, SecurityProtocol, Selectors, SenderFilter, SenderKey, SenderWindows, Spi,
    Unverified, UpperLayer, Usage,
};
use xcast_sec::time::Instant;

use super::{Calls, Rng, address, shown, spi};

struct Noting {
    calls: Calls,
    sa: Sa<RustCrypto>,
    out: OutboundSa<RustCrypto>,
    state: InboundState,
    windows: SenderWindows<2, 1>,
}

impl Noting {
    fn new() -> Self {
        let sa = |value| {
            let protection = Protection::Ah {
                integrity: IntegrityAlgorithm::HmacSha1_96,
                key: &[7; 20],
                coverage: RoutingCoverage::Covered,
                pad_to_8: false,
            };
            Sa::new(&SaConfig::new(spi(value), protection), &mut RustCrypto).unwrap()
        };
        Self {
            calls: Calls::default(),
            sa: sa(301),
            out: OutboundSa::new(sa(302), Instant::START).unwrap(),
            state: InboundState::new(Usage::resume(Instant::START, Duration::from_secs(4), 5, 6)),
            windows: SenderWindows::new(64).unwrap(),
        }
    }
}

impl SadLookup<RustCrypto> for Noting {
    fn lookup(&self, protocol: SecurityProtocol, spi: Spi, to: IpAddr, from: IpAddr) -> Option<&Sa<RustCrypto>> {
        self.calls.note(format!("lookup {protocol:?} {spi} {to} {from}"));
        Some(&self.sa)
    }
}

impl InboundSad<RustCrypto> for Noting {
    fn state(&self, sa: &SaId) -> Option<&InboundState> {
        self.calls.note(format!("state {sa:?}"));
        Some(&self.state)
    }

    fn state_mut(&mut self, sa: &SaId) -> Option<&mut InboundState> {
        self.calls.note(format!("state_mut {sa:?}"));
        Some(&mut self.state)
    }
}

impl OutboundSad<RustCrypto> for Noting {
    fn select(&mut self, key: &OutboundKey) -> Option<&mut OutboundSa<RustCrypto>> {
        self.calls.note(format!("select {key:?}"));
        Some(&mut self.out)
    }

    fn find(&self, id: &SaId) -> Option<&OutboundSa<RustCrypto>> {
        self.calls.note(format!("find {id:?}"));
        Some(&self.out)
    }

    fn find_mut(&mut self, id: &SaId) -> Option<&mut OutboundSa<RustCrypto>> {
        self.calls.note(format!("find_mut {id:?}"));
        Some(&mut self.out)
    }
}

impl PolicyLookup for Noting {
    fn lookup(&self, direction: Direction, selectors: &Selectors) -> Option<Action> {
        self.calls.note(format!("lookup {direction:?} {selectors:?}"));
        Some(Action::Discard)
    }

    fn required(&self, policy: PolicyId) -> Option<Required> {
        self.calls.note(format!("required {policy:?}"));
        Some(Required::Esp(ModeKind::Tunnel))
    }
}

impl SenderFilter for Noting {
    fn is_authorised(&self, policy: Option<PolicyId>, sender: &SenderKey) -> bool {
        self.calls.note(format!("is_authorised {policy:?} {sender:?}"));
        policy.is_some()
    }
}

impl AuditSink for Noting {
    fn record(&mut self, event: &AuditEvent) {
        self.calls.note(format!("record {event}"));
    }
}

impl ReplayStore for Noting {
    fn check(&mut self, sender: SenderKey, received: u32, esn: bool) -> Result<Unverified<'_>, ReplayError> {
        self.calls.note(format!("check {sender:?} {received} {esn}"));
        self.windows.check(sender, received, esn)
    }

    fn place(&self, sender: &SenderKey) -> Option<usize> {
        self.calls.note(format!("place {sender:?}"));
        self.windows.place(sender)
    }

    fn check_at(
        &mut self,
        place: usize,
        sender: SenderKey,
        received: u32,
        esn: bool,
    ) -> Result<Unverified<'_>, ReplayError> {
        self.calls.note(format!("check {sender:?} {received} {esn} at {place}"));
        self.windows.check_at(place, sender, received, esn)
    }
}

fn id() -> SaId {
    SaId { protocol: SecurityProtocol::Ah, spi: spi(300), destination: None, source: None }
}

fn sender() -> SenderKey {
    SenderKey { sa: id(), source: address(1) }
}

fn selectors() -> Selectors {
    Selectors { source: address(1), destination: address(2), next_layer: UpperLayer::Protocol(99) }
}

fn looked_up<S: SadLookup<RustCrypto>>(sad: S) -> String {
    shown(&sad.lookup(SecurityProtocol::Esp, spi(300), address(1), address(2)).map(Sa::spi))
}

fn inbound<S: InboundSad<RustCrypto>>(mut sad: S) -> Vec<String> {
    let state = shown(&sad.state(&id()).map(|state| *state.usage()));
    vec![state, shown(&sad.state_mut(&id()).map(|state| *state.usage())), looked_up(sad)]
}

fn outbound<S: OutboundSad<RustCrypto>>(mut sad: S) -> Vec<String> {
    let key = OutboundKey {
        policy: PolicyId::new(1),
        protocol: SecurityProtocol::Ah,
        mode: ModeKind::Transport,
        source: address(1),
        destination: address(2),
        packet: selectors(),
    };
    let spi = |sa: Option<&OutboundSa<RustCrypto>>| shown(&sa.map(|sa| sa.sa().spi()));
    let selected = spi(sad.select(&key).map(|sa| &*sa));
    vec![selected, spi(sad.find(&id())), spi(sad.find_mut(&id()).map(|sa| &*sa))]
}

fn policy<Q: PolicyLookup>(policy: Q) -> Vec<String> {
    vec![shown(&policy.lookup(Direction::Inbound, &selectors())), shown(&policy.required(PolicyId::new(3)))]
}

fn senders<F: SenderFilter>(filter: F) -> [bool; 2] {
    [filter.is_authorised(Some(PolicyId::new(1)), &sender()), filter.is_authorised(None, &sender())]
}

fn numbers<W: ReplayStore>(mut windows: W) -> Vec<String> {
    let taken = windows.check(sender(), 5, false).and_then(|unverified| unverified.commit());
    let again = windows.check(sender(), 5, false).map(|unverified| unverified.number());
    let next = windows.check(sender(), 6, false).map(|unverified| unverified.number());
    let place = windows.place(&sender());
    let at_its_place = windows.check_at(place.unwrap_or(0), sender(), 7, false).map(|unverified| unverified.number());
    vec![shown(&taken), shown(&again), shown(&next), shown(&place), shown(&at_its_place)]
}

/// What `drive` gives and calls, by itself, is what it gives and calls through a reference.
macro_rules! same {
    ($($drive:expr => $calls:literal),+ $(,)?) => {$(
        let mut noting = Noting::new();
        let through = ($drive(&mut noting), noting.calls.take());
        assert_eq!(through.1.len(), $calls, "{:?}", through.1);
        assert_eq!($drive(Noting::new()), through.0);
    )+};
}

#[test]
fn what_a_host_brings_behind_references() {
    same!(looked_up => 1, inbound => 3, outbound => 3, policy => 2, senders => 2, numbers => 5);
    let noting = Noting::new();
    assert_eq!((looked_up(&noting), noting.calls.take().len()), ("Some(Spi(301))".to_owned(), 1));
    assert_eq!((policy(&noting), noting.calls.take().len()), (policy(Noting::new()), 2));
    assert_eq!((senders(&noting), noting.calls.take().len()), ([true, false], 2));
}

#[test]
fn an_audit_log_behind_a_reference() {
    let mut noting = Noting::new();
    let mut octets = [0_u8; 64];
    let mut outbound = Outbound::new(Noting::new(), Noting::new(), &mut noting);
    let mut packet = PacketBuf::new(&mut octets, 8..32).unwrap();
    let result = outbound.process(&mut RustCrypto, &mut Rng, None, Instant::START, &mut packet);
    let error = result.unwrap_err();
    assert_eq!(noting.calls.take(), [format!("record 0 us: outbound: {error}")]);
}
