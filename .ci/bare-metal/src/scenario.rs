//! Sessions, both ends and a router, as the programs use them.

use core::net::IpAddr;

use xcast_sec::crypto::{AeadAlgorithm, CipherAlgorithm, CryptoProvider, IntegrityAlgorithm};
use xcast_sec::forward::{FnEgress, PacketCopy, Prefix, Route, RouteLookup, RouteTable, Router, RouterPolicy};
use xcast_sec::ipsec::{
    Action, AnySender, Directionality, FixedOutboundSad, FixedSad, FixedSpd, Inbound, ModeKind, NoAudit, Outbound,
    OutboundSa, PolicyEntry, PolicyId, Protection, Required, RoutingCoverage, Sa, SaConfig, SelectorSet, SenderWindows,
    Spi, Usage,
};
use xcast_sec::stack::{Member, Origin, Receiver, ReceiverPolicy, Sender, Session, SessionConfig};
use xcast_sec::time::Instant;
use xcast_sec::wire::{BitmapPlace, CodePoints, Family};

/// What the payload of a voice packet has.
pub const PAYLOAD: [u8; 160] = [0x5C; 160];
pub const NOW: Instant = Instant::from_secs(1_000_000);
pub const PORT: u16 = 5004;
/// Room for associations at each end. With two, the tests do not fit into the 16 kB of RAM of the Cortex-M0.
pub const ASSOCIATIONS: usize = if cfg!(target_abi = "eabihf") { 2 } else { 1 };
const POLICY: PolicyId = PolicyId::new(7);

pub fn code_points() -> CodePoints {
    CodePoints::rfc4727_experiment()
}

/// All_Xcast_Routers.
pub fn group(family: Family) -> IpAddr {
    match family {
        Family::V4 => code_points().fields().routers_v4.into(),
        Family::V6 => code_points().fields().routers_v6.into(),
    }
}

pub fn source(family: Family) -> IpAddr {
    match family {
        Family::V4 => [192, 0, 2, 1].into(),
        Family::V6 => [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(),
    }
}

/// The address of member `index`.
pub fn member(family: Family, index: u8) -> IpAddr {
    match family {
        Family::V4 => [198, 18, 0, index].into(),
        Family::V6 => [0x2001, 0xdb8, 1, 2, 3, 4, 5, index.into()].into(),
    }
}

/// A session of `count` members; `None` if there is no room.
pub fn session<const N: usize>(family: Family, place: BitmapPlace, count: u8) -> Option<Session<N>> {
    let mut config = SessionConfig::new(Origin::without_channel(source(family)));
    config.bitmap = place;
    let mut session = Session::new(config).ok()?;
    for index in 1..=count {
        session.add(Member::new(member(family, index))).ok()?;
    }
    Some(session)
}

/// How packets are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shield {
    Clear,
    EspGcm,
    EspChaCha,
    EspCbcSha1,
    EspCbcSha256,
    AhSha1,
    AhSha256,
    AhEspGcm,
}

impl Shield {
    const ALL: [Self; 8] = [
        Self::Clear,
        Self::EspGcm,
        Self::EspChaCha,
        Self::EspCbcSha1,
        Self::EspCbcSha256,
        Self::AhSha1,
        Self::AhSha256,
        Self::AhEspGcm,
    ];

    /// Those that there is room for.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|shield| shield.protections().iter().flatten().count() <= ASSOCIATIONS)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Clear => "no protection",
            Self::EspGcm => "ESP, AES-GCM-16",
            Self::EspChaCha => "ESP, ChaCha20-Poly1305",
            Self::EspCbcSha1 => "ESP, AES-CBC, HMAC-SHA1-96",
            Self::EspCbcSha256 => "ESP, AES-CBC, HMAC-SHA2-256-128",
            Self::AhSha1 => "AH, HMAC-SHA1-96",
            Self::AhSha256 => "AH, HMAC-SHA2-256-128",
            Self::AhEspGcm => "AH around ESP, HMAC-SHA2-256-128, AES-GCM-16",
        }
    }

    /// Where the bitmap goes: AH over IPv4 stands only if it is separated.
    pub const fn place(self, family: Family) -> BitmapPlace {
        match (self, family) {
            (Self::AhSha1 | Self::AhSha256 | Self::AhEspGcm, Family::V4) => BitmapPlace::Option,
            _ => BitmapPlace::Header,
        }
    }

    fn action(self) -> Action {
        let transport = ModeKind::Transport;
        let required = match self {
            Self::Clear => return Action::Bypass,
            Self::EspGcm | Self::EspChaCha | Self::EspCbcSha1 | Self::EspCbcSha256 => Required::Esp(transport),
            Self::AhSha1 | Self::AhSha256 => Required::Ah(transport),
            Self::AhEspGcm => Required::AhAroundEsp { esp: transport },
        };
        Action::Protect { policy: POLICY, required }
    }

    fn policy(self) -> FixedSpd<1> {
        let mut spd = FixedSpd::new();
        let directionality = Directionality::Symmetric;
        // There is room for one.
        let _ = spd.push(PolicyEntry { directionality, selectors: SelectorSet::ANY, action: self.action() });
        spd
    }

    /// What its associations do, outermost first.
    pub const fn protections(self) -> [Option<Protection<'static>>; 2] {
        match self {
            Self::Clear => [None, None],
            Self::EspGcm => [Some(GCM), None],
            Self::EspChaCha => [Some(CHACHA), None],
            Self::EspCbcSha1 => [Some(cbc(SHA1)), None],
            Self::EspCbcSha256 => [Some(cbc(SHA256)), None],
            Self::AhSha1 => [Some(ah(SHA1)), None],
            Self::AhSha256 => [Some(ah(SHA256)), None],
            Self::AhEspGcm => [Some(ah(SHA256)), Some(GCM)],
        }
    }
}

