//! The protections that traffic is mixed of, one for each port.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use xcast_sec::crypto::{AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm};
use xcast_sec::ipsec::{
    Action, Addresses, AuditEvent, AuditSink, Directionality, FixedSpd, Lifetimes, Limits, ModeKind, NextLayer,
    PacketBuf, PolicyEntry, PolicyId, PortSelector, Protection, Required, RoutingCoverage, Sa, SaConfig, SelectorSet,
};
use xcast_sec::wire::{Family, UdpRepr, protocol};

use crate::kit::*;
use crate::providers::Odd;

const KEY: [u8; 64] = [0x3c; 64];
const FIRST_PORT: u16 = 7000;
/// Octets that the associations with a limit take.
const OCTETS: u64 = 700;

/// A protection of one or two layers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guard {
    pub(crate) required: Required,
    /// Outermost first.
    pub(crate) layers: [Option<Protection<'static>>; 2],
    pub(crate) esn: bool,
    pub(crate) lifetimes: Lifetimes,
}

const fn esp_of(cipher: CipherAlgorithm, key_len: usize, integrity: IntegrityAlgorithm) -> Protection<'static> {
    let (cipher_key, _) = KEY.split_at(key_len);
    let (integrity_key, _) = KEY.split_at(integrity.key_len());
    Protection::Esp { cipher, cipher_key, integrity: Some((integrity, integrity_key)) }
}

const CBC: Protection<'static> = esp_of(CipherAlgorithm::AesCbc, 16, IntegrityAlgorithm::HmacSha1_96);
const CTR: Protection<'static> = esp_of(CipherAlgorithm::AesCtr, 20, IntegrityAlgorithm::HmacSha2_512_256);
const NULL: Protection<'static> = esp_of(CipherAlgorithm::Null, 0, IntegrityAlgorithm::HmacSha2_256_128);
const GCM: Protection<'static> =
    Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key: KEY.split_at(20).0 };
const CHACHA: Protection<'static> =
    Protection::EspCombined { algorithm: AeadAlgorithm::ChaCha20Poly1305, key: KEY.split_at(36).0 };

const fn ah_of(integrity: IntegrityAlgorithm) -> Protection<'static> {
    let key = KEY.split_at(integrity.key_len()).0;
    Protection::Ah { integrity, key, coverage: RoutingCoverage::DataZeroed, pad_to_8: false }
}

const AH1: Protection<'static> = ah_of(IntegrityAlgorithm::HmacSha1_96);
const AH2: Protection<'static> = ah_of(IntegrityAlgorithm::HmacSha2_256_128);

const SOFT: Limits = Limits { packets: Some(3), ..Limits::NONE };
const SHORT: Lifetimes = Lifetimes { soft: SOFT, hard: Limits { octets: Some(OCTETS), ..Limits::NONE } };
const FEW: Lifetimes = Lifetimes { soft: SOFT, hard: Limits { packets: Some(6), ..Limits::NONE } };

const fn guard(required: Required, outer: Protection<'static>, inner: Option<Protection<'static>>) -> Guard {
    Guard { required, layers: [Some(outer), inner], esn: false, lifetimes: Lifetimes::UNLIMITED }
}

/// One for each port from [`FIRST_PORT`] on. Behind them there is one that is bypassed, one that is discarded, and nothing.
pub(crate) const GUARDS: [Guard; 14] = {
    use ModeKind::{Transport, Tunnel};
    use Required::{Ah, AhAroundEsp, Esp};
    [
        guard(Esp(Transport), CBC, None),
        guard(Esp(Tunnel), CBC, None),
        Guard { esn: true, ..guard(Esp(Transport), CTR, None) },
        Guard { esn: true, ..guard(Esp(Transport), CBC, None) },
        guard(Esp(Tunnel), NULL, None),
        guard(Esp(Transport), GCM, None),
        Guard { esn: true, ..guard(Esp(Tunnel), CHACHA, None) },
        guard(Ah(Transport), AH1, None),
        Guard { esn: true, ..guard(Ah(Tunnel), AH2, None) },
        guard(AhAroundEsp { esp: Transport }, AH2, Some(CBC)),
        Guard { esn: true, ..guard(AhAroundEsp { esp: Tunnel }, AH1, Some(GCM)) },
        Guard { lifetimes: SHORT, ..guard(Esp(Transport), CBC, None) },
        Guard { lifetimes: FEW, ..guard(Ah(Transport), AH2, None) },
        Guard { lifetimes: FEW, ..guard(Esp(Transport), GCM, None) },
    ]
};

