//! A protected packet before anything of it is believed, and what opening AH and ESP have in common.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::crypto::CryptoProvider;
use crate::ipsec::Spi;
use crate::ipsec::association::config::{Mode, SecurityProtocol};
use crate::ipsec::association::outer::OuterHeader;
use crate::ipsec::association::sa::Sa;
use crate::ipsec::association::sad::SadLookup;
use crate::ipsec::packet::buffer::PacketBuf;
use crate::ipsec::packet::construction::{Refusal, Unfit, as_xcast_behind};
use crate::ipsec::packet::error::OpenError;
use crate::ipsec::packet::placement::{Place, ah_at, find_protection};
use crate::ipsec::replay::senders::{ReplayStore, SenderKey};
use crate::ipsec::replay::window::{ReplayError, Unverified};
use crate::wire::{CodePoints, EspHeader, Family, IpHeader, PlainV4, XcastPacket, ah, leave_tunnel, protocol, set_ecn};

/// What an AH or ESP header says, whether or not there can be such an association.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    pub(crate) protocol: SecurityProtocol,
    pub(crate) spi: u32,
    pub(crate) sequence: u32,
}

impl Claim {
    /// Reads the header at `place`.
    #[inline(always)]
    pub(crate) fn at(packet: &[u8], place: &Place) -> Result<Self, OpenError> {
        let packet = packet.get(..place.packet_len).unwrap_or(packet);
        match place.next_header {
            protocol::AH => {
                let header = ah_at(packet, place)?;
                Ok(Self { protocol: SecurityProtocol::Ah, spi: header.spi(), sequence: header.sequence() })
            }
            protocol::ESP => {
                let octets = packet.get(place.at..).unwrap_or(&[]);
                let (header, _) = EspHeader::split(octets).map_err(|error| error.shifted(place.at))?;
                let EspHeader { spi, sequence } = header;
                Ok(Self { protocol: SecurityProtocol::Esp, spi, sequence })
            }
            _ => Err(OpenError::NotProtected),
        }
    }

    /// Reads the header at `place` of a fragment, which need not hold all of it.
    pub(crate) fn glimpse(fragment: &[u8], place: &Place) -> Option<Self> {
        let (protocol, at) = match place.next_header {
            protocol::AH => (SecurityProtocol::Ah, place.at.checked_add(ah::SPI_AT)?),
            protocol::ESP => (SecurityProtocol::Esp, place.at),
            _ => return None,
        };
        // SPI and sequence number stand side by side in both.
        let octets = fragment.get(..place.packet_len).unwrap_or(fragment);
        let (EspHeader { spi, sequence }, _) = EspHeader::split(octets.get(at..)?).ok()?;
        Some(Self { protocol, spi, sequence })
    }
}

/// The bits of an address. An [`IpAddr`] is written in two pieces, and copied as a whole right behind that: a processor waits
/// for both to reach memory.
#[derive(Clone, Copy, Debug)]
struct Address {
    upper: u64,
    lower: u64,
}

impl Address {
    #[inline(always)]
    const fn new(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self { upper: 0, lower: address.to_bits() as u64 },
            IpAddr::V6(address) => {
                let bits = address.to_bits();
                Self { upper: (bits >> 64) as u64, lower: bits as u64 }
            }
        }
    }

    #[inline(always)]
    const fn of(self, family: Family) -> IpAddr {
        match family {
            Family::V4 => IpAddr::V4(Ipv4Addr::from_bits(self.lower as u32)),
            Family::V6 => IpAddr::V6(Ipv6Addr::from_bits(((self.upper as u128) << 64) | self.lower as u128)),
        }
    }
}

/// What a packet's headers claim.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived {
    pub(crate) place: Place,
    pub(crate) protocol: SecurityProtocol,
    pub(crate) spi: Spi,
    pub(crate) sequence: u32,
    source: Address,
    destination: Address,
    /// What the IP header says that follows it.
    announced: u8,
    /// DSCP and ECN.
    traffic_class: u8,
}

