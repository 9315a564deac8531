//! What the world looks like: who is where, and how each kind of traffic is protected.
//!
//! ```text
//! senders ── R1 ─┬─ R2 ─┬─ A
//!                │      ├─ B
//!                │      └─ C      knows no Xcast
//!                ├─ R3 ─┬─ D      narrow link
//!                │      ├─ E
//!                │      └ ─ ─ R4 ─┬─ F      a tunnel across routers without Xcast
//!                │                └─ G
//!                └─ H
//! ```

use std::net::IpAddr;
use std::time::Duration;

use xcast_sec::crypto::{AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm, RustCrypto};
use xcast_sec::forward::{Prefix, ReportLimit, ReversePath, Route, RouteTable, Router, RouterPolicy, Tunnel};
use xcast_sec::ipsec::{
    Action, Addresses, Directionality, FixedSenders, FixedSpd, Lifetimes, Limits, Mode, ModeKind, OuterHeader,
    PolicyEntry, PolicyId, Protection, Required, RoutingCoverage, Sa, SaConfig, SelectorSet, Spi,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{BitmapPlace, CodePoints, Family};

pub(crate) const ROUTERS: usize = 4;
/// A to H.
pub(crate) const HOSTS: usize = 8;
pub(crate) const C: usize = 2;
pub(crate) const D: usize = 3;
pub(crate) const H: usize = 7;
/// An address of R1 itself.
pub(crate) const OWN: usize = 8;
/// Behind R3, as R1 has it; R3 knows better. For the one in between R1 has no route.
pub(crate) const LOST_AT_R3: usize = 10;
pub(crate) const MEMBERS: usize = 11;

/// Names of neighbours: routers from 0 on, hosts from here on, and the senders.
pub(crate) const FIRST_HOST: u8 = 16;
pub(crate) const SENDERS: u8 = 99;

pub(crate) const NARROW: usize = 600;
pub(crate) const MTU: usize = 1500;
pub(crate) const R2_COPIES: usize = 2;

pub(crate) const START: Instant = Instant::from_secs(1_000_000);
/// From one packet of the senders' to the next.
pub(crate) const TICK_MICROS: u64 = 100;

pub(crate) fn time(tick: u64) -> Instant {
    START.after(Duration::from_micros(tick * TICK_MICROS))
}

pub(crate) fn code_points() -> CodePoints {
    CodePoints::rfc4727_experiment()
}

pub(crate) fn group(family: Family) -> IpAddr {
    match family {
        Family::V4 => code_points().fields().routers_v4.into(),
        Family::V6 => code_points().fields().routers_v6.into(),
    }
}

pub(crate) fn member(family: Family, index: usize) -> IpAddr {
    let last = index as u8 + 1;
    match family {
        Family::V4 => [198, 51, 100, last].into(),
        Family::V6 => [0x2001, 0xdb8, 1, 0, 0, 0, 0, last.into()].into(),
    }
}

pub(crate) fn port(index: usize) -> u16 {
    7000 + index as u16
}

pub(crate) fn router_address(family: Family, router: usize) -> IpAddr {
    let last = router as u8 + 1;
    match family {
        Family::V4 => [203, 0, 113, last].into(),
        Family::V6 => [0x2001, 0xdb8, 0xf, 0, 0, 0, 0, last.into()].into(),
    }
}

// --- Routers ----------------------------------------------------------------------------------------------------------

/// The next hop of router `at` to a member, whether it knows Xcast, and its MTU: what the library is told, and what the
/// bookkeeping goes by.
pub(crate) fn route(at: usize, index: usize) -> Option<Route<u8>> {
    let host = FIRST_HOST + index as u8;
    let (next_hop, xcast_capable, mtu) = match (at, index) {
        (0, 0..=2) => (1, true, MTU),
        (0, 3..=6 | LOST_AT_R3) => (2, true, MTU),
        (0, H) | (1, 0..=1) | (2, 4) | (3, 5..=6) => (host, true, MTU),
        (1, C) => (host, false, MTU),
        (2, D) => (host, true, NARROW),
        (2, 5..=6) => (3, false, MTU),
        _ => return None,
    };
    Some(Route { next_hop, xcast_capable, mtu })
}

/// Whether the way from router `at` to a member is a tunnel.
pub(crate) fn is_tunnelled(at: usize, index: usize) -> bool {
    at == 2 && matches!(index, 5..=6)
}

/// IPv4 goes in an IPv6 tunnel, and the other way round.
fn outer_family(family: Family) -> Family {
    if family == Family::V4 { Family::V6 } else { Family::V4 }
}

pub(crate) type Table = RouteTable<u8, 24>;

pub(crate) fn table(at: usize) -> Table {
    let mut table = Table::new();
    for family in [Family::V4, Family::V6] {
        for index in 0..MEMBERS {
            let prefix = Prefix::host(member(family, index));
            if let Some(route) = route(at, index) {
                table.insert_route(prefix, route).unwrap();
            }
            if is_tunnelled(at, index) {
                let ends = [2, 3].map(|router| router_address(outer_family(family), router));
                table.insert_tunnel(prefix, Tunnel::new(ends[0], ends[1]).unwrap()).unwrap();
            }
        }
        table.insert_address(router_address(family, at)).unwrap();
        if at == 3 {
            let ends = [3, 2].map(|router| router_address(family, router));
            table.insert_tunnel(Prefix::host(ends[1]), Tunnel::new(ends[0], ends[1]).unwrap()).unwrap();
        }
        if at == 0 {
            table.insert_address(member(family, OWN)).unwrap();
            let back = match family {
                Family::V4 => Prefix::new([192, 0, 2, 0].into(), 24),
                Family::V6 => Prefix::new([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0].into(), 64),
            };
            table.insert_route(back.unwrap(), Route { next_hop: SENDERS, xcast_capable: true, mtu: MTU }).unwrap();
        }
    }
    table
}

pub(crate) fn router(at: usize) -> Router {
    let mut policy = RouterPolicy::default();
    match at {
        0 => policy.reverse_path = ReversePath::Strict,
        1 => policy.max_copies = Some(R2_COPIES),
        // As many reports as there is reason for.
        2 => policy.reports = ReportLimit { burst: 1, interval: Duration::ZERO },
        _ => {}
    }
    Router::new(code_points(), policy)
}

// --- Traffic ----------------------------------------------------------------------------------------------------------

/// How packets of one sender are protected, or what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shield {
    Clear,
    /// Its associations roll over.
    Cbc,
    /// With extended numbers, from shortly before 2^32 on, reserved a few at a time.
    GcmEsn,
    Ah,
    AhEsp,
    Ctr,
    /// From the sender to H.
    Tunnel,
    /// Has the key, and may not send.
    Stranger,
    /// May send, and finds no room in the table of senders.
    Crowd,
    /// Its association ends.
    Short,
    Discarded,
    NoPolicy,
}

