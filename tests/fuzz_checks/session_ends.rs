//! The two ends of a session for checks: what members there are, what is sent, how it is protected, and who takes it. Its user includes
//! `gullible.rs`, `input.rs`, `models/xcast_packet.rs`, `models/dscps.rs` and `models/session.rs` beside it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use xcast_sec::crypto::{AeadAlgorithm, IntegrityAlgorithm};
use xcast_sec::ipsec::{
    Action, AnySender, Directionality, FixedSad, FixedSpd, Inbound, ModeKind, NoAudit, PolicyEntry, PolicyId,
    Protection, Required, RoutingCoverage, Sa, SaConfig, SelectorSet, SenderWindows, Spi, Usage,
};
use xcast_sec::stack::{Datagram, Link, Member, MemberId, Receiver, ReceiverPolicy, Recipients, SessionConfig};
use xcast_sec::time::Instant;
use xcast_sec::wire::{BitmapPlace, CodePoints, DestinationSet, Dscp, Family};

use super::dscps_model::merge;
use super::gullible::Gullible;
use super::input::Input;
use super::session_model::{Entry, Lists, dscp};
use super::xcast_model::{Packet, group, octets_of, source, sum};

pub(crate) const POLICY: PolicyId = PolicyId::new(7);
pub(crate) const PORTS: (u16, u16) = (4001, 4000);
pub(crate) const NOW: Instant = Instant::from_secs(1000);

/// AH, and ESP.
#[derive(Clone, Copy)]
pub(crate) struct Shield {
    pub(crate) ah: bool,
    pub(crate) esp: bool,
}

pub(crate) type Receiving = Receiver<FixedSad<Gullible, 2>, SenderWindows<2, 1>, FixedSpd<1>, AnySender, NoAudit>;

impl Shield {
    pub(crate) const fn any(self) -> bool {
        self.ah || self.esp
    }

    /// Octets of all that is not Xcast's or IP's, with a segment of `len` octets.
    pub(crate) const fn behind(self, len: usize) -> usize {
        let len = if self.esp { 8 + 8 + (len + 2).next_multiple_of(4) + 16 } else { len };
        if self.ah { len + 12 + 12 } else { len }
    }

    pub(crate) fn spd(self) -> FixedSpd<1> {
        let esp = ModeKind::Transport;
        let required = match (self.ah, self.esp) {
            (true, true) => Some(Required::AhAroundEsp { esp }),
            (true, false) => Some(Required::Ah(esp)),
            (false, true) => Some(Required::Esp(esp)),
            (false, false) => None,
        };
        let action = required.map_or(Action::Bypass, |required| Action::Protect { policy: POLICY, required });
        let mut spd = FixedSpd::new();
        let directionality = Directionality::Symmetric;
        spd.push(PolicyEntry { directionality, selectors: SelectorSet::ANY, action }).expect("there is room");
        spd
    }

    pub(crate) fn associations(self, v6: bool, separated: bool) -> impl Iterator<Item = Sa<Gullible>> {
        let coverage = if separated { RoutingCoverage::Covered } else { RoutingCoverage::FieldsZeroed };
        let integrity = IntegrityAlgorithm::HmacSha1_96;
        let ah = Protection::Ah { integrity, key: &[], coverage, pad_to_8: false };
        let esp = Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key: &[] };
        let all = [(self.ah, 0x1000, ah), (self.esp, 0x2000, esp)];
        all.into_iter().filter(|(there, ..)| *there).map(move |(_, spi, protection)| {
            let config = SaConfig {
                policy: Some(POLICY),
                source: Some(source(v6)),
                destination: Some(group(v6)),
                ..SaConfig::new(Spi::new(spi).expect("not reserved"), protection)
            };
            Sa::new(&config, &mut Gullible).expect("any key fits")
        })
    }

    pub(crate) fn receiver(self, v6: bool, separated: bool) -> Receiving {
        let mut sad = FixedSad::new();
        for sa in self.associations(v6, separated) {
            sad.insert(sa, Usage::new(NOW)).expect("there is room");
        }
        let windows = SenderWindows::new(64).expect("a size that there is");
        let inbound = Inbound::new(sad, windows, self.spd(), AnySender, NoAudit);
        Receiver::new(inbound, CodePoints::rfc4727_experiment(), ReceiverPolicy::default())
    }
}

/// Takes packets, but for one.
pub(crate) struct Tape {
    pub(crate) fails_at: Option<usize>,
    pub(crate) asked: usize,
    pub(crate) sent: Vec<(Vec<u8>, Vec<MemberId>, DestinationSet)>,
}

