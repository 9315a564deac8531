//! Who takes part, and what sender and members agreed on before the first packet. A key server would have told them (RFC 4046).

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use xcast_sec::crypto::{AeadAlgorithm, IntegrityAlgorithm, RustCrypto};
use xcast_sec::ipsec::{
    Action, Addresses, AnySender, Directionality, FixedOutboundSad, FixedSad, FixedSpd, Inbound, ModeKind, NextLayer,
    NoAudit, Outbound, OutboundSa, PolicyEntry, PolicyId, PortSelector, Protection as Algorithms, Required,
    RoutingCoverage, Sa, SaConfig, SelectorSet, SenderWindows, Spi, Usage,
};
use xcast_sec::stack::{Member, Origin, Receiver, ReceiverPolicy, Sender, SessionConfig};
use xcast_sec::time::Instant;
use xcast_sec::wire::{BitmapPlace, CodePoints, Family, protocol};

use super::random::PublicRandom;

/// The port of the sending application, where replies go.
pub(crate) const SENDER_PORT: u16 = 4000;
/// The ports that members of sessions listen on. What goes there is protected, or does not pass.
const FIRST_PORT: u16 = 7000;
const LAST_PORT: u16 = 7099;
/// B, C and D.
pub(crate) const MEMBERS: usize = 3;
pub(crate) const NAMES: [&str; MEMBERS] = ["B", "C", "D"];

const POLICY: PolicyId = PolicyId::new(1);
const INTEGRITY: IntegrityAlgorithm = IntegrityAlgorithm::HmacSha2_256_128;
/// The link of A is number 0, those of the members follow.
const SUBNETS: u8 = 16;

pub(crate) type MemberReceiver =
    Receiver<FixedSad<RustCrypto, 2>, SenderWindows<4, 1>, FixedSpd<3>, AnySender, NoAudit>;
pub(crate) type GroupSender = Sender<FixedOutboundSad<RustCrypto, 2>, FixedSpd<3>, NoAudit>;
pub(crate) type Session = xcast_sec::stack::Session<MEMBERS>;

/// How the packets of a run are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    /// In the clear, with X=0: routers make ordinary packets of it, and members need nothing but smoltcp.
    None,
    Esp,
    AhEsp,
}

impl Protection {
    pub(crate) const ALL: [Self; 3] = [Self::None, Self::Esp, Self::AhEsp];
}

/// One run of the example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) family: Family,
    pub(crate) protection: Protection,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.family {
            Family::V4 => "IPv4, ",
            Family::V6 => "IPv6, ",
        })?;
        f.write_str(match self.protection {
            Protection::None => "in the clear",
            Protection::Esp => "ESP",
            Protection::AhEsp => "AH around ESP",
        })
    }
}

/// The time by smoltcp's clock, as this library takes it.
pub(crate) fn to_ours(now: smoltcp::time::Instant) -> Instant {
    Instant::from_micros(u64::try_from(now.total_micros()).unwrap_or(0))
}

/// The address of the host, or of the router, on the link of this number. Out of the ranges for documentation (RFC 5737,
/// RFC 3849).
fn on_link(family: Family, link: u8, host: u8) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(192, 0, 2, link * SUBNETS + host).into(),
        Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0, link.into(), 0, 0, 0, host.into()).into(),
    }
}

pub(crate) fn gateway(family: Family, link: u8) -> IpAddr {
    on_link(family, link, 1)
}

pub(crate) fn host(family: Family, link: u8) -> IpAddr {
    on_link(family, link, 2)
}

/// The length of the prefix of each link.
pub(crate) fn prefix_len(family: Family) -> u8 {
    match family {
        Family::V4 => 28,
        Family::V6 => 64,
    }
}

/// The network of a link.
pub(crate) fn network(family: Family, link: u8) -> IpAddr {
    on_link(family, link, 0)
}

/// The port that the member at this place listens on: each another one.
pub(crate) fn member_port(index: usize) -> u16 {
    FIRST_PORT + 1 + u16::try_from(index).expect("there are few")
}

/// All that is agreed for one run.
pub(crate) struct Agreement {
    pub(crate) run: Run,
    pub(crate) code_points: CodePoints,
    ah_key: [u8; 32],
    esp_key: [u8; 36],
    /// For initialization vectors.
    pub(crate) random: PublicRandom,
}

impl Agreement {
    pub(crate) fn new(run: Run) -> Self {
        let mut random = PublicRandom::new(0x5e);
        let (ah_key, esp_key) = (random.array(), random.array());
        Self { run, code_points: CodePoints::rfc4727_experiment(), ah_key, esp_key, random }
    }