pub(crate) const SHIELDS: [Shield; 12] = [
    Shield::Clear,
    Shield::Cbc,
    Shield::GcmEsn,
    Shield::Ah,
    Shield::AhEsp,
    Shield::Ctr,
    Shield::Tunnel,
    Shield::Stranger,
    Shield::Crowd,
    Shield::Short,
    Shield::Discarded,
    Shield::NoPolicy,
];
pub(crate) const LANES: usize = 2 * SHIELDS.len();

/// Before the first number of `GcmEsn`.
pub(crate) const ESN_START: u64 = (3 << 32) - 40;

/// One sender's traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lane(pub(crate) usize);

impl Lane {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..LANES).map(Self)
    }

    pub(crate) fn family(self) -> Family {
        if self.0.is_multiple_of(2) { Family::V4 } else { Family::V6 }
    }

    pub(crate) fn shield(self) -> Shield {
        SHIELDS[self.0 / 2]
    }

    pub(crate) fn source(self) -> IpAddr {
        let last = self.0 as u8 + 10;
        match self.family() {
            Family::V4 => [192, 0, 2, last].into(),
            Family::V6 => [0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into()].into(),
        }
    }

    fn policy(self) -> PolicyId {
        PolicyId::new(100 + self.0 as u32)
    }

    pub(crate) fn place(self) -> BitmapPlace {
        match (self.shield(), self.family()) {
            (Shield::Ah | Shield::AhEsp, Family::V4) | (Shield::AhEsp | Shield::Ctr, _) => BitmapPlace::Option,
            _ => BitmapPlace::Header,
        }
    }

    /// Whether there is AH and whether there is ESP.
    pub(crate) fn layers(self) -> [bool; 2] {
        match self.shield() {
            Shield::Clear | Shield::Discarded | Shield::NoPolicy => [false, false],
            Shield::Ah => [true, false],
            Shield::AhEsp => [true, true],
            _ => [false, true],
        }
    }

    pub(crate) fn is_protected(self) -> bool {
        self.layers() != [false, false]
    }

    pub(crate) fn action(self) -> Option<Action> {
        let required = match self.shield() {
            Shield::NoPolicy => return None,
            Shield::Discarded => return Some(Action::Discard),
            Shield::Clear => return Some(Action::Bypass),
            Shield::Ah => Required::Ah(ModeKind::Transport),
            Shield::AhEsp => Required::AhAroundEsp { esp: ModeKind::Transport },
            Shield::Tunnel => Required::Esp(ModeKind::Tunnel),
            _ => Required::Esp(ModeKind::Transport),
        };
        Some(Action::Protect { policy: self.policy(), required })
    }

    /// The association for a layer (AH 0, ESP 1), of one generation.
    pub(crate) fn association(self, layer: usize, generation: u32, short_life: Duration) -> Option<Sa<RustCrypto>> {
        if !self.layers()[layer] {
            return None;
        }
        let key = [self.0 as u8 * 8 + generation as u8 % 4 * 2 + layer as u8 + 1; 80];
        let integrity = IntegrityAlgorithm::HmacSha2_256_128;
        let esp = |cipher, cipher_key, integrity, key| Protection::Esp {
            cipher,
            cipher_key,
            integrity: Some((integrity, key)),
        };
        let protection = match (self.shield(), layer) {
            (_, 0) => {
                let covered = self.place() == BitmapPlace::Option;
                let coverage = if covered { RoutingCoverage::Covered } else { RoutingCoverage::FieldsZeroed };
                Protection::Ah { integrity, key: &key[..32], coverage, pad_to_8: false }
            }
            (Shield::GcmEsn | Shield::Tunnel, _) => {
                Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key: &key[..20] }
            }
            (Shield::AhEsp, _) => {
                Protection::EspCombined { algorithm: AeadAlgorithm::ChaCha20Poly1305, key: &key[..36] }
            }
            (Shield::Ctr, _) => {
                esp(CipherAlgorithm::AesCtr, &key[..20], IntegrityAlgorithm::HmacSha2_384_192, &key[20..68])
            }
            (Shield::Short, _) => esp(CipherAlgorithm::Null, &[], integrity, &key[..32]),
            _ => esp(CipherAlgorithm::AesCbc, &key[..16], integrity, &key[16..48]),
        };
        let spi = (self.0 as u32 + 1) << 16 | (generation * 2 + layer as u32);
        let hard = Limits { time: Some(short_life), ..Limits::NONE };
        let tunnel = OuterHeader::between(self.source(), member(self.family(), H), 64);
        let is_tunnel = self.shield() == Shield::Tunnel;
        let to = if is_tunnel { member(self.family(), H) } else { group(self.family()) };
        let config = SaConfig {
            policy: Some(self.policy()),
            source: (self.shield() != Shield::Stranger).then(|| self.source()),
            destination: Some(to),
            mode: if is_tunnel { Mode::Tunnel(tunnel) } else { Mode::Transport },
            esn: self.shield() == Shield::GcmEsn,
            lifetimes: if self.shield() == Shield::Short {
                Lifetimes { hard, ..Lifetimes::UNLIMITED }
            } else {
                Lifetimes::UNLIMITED
            },
            ..SaConfig::new(Spi::new(spi).unwrap(), protection)
        };
        Some(Sa::new(&config, &mut RustCrypto).unwrap())
    }
}