/// Kinds of traffic: the guards, bypassed, discarded, without policy.
pub(crate) const KINDS: usize = GUARDS.len() + 3;

pub(crate) fn policy_id(kind: usize) -> PolicyId {
    PolicyId::new(u32::try_from(kind).unwrap() + 1)
}

/// The associations of a guard, outermost first.
pub(crate) fn configs(kind: usize) -> Vec<SaConfig<'static>> {
    let Some(guard) = GUARDS.get(kind) else { return vec![] };
    let modes = match guard.required {
        Required::Ah(mode) | Required::Esp(mode) => vec![mode],
        Required::AhAroundEsp { esp } => vec![ModeKind::Transport, esp],
    };
    let layers = guard.layers.iter().flatten().zip(modes).zip(0x1000 + 16 * u32::try_from(kind).unwrap()..);
    let config = |((&protection, kind_of_mode), number): ((&Protection<'static>, ModeKind), u32)| SaConfig {
        policy: Some(policy_id(kind)),
        mode: mode(kind_of_mode, Family::V4),
        esn: guard.esn,
        lifetimes: guard.lifetimes,
        ..SaConfig::new(spi(number), protection)
    };
    layers.map(config).collect()
}

pub(crate) fn odd_sa(config: &SaConfig<'_>) -> Sa<Odd> {
    Sa::new(config, &mut Odd::new(0)).unwrap()
}

/// A policy for each port, both ways.
pub(crate) fn policy() -> FixedSpd<16> {
    let mut spd = FixedSpd::new();
    let guards = GUARDS.iter().enumerate();
    let protected = guards.map(|(kind, guard)| Action::Protect { policy: policy_id(kind), required: guard.required });
    for (action, port) in protected.chain([Action::Bypass, Action::Discard]).zip(FIRST_PORT..) {
        let ports = PortSelector::Range { first: port, last: port };
        let next_layer = NextLayer::Ports { protocol: protocol::UDP, local: ports, remote: ports };
        let selectors = SelectorSet { local: Addresses::Any, remote: Addresses::Any, next_layer };
        spd.push(PolicyEntry { directionality: Directionality::Symmetric, selectors, action }).unwrap();
    }
    spd
}

/// Notes every event.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Log(pub(crate) Vec<AuditEvent>);

impl AuditSink for Log {
    fn record(&mut self, event: &AuditEvent) {
        self.0.push(*event);
    }
}

// --- Packets ----------------------------------------------------------------------------------------------------------

/// A datagram, and what becomes of it before anybody sees it.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) kind: usize,
    pub(crate) traffic: Traffic,
    pub(crate) host: u8,
    pub(crate) payload_len: usize,
    pub(crate) no_x2u: bool,
    pub(crate) damage: Damage,
    /// Octets around the packet in its buffer.
    pub(crate) room: usize,
}

/// What is done to a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Damage {
    None,
    /// One bit is another one.
    Flip(Index, u8),
    Truncate(Index),
    /// Padding of a link layer behind it.
    Pad(u8),
    /// A bit that says that more fragments follow; in IPv6 a header.
    Fragment,
}

impl Damage {
    pub(crate) fn apply(self, packet: &mut Vec<u8>) {
        match self {
            Self::None => {}
            Self::Flip(at, bit) => {
                let at = at.index(packet.len());
                packet[at] ^= 1 << (bit & 7);
            }
            Self::Truncate(len) => packet.truncate(len.index(packet.len())),
            Self::Pad(len) => packet.resize(packet.len() + usize::from(len), 0xee),
            // Too little is left of it.
            Self::Fragment if packet.len() < 40 => {}
            Self::Fragment if packet[0] >> 4 == 4 => {
                packet[6] |= 0x20;
                set_header_checksum(packet);
            }
            Self::Fragment => {
                let header = [packet[6], 0, 0, 1, 0, 0, 0, 9];
                packet[6] = 44;
                let len = u16::from_be_bytes([packet[4], packet[5]]) + 8;
                packet[4..6].copy_from_slice(&len.to_be_bytes());
                packet.splice(40..40, header);
            }
        }
    }
}

