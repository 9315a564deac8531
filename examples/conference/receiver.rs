//! Nodes B, C, D …: take packets that are theirs, open them, and refuse what is wrong.

use std::fmt;
use std::net::IpAddr;

use xcast_sec::crypto::RustCrypto;
use xcast_sec::ipsec::{
    AnySender, FixedSad, FixedSpd, Inbound, InboundError, NoAudit, PacketBuf, SaError, SenderWindows, Usage,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{
    ChecksumPolicy, CodePoints, IpHeader, ParseError, ParseErrorKind, UdpDatagram, XcastPacket, protocol,
};

use super::sender::PORT;
use super::session::Session;

/// Sequence numbers that may arrive out of order.
const WINDOW: u32 = 64;

/// What an application gets to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// Who sent it, as the packet says; true as far as the protection goes.
    pub(crate) source: IpAddr,
    pub(crate) frame: Vec<u8>,
}

/// Why a packet was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Unreadable(ParseError),
    /// Neither addressed to this member, nor with its bit set.
    NotForThisMember,
    /// AH or ESP says no, or the packet is not protected by what the session agreed on.
    Ipsec(InboundError),
    /// Nothing that this member listens for.
    NoListener,
    UdpChecksum,
}

impl From<ParseError> for Refused {
    fn from(error: ParseError) -> Self {
        Self::Unreadable(error)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => error.fmt(f),
            Self::NotForThisMember => f.write_str("not for this member"),
            Self::Ipsec(error) => error.fmt(f),
            Self::NoListener => f.write_str("nobody listens for it"),
            Self::UdpChecksum => f.write_str("wrong UDP checksum"),
        }
    }
}

/// The receiving end of a session.
pub(crate) struct Receiver {
    address: IpAddr,
    code_points: CodePoints,
    /// Opens what is protected and sees to it that nothing is missing (RFC 4301 §5.2).
    inbound: Inbound<FixedSad<RustCrypto, 2>, SenderWindows, FixedSpd<1>, AnySender, NoAudit>,
}

impl Receiver {
    pub(crate) fn new(session: &Session, address: IpAddr) -> Result<Self, SaError> {
        let mut sad = FixedSad::new();
        for sa in [session.ah(session.routers())?, session.esp(session.routers())?].into_iter().flatten() {
            sad.insert(sa, Usage::new(Instant::START)).expect("there is room for two associations");
        }
        let windows = SenderWindows::new(WINDOW).expect("the table allows windows of this size");
        let inbound = Inbound::new(sad, windows, session.policy(), AnySender, NoAudit);
        Ok(Self { address, code_points: session.code_points, inbound })
    }

    /// Takes a packet from the link.
    pub(crate) fn receive(&mut self, packet: &[u8]) -> Result<Delivery, Refused> {
        // A look that costs little, before any cryptography.
        self.read(packet)?;
        let mut storage = packet.to_vec();
        let len = storage.len();
        let mut packet = PacketBuf::new(&mut storage, 0..len).expect("the range is all of the storage");
        self.inbound
            .process(&mut RustCrypto, Some(&self.code_points), Instant::START, &mut packet)
            .map_err(Refused::Ipsec)?;
        // Once more: only now is the header what its sender wrote, as far as AH covers it, and the payload readable.
        let Arrived { source, destination, next_protocol, payload } = self.read(packet.as_octets())?;
        if next_protocol != protocol::UDP {
            return Err(Refused::NoListener);
        }
        let datagram = UdpDatagram::parse(payload)?;
        if !datagram.checksum_ok(source, destination) {
            return Err(Refused::UdpChecksum);
        }
        if datagram.destination_port() != PORT {
            return Err(Refused::NoListener);
        }
        Ok(Delivery { source, frame: datagram.payload().to_vec() })
    }

    /// Reads an Xcast packet with this member's bit set, or an ordinary one to its address: what X2U made.
    fn read<'p>(&self, packet: &'p [u8]) -> Result<Arrived<'p>, Refused> {
        match XcastPacket::parse(packet, &self.code_points, ChecksumPolicy::Verify) {
            Ok(xcast) => {
                let mut served = xcast.bits().iter();
                if !served.any(|index| xcast.destination(index) == Some(self.address)) {
                    return Err(Refused::NotForThisMember);
                }
                Ok(Arrived {
                    source: xcast.ip().source(),
                    destination: xcast.ip().destination(),
                    next_protocol: xcast.next_protocol(),
                    payload: xcast.payload(),
                })
            }
            Err(error) if error.kind() == ParseErrorKind::NotXcast => {
                let (ip, payload) = IpHeader::split(packet)?;
                if ip.destination() != self.address {
                    return Err(Refused::NotForThisMember);
                }
                Ok(Arrived {
                    source: ip.source(),
                    destination: ip.destination(),
                    next_protocol: ip.next_header(),
                    payload,
                })
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// A packet that is for this member.
struct Arrived<'p> {
    source: IpAddr,
    destination: IpAddr,
    next_protocol: u8,
    payload: &'p [u8],
}
