//! What must hold for every copy that a router hands out, whatever it was given.

use xcast_sec::forward::{CopyKind, Egress, PacketCopy};
use xcast_sec::wire::xcast6_v2::{CodePointsV2, PacketV2};
use xcast_sec::wire::{ChecksumPolicy, CodePoints, DestinationSet, Encapsulated, IpHeader, XcastPacket};

/// The format of the packet that the copies are of.
#[derive(Clone, Copy)]
#[allow(dead_code, reason = "each of two checks has one of them")]
pub(crate) enum Format {
    Rfc5058(ChecksumPolicy),
    V2,
}

/// Looks at every copy. A finding panics.
pub(crate) struct Inspector {
    pub(crate) format: Format,
    /// The hop limits, inner and outer, of the packet.
    pub(crate) hop_limits: (u8, u8),
    /// Whether copies have the hop limit that the packet has.
    pub(crate) own: bool,
    pub(crate) served: DestinationSet,
    pub(crate) copies: usize,
}

impl Inspector {
    pub(crate) fn new(format: Format, hop_limits: (u8, u8), own: bool) -> Self {
        Self { format, hop_limits, own, served: DestinationSet::EMPTY, copies: 0 }
    }

    fn check(&self, whole: &[u8], copy: &PacketCopy<'_>) {
        let code_points = CodePoints::rfc4727_experiment();
        let (inner, outer) = self.hop_limits;
        let limit = ip(whole).hop_limit();
        let hop = |limit: u8| if self.own { limit } else { limit.saturating_sub(1) };
        match (self.format, copy.kind()) {
            (Format::V2, CopyKind::Xcast) => {
                let read = PacketV2::parse(whole, &CodePointsV2::xcast_jp_deployment()).expect("an XCAST6 2.0 packet");
                assert_eq!((read.bits(), limit), (copy.destinations(), outer - 1));
            }
            (Format::V2, kind) => {
                assert_eq!((kind, limit), (CopyKind::Unicast, outer - 1));
                assert!(PacketV2::parse(whole, &CodePointsV2::xcast_jp_deployment()).is_err(), "nothing of it is left");
            }
            (Format::Rfc5058(_), CopyKind::Unicast) => {
                assert_eq!(copy.destinations().len(), 1);
                let read = XcastPacket::parse(whole, &code_points, ChecksumPolicy::Ignore);
                assert!(read.is_err(), "nothing of Xcast is left");
                assert!(limit > 0 && limit <= hop(inner), "no hop is gained");
            }
            (Format::Rfc5058(checksum), CopyKind::Xcast) => {
                let read = XcastPacket::parse(whole, &code_points, checksum).expect("an Xcast packet");
                assert_eq!((read.bits(), limit), (copy.destinations(), hop(inner)));
            }
            (Format::Rfc5058(checksum), kind) => {
                let tunnel = Encapsulated::parse(whole, &code_points).expect("sound").expect("a packet in a packet");
                assert_eq!(tunnel.is_semi_permeable(), kind == CopyKind::SemiPermeable);
                let read = XcastPacket::parse(tunnel.inner(), &code_points, checksum).expect("an Xcast packet");
                assert_eq!(read.bits(), copy.destinations());
                let counted = read.ip().hop_limit() == hop(inner);
                assert!(counted || (read.ip().hop_limit(), limit) == (inner, outer - 1), "one of them counts the hop");
            }
        }
    }
}

fn ip(packet: &[u8]) -> IpHeader<'_> {
    let (ip, _) = IpHeader::split(packet).expect("an IP packet");
    assert_eq!(ip.packet_len(), packet.len());
    if let IpHeader::V4(header) = ip {
        assert!(header.checksum_ok());
    }
    ip
}

impl Egress<u8> for Inspector {
    type Error = ();

    fn transmit(&mut self, _: u8, copy: &PacketCopy<'_>) -> Result<(), ()> {
        let mut whole = vec![0xa5; copy.len()];
        assert_eq!(copy.emit(&mut whole), Ok(copy.len()));
        let mut header = vec![0x5a; copy.header_len()];
        assert_eq!(copy.emit_header(&mut header), Ok(copy.header_len()));
        assert_eq!([&header, copy.payload()].concat(), whole, "both ways of writing give the same octets");
        assert!(copy.emit(&mut vec![0; copy.len() - 1]).is_err());
        self.check(&whole, copy);
        assert!(!copy.destinations().is_empty());
        assert!(self.served.intersection(copy.destinations()).is_empty(), "nobody is served twice");
        self.served = self.served.union(copy.destinations());
        self.copies += 1;
        Ok(())
    }
}