pub(crate) fn spd() -> FixedSpd<64> {
    let mut spd = FixedSpd::new();
    for lane in Lane::all() {
        let Some(action) = lane.action() else { continue };
        let source = Addresses::one(lane.source());
        let remote = Addresses::one(group(lane.family()));
        let to_group = SelectorSet { local: source, remote, ..SelectorSet::ANY };
        let unicast = SelectorSet { remote: source, ..SelectorSet::ANY };
        let symmetric = Directionality::Symmetric;
        spd.push(PolicyEntry { directionality: symmetric, selectors: to_group, action }).unwrap();
        // What a router made unicast.
        let received = Directionality::ReceiverOnly;
        spd.push(PolicyEntry { directionality: received, selectors: unicast, action }).unwrap();
    }
    spd
}

pub(crate) fn bypass_all() -> FixedSpd<64> {
    let mut spd = FixedSpd::new();
    let (directionality, action) = (Directionality::SenderOnly, Action::Bypass);
    spd.push(PolicyEntry { directionality, selectors: SelectorSet::ANY, action }).unwrap();
    spd
}

pub(crate) fn authorised() -> FixedSenders<32> {
    let mut senders = FixedSenders::new();
    for lane in Lane::all().filter(|lane| lane.shield() != Shield::Stranger) {
        senders.allow(lane.policy(), lane.source()).unwrap();
    }
    senders
}