impl Link for Tape {
    type Error = ();

    fn transmit(&mut self, packet: &[u8], to: &Recipients<'_>) -> Result<(), ()> {
        self.asked += 1;
        if self.fails_at == Some(self.asked) {
            return Err(());
        }
        assert_eq!(to.served().count(), to.bits().len());
        self.sent.push((packet.to_vec(), to.listed().to_vec(), to.bits()));
        Ok(())
    }
}

/// Another one for each number, but for some that nobody can have here.
pub(crate) fn address(v6: bool, number: u8) -> IpAddr {
    match (v6, number) {
        (true, 255) => Ipv6Addr::new(0xff0e, 0, 0, 0, 0, 0, 0, 1).into(),
        (true, 254) => Ipv6Addr::UNSPECIFIED.into(),
        (true, 253) | (false, 0..253) => Ipv4Addr::new(198, 51, 100, number).into(),
        (false, 255) => Ipv4Addr::new(224, 0, 0, 9).into(),
        (false, 254) => Ipv4Addr::UNSPECIFIED.into(),
        (false, 253) | (true, 0..253) => Ipv6Addr::new(0x2001, 0xdb8, 7, 0, 0, 0, 0, number.into()).into(),
    }
}

pub(crate) fn member(v6: bool, input: &mut Input<'_>) -> Member {
    let [number, lists] = [input.octet(), input.octet()];
    let palette = [0, 8, 10, 12, 18, 46, 48, 63];
    let dscp = (lists & 1 != 0).then(|| Dscp::new(palette[usize::from(lists >> 1 & 7)])).flatten();
    // Few, and 0 among them.
    let port = (lists & 16 != 0).then(|| u16::from(lists >> 5));
    Member { address: address(v6, number), port, dscp }
}

pub(crate) fn payload(input: &mut Input<'_>) -> Vec<u8> {
    let [len, fill] = [input.octet(), input.octet()];
    vec![fill; usize::from(len) * if len < 128 { 1 } else { 4 }]
}

pub(crate) const fn datagram(payload: &[u8]) -> Datagram<'_> {
    Datagram { source_port: PORTS.0, destination_port: PORTS.1, payload }
}

/// The segment, written the plain way.
fn udp(v6: bool, ports_listed: bool, payload: &[u8]) -> Vec<u8> {
    let to = if ports_listed { 0 } else { PORTS.1 };
    let len = u16::try_from(8 + payload.len()).expect("short").to_be_bytes();
    let mut segment = [&PORTS.0.to_be_bytes()[..], &to.to_be_bytes(), &len, &[0, 0], payload].concat();
    let ends = [octets_of(source(v6)), octets_of(group(v6))].concat();
    // A sum of nothing is sent as ones.
    let checksum = !sum(&[&ends[..], &[0, 17], &len, &segment].concat());
    segment[6..8].copy_from_slice(&checksum.to_be_bytes());
    segment
}

/// The address of a member as a packet lists it.
pub(crate) fn shown(config: &SessionConfig, entry: &Entry) -> IpAddr {
    let erased = config.anonymous && !entry.enabled;
    if erased { address(entry.member.address.is_ipv6(), 254) } else { entry.member.address }
}

/// The packet to these members, without protection.
pub(crate) fn in_the_clear(config: &SessionConfig, packet: &[Entry], lists: Lists, payload: &[u8]) -> Packet {
    let v6 = config.origin.family() == Family::V6;
    let served = packet.iter().filter(|entry| entry.enabled).map(dscp);
    let class = served.reduce(|a, b| merge(a, b).expect("they merge")).unwrap_or(0) << 2;
    Packet {
        v6,
        hop_limit: config.hop_limit,
        traffic_class: if lists.dscps { class } else { 0 },
        label: 0,
        channel: [config.origin.channel()[0]; 16],
        addresses: packet.iter().map(|entry| shown(config, entry)).collect(),
        bits: packet.iter().map(|entry| entry.enabled).collect(),
        dscps: lists.dscps.then(|| packet.iter().map(dscp).collect()),
        ports: lists.ports.then(|| packet.iter().filter_map(|entry| entry.member.port).collect()),
        anonymous: config.anonymous,
        no_x2u: config.no_x2u,
        separated: config.bitmap == BitmapPlace::Option,
        ah: false,
        alert: false,
        options: false,
        reserved: false,
        next: 17,
        payload: udp(v6, lists.ports, payload),
    }
}