type Keyed = (IntegrityAlgorithm, &'static [u8]);
const SHA1: Keyed = (IntegrityAlgorithm::HmacSha1_96, &[0x51; 20]);
const SHA256: Keyed = (IntegrityAlgorithm::HmacSha2_256_128, &[0x52; 32]);
const GCM: Protection<'_> = Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key: &[0x6C; 20] };
const CHACHA: Protection<'_> = Protection::EspCombined { algorithm: AeadAlgorithm::ChaCha20Poly1305, key: &[0x7C; 36] };

const fn cbc(integrity: Keyed) -> Protection<'static> {
    Protection::Esp { cipher: CipherAlgorithm::AesCbc, cipher_key: &[0xCB; 16], integrity: Some(integrity) }
}

const fn ah((integrity, key): Keyed) -> Protection<'static> {
    Protection::Ah { integrity, key, coverage: RoutingCoverage::FieldsZeroed, pad_to_8: false }
}

/// The association of one protection.
pub fn association<P: CryptoProvider>(
    protection: Protection<'_>,
    family: Family,
    spi: u32,
    crypto: &mut P,
) -> Option<Sa<P>> {
    let config = SaConfig {
        policy: Some(POLICY),
        source: Some(source(family)),
        destination: Some(group(family)),
        ..SaConfig::new(Spi::new(spi)?, protection)
    };
    Sa::new(&config, crypto).ok()
}

pub type TestSender<P> = Sender<FixedOutboundSad<P, ASSOCIATIONS>, FixedSpd<1>, NoAudit>;

/// A sender that protects so.
pub fn sender<P: CryptoProvider + Default>(shield: Shield, family: Family) -> Option<TestSender<P>> {
    let mut sad = FixedOutboundSad::new();
    for (protection, spi) in shield.protections().into_iter().flatten().zip(0x1000..) {
        let sa = association(protection, family, spi, &mut P::default())?;
        sad.insert(OutboundSa::new(sa, NOW).ok()?).ok()?;
    }
    Some(Sender::new(Outbound::new(sad, shield.policy(), NoAudit), code_points()))
}

pub type TestReceiver<P> = Receiver<FixedSad<P, ASSOCIATIONS>, SenderWindows<2, 1>, FixedSpd<1>, AnySender, NoAudit>;

/// A receiver that takes what is protected so.
pub fn receiver<P: CryptoProvider + Default>(shield: Shield, family: Family) -> Option<TestReceiver<P>> {
    let mut sad = FixedSad::new();
    for (protection, spi) in shield.protections().into_iter().flatten().zip(0x1000..) {
        let sa = association(protection, family, spi, &mut P::default())?;
        sad.insert(sa, Usage::new(NOW)).ok()?;
    }
    let inbound = Inbound::new(sad, SenderWindows::new(64)?, shield.policy(), AnySender, NoAudit);
    Some(Receiver::new(inbound, code_points(), ReceiverPolicy::default()))
}

/// A router with the default policy.
pub fn router() -> Router {
    Router::new(code_points(), RouterPolicy::default())
}

/// Members 1 and 2 behind next hop 1, all others behind next hop 2.
pub fn routes(family: Family) -> Option<RouteTable<u8, 4>> {
    let mut routes = RouteTable::new();
    let everywhere = match family {
        Family::V4 => IpAddr::from([0; 4]),
        Family::V6 => IpAddr::from([0; 16]),
    };
    let to = |next_hop| Route { next_hop, xcast_capable: true, mtu: 1500 };
    routes.insert_route(Prefix::new(everywhere, 0).ok()?, to(2)).ok()?;
    for index in 1..=2 {
        routes.insert_route(Prefix::host(member(family, index)), to(1)).ok()?;
    }
    Some(routes)
}

/// Every address behind a next hop of its own.
#[derive(Debug)]
pub struct Spread;

impl RouteLookup for Spread {
    type NextHop = u8;

    fn is_local(&self, _: IpAddr) -> bool {
        false
    }

    fn route(&self, destination: IpAddr) -> Option<Route<u8>> {
        let next_hop = match destination {
            IpAddr::V4(address) => address.octets()[3],
            IpAddr::V6(address) => address.octets()[15],
        };
        Some(Route { next_hop, xcast_capable: true, mtu: 1500 })
    }
}

/// What a router sends: how many copies, and the one for next hop 1 in `copy`, whose length comes out.
pub fn forward<R: RouteLookup<NextHop = u8>>(
    router: &mut Router,
    routes: &R,
    packet: &[u8],
    copy: &mut [u8],
) -> Option<(usize, usize)> {
    let mut len = 0;
    let mut egress = FnEgress(|next_hop: u8, sent: &PacketCopy<'_>| {
        if next_hop == 1 {
            len = sent.emit(copy)?;
        }
        Ok::<(), xcast_sec::wire::EmitError>(())
    });
    let outcome = router.forward(NOW, None, packet, routes, &mut egress).ok()?;
    Some((outcome.copies, len))
}
