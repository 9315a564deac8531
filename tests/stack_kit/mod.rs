//! Sessions and the two ends, for the tests of `stack`.
#![allow(dead_code, reason = "each test uses some of it")]

use std::convert::Infallible;
use std::net::IpAddr;

use xcast_sec::crypto::{AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm, RustCrypto};
use xcast_sec::ipsec::{
    Action, AnySender, Directionality, FixedOutboundSad, FixedSad, FixedSpd, Inbound, ModeKind, NoAudit, Outbound,
    OutboundSa, PolicyEntry, PolicyId, Protection, Required, RoutingCoverage, Sa, SaConfig, SelectorSet, SenderWindows,
    Spi, Usage,
};
use xcast_sec::stack::{
    Link, Means, Member, MemberId, Origin, PacketError, Receiver, ReceiverPolicy, Recipients, Sender, Session,
    SessionConfig,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{BitmapPlace, CodePoints, Dscp, Family};

pub(crate) const FAMILIES: [Family; 2] = [Family::V4, Family::V6];
pub(crate) const PLACES: [BitmapPlace; 2] = [BitmapPlace::Header, BitmapPlace::Option];
pub(crate) const NOW: Instant = Instant::from_secs(1_000_000);
const POLICY: PolicyId = PolicyId::new(7);

pub(crate) fn code_points() -> CodePoints {
    CodePoints::rfc4727_experiment()
}

/// All_Xcast_Routers.
pub(crate) fn group(family: Family) -> IpAddr {
    match family {
        Family::V4 => code_points().fields().routers_v4.into(),
        Family::V6 => code_points().fields().routers_v6.into(),
    }
}

// --- Sessions ---------------------------------------------------------------------------------------------------------

pub(crate) fn source(family: Family) -> IpAddr {
    match family {
        Family::V4 => [192, 0, 2, 1].into(),
        Family::V6 => [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(),
    }
}

/// A usable address, another one for every index.
pub(crate) fn address(family: Family, index: usize) -> IpAddr {
    let index = u16::try_from(index).unwrap();
    let [high, low] = index.to_be_bytes();
    match family {
        Family::V4 => [198, 18, high, low].into(),
        Family::V6 => [0x2001, 0xdb8, 1, 2, 3, 4, 5, index].into(),
    }
}

pub(crate) fn member(family: Family, index: usize) -> Member {
    Member::new(address(family, index))
}

pub(crate) fn dscp(value: u8) -> Option<Dscp> {
    Some(Dscp::new(value).unwrap())
}

pub(crate) fn config(family: Family) -> SessionConfig {
    let origin = match source(family) {
        IpAddr::V4(source) => Origin::V4 { source, channel: [1, 2, 3, 4] },
        IpAddr::V6(source) => Origin::V6 { source, channel: [0xc; 16] },
    };
    SessionConfig::new(origin)
}

pub(crate) const MAX: usize = 300;

/// A session of `count` members, with ports from 7001 on and class selectors where asked for.
pub(crate) fn session_with(
    config: SessionConfig,
    count: usize,
    (dscps, ports): (bool, bool),
) -> (Session<MAX>, Vec<MemberId>) {
    let family = config.origin.family();
    let mut session = Session::new(config).unwrap();
    let ids = (0..count).map(|index| {
        let port = ports.then(|| 7001 + u16::try_from(index).unwrap());
        let class = u8::try_from(index % 8 * 8).unwrap();
        let dscp = if dscps { dscp(class) } else { None };
        session.add(Member { port, dscp, ..member(family, index) }).unwrap()
    });
    let ids = ids.collect();
    (session, ids)
}

// --- Protection -------------------------------------------------------------------------------------------------------

/// How packets are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shield {
    Clear,
    EspNull,
    EspCbc,
    EspGcm,
    Ah,
    AhEsp,
    AhEspCbc,
}

impl Shield {
    pub(crate) const ALL: [Self; 7] =
        [Self::Clear, Self::EspNull, Self::EspCbc, Self::EspGcm, Self::Ah, Self::AhEsp, Self::AhEspCbc];

    pub(crate) fn has_ah(self) -> bool {
        matches!(self, Self::Ah | Self::AhEsp | Self::AhEspCbc)
    }

    /// Whether a packet with its bitmap there can be protected so.
    pub(crate) fn takes(self, family: Family, place: BitmapPlace) -> bool {
        !self.has_ah() || family == Family::V6 || place == BitmapPlace::Option
    }

    fn action(self) -> Action {
        let transport = ModeKind::Transport;
        let required = match self {
            Self::Clear => return Action::Bypass,
            Self::EspNull | Self::EspCbc | Self::EspGcm => Required::Esp(transport),
            Self::Ah => Required::Ah(transport),
            Self::AhEsp | Self::AhEspCbc => Required::AhAroundEsp { esp: transport },
        };
        Action::Protect { policy: POLICY, required }
    }

    pub(crate) fn spd(self) -> FixedSpd<4> {
        let mut spd = FixedSpd::new();
        let directionality = Directionality::Symmetric;
        spd.push(PolicyEntry { directionality, selectors: SelectorSet::ANY, action: self.action() }).unwrap();
        spd
    }

    /// The associations, outermost first.
    pub(crate) fn associations(self, family: Family, place: BitmapPlace) -> Vec<Sa<RustCrypto>> {
        self.associations_to(family, place, group(family))
    }

    /// The same, for packets to another address than All_Xcast_Routers.
    pub(crate) fn associations_to(self, family: Family, place: BitmapPlace, to: IpAddr) -> Vec<Sa<RustCrypto>> {
        let integrity = IntegrityAlgorithm::HmacSha2_256_128;
        let coverage = match place {
            BitmapPlace::Header => RoutingCoverage::FieldsZeroed,
            BitmapPlace::Option => RoutingCoverage::Covered,
        };
        let ah = Protection::Ah { integrity, key: &[0xa1; 32], coverage, pad_to_8: false };
        let gcm = Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key: &[0xe5; 20] };
        let with =
            |cipher, cipher_key| Protection::Esp { cipher, cipher_key, integrity: Some((integrity, &[0x1c; 32])) };
        let protections = match self {
            Self::Clear => vec![],
            Self::EspNull => vec![with(CipherAlgorithm::Null, &[])],
            Self::EspCbc => vec![with(CipherAlgorithm::AesCbc, &[0xcb; 16])],
            Self::EspGcm => vec![gcm],
            Self::Ah => vec![ah],
            Self::AhEsp => vec![ah, gcm],
            Self::AhEspCbc => vec![ah, with(CipherAlgorithm::AesCbc, &[0xcb; 16])],
        };
        let each = protections.into_iter().zip(0x1000..).map(|(protection, spi)| {
            let config = SaConfig {
                policy: Some(POLICY),
                source: Some(source(family)),
                destination: Some(to),
                ..SaConfig::new(Spi::new(spi).unwrap(), protection)
            };
            Sa::new(&config, &mut RustCrypto).unwrap()
        });
        each.collect()
    }
}