    pub(crate) fn sender_address(&self) -> IpAddr {
        host(self.run.family, 0)
    }

    pub(crate) fn member_address(&self, index: usize) -> IpAddr {
        host(self.run.family, u8::try_from(index + 1).expect("there are few"))
    }

    /// Whom A speaks to.
    pub(crate) fn session(&self) -> Result<Session, Box<dyn Error>> {
        let mut config = SessionConfig::new(Origin::without_channel(self.sender_address()));
        config.bitmap = self.bitmap();
        let mut session = Session::new(config)?;
        for index in 0..MEMBERS {
            let port = Some(member_port(index));
            session.add(Member { port, ..Member::new(self.member_address(index)) })?;
        }
        Ok(session)
    }

    /// The sending end.
    pub(crate) fn sender(&self) -> Result<GroupSender, Box<dyn Error>> {
        let mut sad = FixedOutboundSad::new();
        for sa in self.associations()? {
            sad.insert(OutboundSa::new(sa, Instant::START)?).map_err(|(error, _)| error)?;
        }
        Ok(Sender::new(Outbound::new(sad, self.policy()?, NoAudit), self.code_points))
    }

    /// The receiving end.
    pub(crate) fn receiver(&self) -> Result<MemberReceiver, Box<dyn Error>> {
        let mut sad = FixedSad::new();
        for sa in self.associations()? {
            sad.insert(sa, Usage::new(Instant::START)).map_err(|(error, _)| error)?;
        }
        let windows = SenderWindows::new(64).ok_or("window size")?;
        let inbound = Inbound::new(sad, windows, self.policy()?, AnySender, NoAudit);
        Ok(Receiver::new(inbound, self.code_points, ReceiverPolicy::default()))
    }

    /// AH covers the Xcast header if the bitmap stands apart from it.
    fn bitmap(&self) -> BitmapPlace {
        if self.run.protection == Protection::AhEsp { BitmapPlace::Option } else { BitmapPlace::Header }
    }

    /// What goes to the ports of sessions is protected, whether it comes as Xcast or as an ordinary packet; all else passes
    /// as it is.
    ///
    /// Of a packet to the group the members' ports are the remote ones (RFC 5374 §4.1.1), of an ordinary one that comes in the
    /// local ones. Replies go out in the clear, as the second entry is not for what is sent.
    fn policy(&self) -> Result<FixedSpd<3>, Box<dyn Error>> {
        let transport = ModeKind::Transport;
        let action = match self.run.protection {
            Protection::None => Action::Bypass,
            Protection::Esp => Action::Protect { policy: POLICY, required: Required::Esp(transport) },
            Protection::AhEsp => Action::Protect { policy: POLICY, required: Required::AhAroundEsp { esp: transport } },
        };
        let ports = PortSelector::Range { first: FIRST_PORT, last: LAST_PORT };
        let udp = |local, remote| SelectorSet {
            local: Addresses::Any,
            remote: Addresses::Any,
            next_layer: NextLayer::Ports { protocol: protocol::UDP, local, remote },
        };
        let mut policy = FixedSpd::new();
        for (directionality, selectors, action) in [
            (Directionality::Symmetric, udp(PortSelector::Any, ports), action),
            (Directionality::ReceiverOnly, udp(ports, PortSelector::Any), action),
            (Directionality::Symmetric, SelectorSet::ANY, Action::Bypass),
        ] {
            policy.push(PolicyEntry { directionality, selectors, action })?;
        }
        Ok(policy)
    }

    /// From A to the group, the outermost first.
    fn associations(&self) -> Result<Vec<Sa<RustCrypto>>, Box<dyn Error>> {
        let coverage = RoutingCoverage::Covered;
        let ah = Algorithms::Ah { integrity: INTEGRITY, key: &self.ah_key, coverage, pad_to_8: false };
        let esp = Algorithms::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key: &self.esp_key };
        let protections = match self.run.protection {
            Protection::None => vec![],
            Protection::Esp => vec![esp],
            Protection::AhEsp => vec![ah, esp],
        };
        let fields = self.code_points.fields();
        let group: IpAddr = match self.run.family {
            Family::V4 => fields.routers_v4.into(),
            Family::V6 => fields.routers_v6.into(),
        };
        let made = protections.into_iter().zip(0x1000..).map(|(protection, spi)| {
            let spi = Spi::new(spi).ok_or("reserved")?;
            let (source, destination) = (Some(self.sender_address()), Some(group));
            let config = SaConfig { source, destination, policy: Some(POLICY), ..SaConfig::new(spi, protection) };
            Ok(Sa::new(&config, &mut RustCrypto)?)
        });
        made.collect()
    }
}
