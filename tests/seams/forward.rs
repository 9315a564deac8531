//! `RouteLookup`, `Egress`, `DscpMerge`, `Link` and `Segment` through references.

use std::net::IpAddr;

use xcast_sec::forward::{Egress, PacketCopy, Route, RouteLookup, Tunnel};
use xcast_sec::ipsec::{
    Action, Directionality, FixedOutboundSad, FixedSpd, NoAudit, Outbound, PolicyEntry, SelectorSet,
};
use xcast_sec::stack::{
    Datagram, Ends, FnLink, Link, Means, Member, Origin, PacketError, Recipients, Segment, Sender, Session,
    SessionConfig,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{
    ChecksumPolicy, CodePoints, DestinationSet, Dscp, DscpMerge, EmitError, StandardMerge, XcastPacket,
};

use super::crypto::Noting as Provider;
use super::{Calls, Rng, address, shown};

#[derive(Default)]
struct Noting(Calls);

impl RouteLookup for Noting {
    type NextHop = u8;

    fn is_local(&self, address: IpAddr) -> bool {
        self.0.note(format!("is_local {address}"));
        true
    }

    fn route(&self, destination: IpAddr) -> Option<Route<u8>> {
        self.0.note(format!("route {destination}"));
        Some(Route { next_hop: 7, xcast_capable: true, mtu: 1400 })
    }

    fn tunnel(&self, destination: IpAddr) -> Option<Tunnel> {
        self.0.note(format!("tunnel {destination}"));
        Tunnel::new(address(8), address(9))
    }

    fn is_tunnel(&self, local: IpAddr, remote: IpAddr) -> bool {
        self.0.note(format!("is_tunnel {local} {remote}"));
        true
    }

    /// Unlike the trait's own, which would compare with 7.
    fn is_reverse_path(&self, source: IpAddr, from: u8) -> bool {
        self.0.note(format!("is_reverse_path {source} {from}"));
        from == 1
    }
}

impl Egress<u8> for Noting {
    type Error = &'static str;

    fn transmit(&mut self, next_hop: u8, copy: &PacketCopy<'_>) -> Result<(), &'static str> {
        self.0.note(format!("transmit {next_hop} {}", copy.len()));
        Err("full")
    }

    fn too_big(&mut self, next_hop: u8, mtu: usize, destinations: DestinationSet) {
        self.0.note(format!("too_big {next_hop} {mtu} {destinations:?}"));
    }
}

impl DscpMerge for Noting {
    /// Unlike the standard's.
    fn merge(&self, a: Dscp, b: Dscp) -> Option<Dscp> {
        self.0.note(format!("merge {a:?} {b:?}"));
        Some(b)
    }
}

impl Link for Noting {
    type Error = &'static str;

    fn transmit(&mut self, packet: &[u8], recipients: &Recipients<'_>) -> Result<(), &'static str> {
        self.0.note(format!("transmit {} {:?}", packet.len(), recipients.listed()));
        Err("down")
    }

    fn not_sent(&mut self, recipients: &Recipients<'_>, error: PacketError) {
        self.0.note(format!("not_sent {:?} {error:?}", recipients.listed()));
    }
}

impl Segment for Noting {
    fn protocol(&self) -> u8 {
        self.0.note("protocol");
        200
    }

    fn len(&self) -> usize {
        self.0.note("len");
        3
    }

    fn write(&self, ends: &Ends, buffer: &mut [u8]) -> Result<(), EmitError> {
        self.0.note(format!("write {ends:?}"));
        buffer.fill(0x5e);
        Ok(())
    }
}

fn routes<R: RouteLookup<NextHop = u8>>(routes: R) -> Vec<String> {
    let [one, two] = [address(1), address(2)];
    vec![
        shown(&routes.is_local(one)),
        shown(&routes.route(one)),
        shown(&routes.tunnel(one)),
        shown(&routes.is_tunnel(one, two)),
        shown(&[routes.is_reverse_path(two, 1), routes.is_reverse_path(two, 7)]),
    ]
}

#[test]
fn routes_behind_references() {
    let mut noting = Noting::default();
    let shared = (routes(&noting), noting.0.take());
    let exclusive = (routes(&mut noting), noting.0.take());
    assert_eq!(exclusive, shared);
    assert_eq!(shared.1.len(), 6);
    assert_eq!(shared.0, routes(noting));
}

/// Says `segment` to two members over `link`, in the clear; without `clear` policy has it not sent.
fn say<L: Link, S: Segment>(link: &mut L, segment: &S, clear: bool) -> String {
    let mut session = Session::<2>::new(SessionConfig::new(Origin::without_channel(address(1)))).unwrap();
    for last in [2, 3] {
        session.add(Member::new(address(last))).unwrap();
    }
    let sad = FixedOutboundSad::<Provider, 1>::new();
    let mut spd = FixedSpd::<1>::new();
    let action = if clear { Action::Bypass } else { Action::Discard };
    spd.push(PolicyEntry { directionality: Directionality::Symmetric, selectors: SelectorSet::ANY, action }).unwrap();
    let mut sender = Sender::new(Outbound::new(sad, spd, NoAudit), CodePoints::rfc4727_experiment());
    let (mut crypto, mut scratch) = (Provider::default(), [0; 256]);
    let means = Means { crypto: &mut crypto, rng: &mut Rng, now: Instant::START, mtu: 200, scratch: &mut scratch };
    shown(&sender.send(&session, segment, means, link))
}

#[test]
fn links_and_segments_behind_references() {
    for clear in [true, false] {
        let (mut link, segment) = (Noting::default(), Noting::default());
        let direct = (say(&mut link, &segment, clear), link.0.take(), segment.0.take());
        let through = (say(&mut &mut link, &&segment, clear), link.0.take(), segment.0.take());
        assert_eq!(through, direct);
        let called: Vec<&str> = direct.1.iter().filter_map(|call| call.split(' ').next()).collect();
        assert_eq!(called, [if clear { "transmit" } else { "not_sent" }]);
        for method in ["protocol", "len", "write"] {
            assert!(direct.2.iter().any(|call| call.starts_with(method)), "{method}");
        }
    }
}

fn leave<E: Egress<u8, Error = &'static str>>(mut egress: E) -> String {
    let mut sent = Vec::new();
    let datagram = Datagram { source_port: 4000, destination_port: 4000, payload: b"x" };
    let mut link = FnLink(|packet: &[u8]| {
        sent.push(packet.to_vec());
        Ok::<(), ()>(())
    });
    say(&mut link, &datagram, true);
    let packet = XcastPacket::parse(&sent[0], &CodePoints::rfc4727_experiment(), ChecksumPolicy::Verify).unwrap();
    egress.too_big(3, 1400, DestinationSet::first_n(2));
    shown(&egress.transmit(4, &PacketCopy::local(&packet, 1).unwrap()))
}

#[test]
fn egress_behind_a_reference() {
    let mut noting = Noting::default();
    let through = (leave(&mut noting), noting.0.take());
    assert_eq!((&*through.0, through.1.len()), ("Err(\"full\")", 2));
    assert!(through.1[0].starts_with("too_big 3 1400") && through.1[1].starts_with("transmit 4"), "{through:?}");
}

fn merged<M: DscpMerge>(rule: M) -> Option<Dscp> {
    rule.merge(Dscp::new(46).unwrap(), Dscp::new(8).unwrap())
}

#[test]
fn rules_of_merging_behind_a_reference() {
    let noting = Noting::default();
    assert_eq!(merged(&noting), Dscp::new(8));
    assert_eq!(noting.0.take().len(), 1);
    assert_eq!(merged(&StandardMerge as &dyn DscpMerge), merged(StandardMerge));
    assert_ne!(merged(StandardMerge), Dscp::new(8));
}