impl Arrived {
    /// Reads `packet` into `room`, unless it was read before. There it stays: a processor that moves as a whole what it has just
    /// written piece by piece waits until the pieces have reached memory.
    #[inline(always)]
    pub(crate) fn read_into<'r>(
        room: &'r mut Option<Self>,
        packet: &[u8],
        code_points: Option<&CodePoints>,
    ) -> Result<&'r Self, OpenError> {
        if room.is_none() {
            if let Some(arrived) = Self::plain(packet) {
                return Ok(room.insert(arrived));
            }
            return Ok(room.insert(Self::any(packet, code_points)?));
        }
        room.as_ref().ok_or(OpenError::NotProtected)
    }

    /// Of a packet whose protection stands behind an IPv4 header without options, as most have it; `None` for all others, sound
    /// or not.
    #[inline(always)]
    fn plain(packet: &[u8]) -> Option<Self> {
        let header = PlainV4::read(packet)?;
        if header.is_fragment() {
            return None;
        }
        let place =
            Place { next_header: header.protocol(), ..Place::behind_plain_ip(Family::V4, header.total_length()) };
        let Claim { protocol, spi, sequence } = Claim::at(packet, &place).ok()?;
        let (source, destination) = (Address::new(header.source().into()), Address::new(header.destination().into()));
        let (spi, announced, traffic_class) = (Spi::new(spi)?, header.protocol(), header.tos());
        Some(Self { place, protocol, spi, sequence, source, destination, announced, traffic_class })
    }

    /// Of any packet.
    #[inline(never)]
    fn any(packet: &[u8], code_points: Option<&CodePoints>) -> Result<Self, OpenError> {
        let (ip, _) = IpHeader::split(packet)?;
        let place = find_protection(&ip, packet, code_points)?;
        let Claim { protocol, spi, sequence } = Claim::at(packet, &place)?;
        let spi = Spi::new(spi).ok_or(OpenError::ReservedSpi { spi })?;
        let (source, destination) = (Address::new(ip.source()), Address::new(ip.destination()));
        let (announced, traffic_class) = (ip.next_header(), ip.traffic_class());
        Ok(Self { place, protocol, spi, sequence, source, destination, announced, traffic_class })
    }

    /// Source address of the packet.
    #[inline(always)]
    pub(crate) const fn source(&self) -> IpAddr {
        self.source.of(self.place.family)
    }

    /// Destination address of the packet.
    #[inline(always)]
    pub(crate) const fn destination(&self) -> IpAddr {
        self.destination.of(self.place.family)
    }

    pub(crate) fn find_sa<'s, P, S>(&self, sad: &'s S) -> Result<&'s Sa<P>, OpenError>
    where
        P: CryptoProvider,
        S: SadLookup<P> + ?Sized,
    {
        let found = sad.lookup(self.protocol, self.spi, self.destination(), self.source());
        found.ok_or(OpenError::NoSa { spi: self.spi })
    }

    #[inline(always)]
    pub(crate) fn check_sequence<'r, P, R>(
        &self,
        sa: &Sa<P>,
        place: Option<usize>,
        replay: &'r mut R,
    ) -> Result<Unverified<'r>, ReplayError>
    where
        P: CryptoProvider,
        R: ReplayStore + ?Sized,
    {
        match place {
            Some(place) => replay.check_at(place, self.sender(sa), self.sequence, sa.esn()),
            None => self.look_up(sa, replay),
        }
    }

    /// The same where it is not known where the window is.
    #[inline(never)]
    fn look_up<'r, P, R>(&self, sa: &Sa<P>, replay: &'r mut R) -> Result<Unverified<'r>, ReplayError>
    where
        P: CryptoProvider,
        R: ReplayStore + ?Sized,
    {
        replay.check(self.sender(sa), self.sequence, sa.esn())
    }

    /// The number of a packet that its window would take, and where that is.
    #[inline(never)]
    pub(crate) fn expected<P, R>(&self, sa: &Sa<P>, replay: &mut R) -> Option<(u64, Option<usize>)>
    where
        P: CryptoProvider,
        R: ReplayStore + ?Sized,
    {
        let place = replay.place(&self.sender(sa));
        let unverified = self.check_sequence(sa, place, replay).ok()?;
        Some((unverified.number(), place))
    }

    /// The packet as an Xcast packet, or `None` if it is none.
    #[inline(always)]
    pub(crate) fn as_xcast<'p>(
        &self,
        packet: &'p [u8],
        code_points: Option<&CodePoints>,
    ) -> Result<Option<XcastPacket<'p>>, Unfit> {
        as_xcast_behind(self.place.family, self.announced, packet, code_points)
    }

    pub(crate) const fn sender<P: CryptoProvider>(&self, sa: &Sa<P>) -> SenderKey {
        SenderKey { sa: sa.id(), source: self.source() }
    }

    /// Whether `inner` starts with a whole packet of the version that `next_header` announces, with the addresses that may come
    /// out of the tunnel. What follows it is padding.
    pub(crate) fn check_inner(&self, outer: &OuterHeader, next_header: u8, inner: &[u8]) -> Result<(), OpenError> {
        let (inner, _) = IpHeader::split(inner).map_err(|_| OpenError::Inner)?;
        if inner.family().protocol() != next_header {
            return Err(OpenError::Inner);
        }
        if !outer.preserves(self.source(), self.destination(), &inner) {
            return Err(Refusal::NotPreserved.into());
        }
        Ok(())
    }

    /// Takes the `outer_len` octets of outer headers off, and what lies behind the inner packet.
    pub(crate) fn leave_tunnel(&self, packet: &mut PacketBuf<'_>, outer_len: usize) {
        packet.cut_front(outer_len);
        let Ok((inner, _)) = IpHeader::split(packet.as_octets()) else { return };
        let (len, header_len, family) = (inner.packet_len(), inner.header_len(), inner.family());
        let ecn = inner.traffic_class() & 3;
        let new_ecn = leave_tunnel(ecn, self.traffic_class);
        packet.truncate(len);
        if new_ecn != ecn
            && let Some(header) = packet.as_mut_octets().get_mut(..header_len)
        {
            set_ecn(header, family, new_ecn);
        }
    }
}

/// X=0 is refused under transport-mode protection.
pub(crate) fn check_x2u_forbidden(mode: &Mode, xcast: &XcastPacket<'_>) -> Result<(), OpenError> {
    if *mode == Mode::Transport && !xcast.header().no_x2u() { Err(Refusal::X2uAllowed.into()) } else { Ok(()) }
}