pub(crate) fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        16 => Just(Damage::None),
        2 => (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        1 => any::<Index>().prop_map(Damage::Truncate),
        1 => (1..20_u8).prop_map(Damage::Pad),
        1 => Just(Damage::Fragment),
    ]
}

pub(crate) fn item(kinds: std::ops::Range<usize>) -> impl Strategy<Value = Item> {
    let payload_len = prop_oneof![4 => 0..60_usize, 1 => 0..300_usize];
    let room = prop_oneof![12 => Just(200), 1 => Just(0), 1 => 0..60_usize];
    let traffic = select(Traffic::ALL.to_vec());
    (kinds, traffic, 1..4_u8, payload_len, prop::bool::weighted(0.8), damage(), room).prop_map(
        |(kind, traffic, host, payload_len, no_x2u, damage, room)| Item {
            kind,
            traffic,
            host,
            payload_len,
            no_x2u,
            damage,
            room,
        },
    )
}

impl Item {
    /// The datagram, undamaged.
    pub(crate) fn packet(&self) -> Vec<u8> {
        let port = FIRST_PORT + u16::try_from(self.kind).unwrap();
        let source = host(self.traffic.family(), self.host);
        let payload: Vec<u8> = (0..self.payload_len).map(|index| (index as u8).wrapping_mul(31)).collect();
        let udp = UdpRepr { source_port: port, destination_port: port, payload: &payload };
        let mut datagram = vec![0; udp.encoded_len()];
        udp.emit(source, self.traffic.destination(), &mut datagram).unwrap();
        if self.traffic.is_xcast() {
            self.traffic.xcast(source, &datagram, self.no_x2u)
        } else {
            self.traffic.plain(source, protocol::UDP, &datagram)
        }
    }
}

/// Where a batch of up to `len` packets is cut.
pub(crate) fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![2 => 1..8_usize, 1 => 1..80_usize], 1..12)
}

/// Hands `items` out in slices of the lengths given, over and over.
pub(crate) fn in_batches<T>(items: &mut [T], cuts: &[usize], mut each: impl FnMut(&mut [T])) {
    let mut rest = items;
    for &cut in cuts.iter().cycle() {
        if rest.is_empty() {
            return;
        }
        let (batch, left) = rest.split_at_mut(cut.min(rest.len()));
        each(batch);
        rest = left;
    }
}

/// What was handed out of a packet: where it was and what it held, and what was said of it.
pub(crate) type HandedOut<T, E> = Result<(Vec<u8>, std::ops::Range<usize>, T), E>;

pub(crate) fn handed_out<T, E>(result: Result<(&mut PacketBuf<'_>, T), E>) -> HandedOut<T, E> {
    result.map(|(packet, said)| (packet.as_octets().to_vec(), packet.range(), said))
}

/// What a packet holds after a batch, where it is, and what was said of it.
pub(crate) type Told<T, E> = (Vec<u8>, std::ops::Range<usize>, Result<T, E>);

/// Everything that can be told of packets after a batch. Nothing happened to one after it was handed out.
pub(crate) fn afterwards<T, E>(packets: &[PacketBuf<'_>], handed_out: Vec<HandedOut<T, E>>) -> Vec<Told<T, E>> {
    assert_eq!(packets.len(), handed_out.len());
    let each = packets.iter().zip(handed_out).map(|(packet, handed_out)| {
        let now = (packet.as_octets().to_vec(), packet.range());
        let said = handed_out.map(|(octets, range, said)| {
            assert_eq!((octets, range), now);
            said
        });
        (now.0, now.1, said)
    });
    each.collect()
}