// --- The two ends -----------------------------------------------------------------------------------------------------

pub(crate) type TestSender = Sender<FixedOutboundSad<RustCrypto, 2>, FixedSpd<4>, NoAudit>;

pub(crate) fn sender(shield: Shield, family: Family, place: BitmapPlace) -> TestSender {
    let mut sad = FixedOutboundSad::new();
    for sa in shield.associations(family, place) {
        sad.insert(OutboundSa::new(sa, NOW).unwrap()).unwrap();
    }
    Sender::new(Outbound::new(sad, shield.spd(), NoAudit), code_points())
}

pub(crate) type TestReceiver = Receiver<FixedSad<RustCrypto, 2>, SenderWindows<4, 1>, FixedSpd<4>, AnySender, NoAudit>;

pub(crate) fn receiver(shield: Shield, family: Family, place: BitmapPlace, policy: ReceiverPolicy) -> TestReceiver {
    let mut sad = FixedSad::new();
    for sa in shield.associations(family, place) {
        sad.insert(sa, Usage::new(NOW)).unwrap();
    }
    let windows = SenderWindows::new(64).unwrap();
    Receiver::new(Inbound::new(sad, windows, shield.spd(), AnySender, NoAudit), code_points(), policy)
}

/// Counts, so that no two vectors are the same.
pub(crate) struct Rng(pub(crate) u64);

impl rand_core::TryRng for Rng {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|value| value as u32)
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        Ok(self.0)
    }
    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Infallible> {
        for octet in octets {
            *octet = self.try_next_u64()?.to_be_bytes()[0];
        }
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Rng {}

/// Calls `f` with means whose scratch buffer has `scratch_len` octets.
pub(crate) fn with_means<T>(mtu: usize, scratch_len: usize, f: impl FnOnce(Means<'_, RustCrypto, Rng>) -> T) -> T {
    let (mut scratch, mut rng) = (vec![0xee; scratch_len], Rng(1));
    f(Means { crypto: &mut RustCrypto, rng: &mut rng, now: NOW, mtu, scratch: &mut scratch })
}

/// Keeps what it is handed.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    pub(crate) sent: Vec<(Vec<u8>, Vec<MemberId>)>,
    pub(crate) not_sent: Vec<(Vec<MemberId>, PacketError)>,
    /// How many packets it takes before it fails.
    pub(crate) fails_after: Option<usize>,
}

impl Tape {
    pub(crate) fn packets(&self) -> Vec<&[u8]> {
        self.sent.iter().map(|(packet, _)| &packet[..]).collect()
    }
}

impl Link for Tape {
    type Error = ();

    fn transmit(&mut self, packet: &[u8], recipients: &Recipients<'_>) -> Result<(), ()> {
        if self.fails_after.is_some_and(|count| self.sent.len() >= count) {
            return Err(());
        }
        self.sent.push((packet.to_vec(), recipients.served().collect()));
        Ok(())
    }

    fn not_sent(&mut self, recipients: &Recipients<'_>, error: PacketError) {
        self.not_sent.push((recipients.served().collect(), error));
    }
}
