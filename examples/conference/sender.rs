//! Node A: builds packets and seals them.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use xcast_sec::crypto::RustCrypto;
use xcast_sec::ipsec::{FixedOutboundSad, FixedSpd, NoAudit, Outbound, OutboundError, OutboundSa, PacketBuf};
use xcast_sec::time::Instant;
use xcast_sec::wire::{CodePoints, DestinationSet, Destinations, Ipv4Repr, Ipv6Repr, UdpRepr, XcastRepr, protocol};

use super::random::PublicRandom;
use super::run::Protection;
use super::session::Session;

/// The port that the conference's voice is sent from and to.
pub(crate) const PORT: u16 = 5004;

/// High enough for the longest chain.
const HOP_LIMIT: u8 = 255;

/// Room for AH and the ESP header in front of what they protect, so that sealing need not move the payload.
const HEADROOM: usize = 64;
/// Room for ESP's padding, trailer and ICV.
const TAILROOM: usize = 64;

/// The sending end of a session.
pub(crate) struct Sender<'s> {
    session: &'s Session,
    seal: Seal,
}

impl<'s> Sender<'s> {
    pub(crate) fn new(session: &'s Session, random: PublicRandom) -> Result<Self, Box<dyn Error>> {
        Ok(Self { session, seal: Seal::new(session, session.routers(), random)? })
    }

    /// One Xcast packet to all members, as it leaves A.
    pub(crate) fn send(&mut self, frame: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
        let Session { run, code_points, sender, members, .. } = self.session;
        // An Xcast header lists addresses of one family; the other list stays empty.
        let v4: Vec<Ipv4Addr> = members.iter().filter_map(|&address| in_v4(address)).collect();
        let v6: Vec<Ipv6Addr> = members.iter().filter_map(|&address| in_v6(address)).collect();
        let repr = XcastRepr {
            destinations: match *sender {
                IpAddr::V4(source) => Destinations::V4 { source, channel: [0; 4], addresses: &v4 },
                IpAddr::V6(source) => Destinations::V6 { source, channel: [0; 16], addresses: &v6 },
            },
            bits: DestinationSet::first_n(members.len()),
            dscps: None,
            ports: None,
            anonymous: false,
            // A unicast packet has other octets than the ones that were sealed. Sealing would set the bit by itself.
            no_x2u: run.protection != Protection::None,
            bitmap: run.bitmap_place(),
            hop_limit: HOP_LIMIT,
            next_protocol: protocol::UDP,
        };
        let datagram = UdpRepr { source_port: PORT, destination_port: PORT, payload: frame };
        let mut packet = vec![0; repr.encoded_len(datagram.encoded_len())];
        let payload = repr.emit(code_points, datagram.encoded_len(), &mut packet)?;
        // The checksum is for the destination that the packet has now. A router that makes it unicast adapts it.
        datagram.emit(*sender, self.session.routers(), payload)?;
        Ok(self.seal.seal(packet, Some(code_points))?)
    }
}

/// The same datagram in an ordinary packet to one member, protected the same way: what Xcast is compared with.
pub(crate) fn unicast(
    session: &Session,
    member: IpAddr,
    frame: &[u8],
    random: PublicRandom,
) -> Result<Vec<u8>, Box<dyn Error>> {
    let datagram = UdpRepr { source_port: PORT, destination_port: PORT, payload: frame };
    let payload_len = datagram.encoded_len();
    let mut packet = Vec::new();
    let header_len = match (session.sender, member) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let (ttl, protocol) = (HOP_LIMIT, protocol::UDP);
            let repr = Ipv4Repr { tos: 0, ttl, protocol, source, destination, options_len: 0, payload_len };
            packet.resize(repr.encoded_len() + payload_len, 0);
            repr.emit(&mut packet)?;
            repr.encoded_len()
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let (hop_limit, next_header) = (HOP_LIMIT, protocol::UDP);
            let repr = Ipv6Repr { traffic_class: 0, hop_limit, next_header, source, destination, payload_len };
            packet.resize(xcast_sec::wire::ipv6::HEADER_LEN + payload_len, 0);
            repr.emit(&mut packet)?;
            xcast_sec::wire::ipv6::HEADER_LEN
        }
        _ => return Err("sender and member are of different families".into()),
    };
    datagram.emit(session.sender, member, &mut packet[header_len..])?;
    Ok(Seal::new(session, member, random)?.seal(packet, None)?)
}

/// The outbound associations, and the policy that says which of them a packet needs.
struct Seal {
    outbound: Outbound<FixedOutboundSad<RustCrypto, 2>, FixedSpd<1>, NoAudit>,
    /// For initialization vectors.
    random: PublicRandom,
}

impl Seal {
    fn new(session: &Session, destination: IpAddr, random: PublicRandom) -> Result<Self, Box<dyn Error>> {
        let mut sad = FixedOutboundSad::new();
        for sa in [session.ah(destination)?, session.esp(destination)?].into_iter().flatten() {
            sad.insert(OutboundSa::new(sa, Instant::START)?).expect("there is room for two associations");
        }
        Ok(Self { outbound: Outbound::new(sad, session.policy(), NoAudit), random })
    }

    fn seal(&mut self, packet: Vec<u8>, code_points: Option<&CodePoints>) -> Result<Vec<u8>, OutboundError> {
        let mut storage = vec![0; HEADROOM + packet.len() + TAILROOM];
        let range = HEADROOM..HEADROOM + packet.len();
        storage[range.clone()].copy_from_slice(&packet);
        let mut packet = PacketBuf::new(&mut storage, range).expect("the range lies in the storage");
        self.outbound.process(&mut RustCrypto, &mut self.random, code_points, Instant::START, &mut packet)?;
        Ok(packet.as_octets().to_vec())
    }
}

fn in_v4(address: IpAddr) -> Option<Ipv4Addr> {
    if let IpAddr::V4(address) = address { Some(address) } else { None }
}

fn in_v6(address: IpAddr) -> Option<Ipv6Addr> {
    if let IpAddr::V6(address) = address { Some(address) } else { None }
}
