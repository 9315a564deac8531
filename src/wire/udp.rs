//! UDP (RFC 768), enough to build and check the payload of an Xcast packet.

use core::net::IpAddr;

use super::ip::protocol;
use super::octets::{put, u16_at};
use super::{Checksum, EmitError, ParseError, ParseErrorKind};

/// Octets of the header.
pub const HEADER_LEN: usize = 8;

const LENGTH_AT: usize = 4;
const CHECKSUM_AT: usize = 6;

/// A UDP datagram whose length is checked.
#[derive(Clone, Copy)]
pub struct UdpDatagram<'a> {
    header: &'a [u8; HEADER_LEN],
    payload: &'a [u8],
}

impl core::fmt::Debug for UdpDatagram<'_> {
    /// The payload, which may be secret, is not shown.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("UdpDatagram")
            .field("source_port", &self.source_port())
            .field("destination_port", &self.destination_port())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl<'a> UdpDatagram<'a> {
    /// Reads a datagram; octets beyond its Length are left out.
    ///
    /// # Errors
    ///
    /// - [`ParseErrorKind::Truncated`], [`ParseErrorKind::UdpLength`].
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let Some((header, behind)) = octets.split_first_chunk() else {
            return Err(ParseError::new(ParseErrorKind::Truncated, octets.len()));
        };
        let payload_len = usize::from(field(header, LENGTH_AT)).checked_sub(HEADER_LEN);
        match payload_len.and_then(|len| behind.get(..len)) {
            Some(payload) => Ok(Self { header, payload }),
            None => Err(ParseError::new(ParseErrorKind::UdpLength, LENGTH_AT)),
        }
    }

    /// Octets of the datagram, header included.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "never below 8")]
    pub const fn len(&self) -> usize {
        HEADER_LEN.saturating_add(self.payload.len())
    }

    /// Source port.
    #[must_use]
    pub fn source_port(&self) -> u16 {
        field(self.header, 0)
    }

    /// Destination port.
    #[must_use]
    pub fn destination_port(&self) -> u16 {
        field(self.header, 2)
    }

    /// What follows the header.
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Whether the checksum is right for a datagram between these addresses. 0 means that there is none, which over IPv4 is
    /// right and over IPv6 is not, even where the sum is (RFC 8200 §8.1).
    #[must_use]
    pub fn checksum_ok(&self, source: IpAddr, destination: IpAddr) -> bool {
        if field(self.header, CHECKSUM_AT) == 0 {
            return source.is_ipv4();
        }
        let sum = pseudo_header(protocol::UDP, source, destination, self.len());
        sum.add_octets(self.header).add_octets(self.payload).folded() == 0xffff
    }
}

/// The 16-bit field at `at` of a header.
fn field(header: &[u8; HEADER_LEN], at: usize) -> u16 {
    u16_at(header, at).unwrap_or(0)
}

/// A datagram to be written.
#[derive(Clone, Copy)]
#[allow(clippy::exhaustive_structs, reason = "built field by field by callers")]
pub struct UdpRepr<'a> {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// What follows the header.
    pub payload: &'a [u8],
}

impl core::fmt::Debug for UdpRepr<'_> {
    /// The payload, which may be secret, is not shown.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("UdpRepr")
            .field("source_port", &self.source_port)
            .field("destination_port", &self.destination_port)
            .field("payload_len", &self.payload.len())
            .finish()
    }
}

impl UdpRepr<'_> {
    /// Octets of the datagram.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        HEADER_LEN.saturating_add(self.payload.len())
    }

    /// Writes the datagram, its checksum for these addresses: in an Xcast packet, the sender's and All_Xcast_Routers.
    ///
    /// # Errors
    ///
    /// - [`EmitError::BufferTooSmall`], [`EmitError::PacketTooLong`].
    pub fn emit(&self, source: IpAddr, destination: IpAddr, buffer: &mut [u8]) -> Result<(), EmitError> {
        let len = self.encoded_len();
        let length = u16::try_from(len).map_err(|_| EmitError::PacketTooLong { len })?;
        let needed = EmitError::BufferTooSmall { needed: len };
        let datagram = buffer.get_mut(..len).ok_or(needed)?;
        put(datagram, 0, &self.source_port.to_be_bytes()).ok_or(needed)?;
        put(datagram, 2, &self.destination_port.to_be_bytes()).ok_or(needed)?;
        put(datagram, LENGTH_AT, &length.to_be_bytes()).ok_or(needed)?;
        put(datagram, CHECKSUM_AT, &[0, 0]).ok_or(needed)?;
        put(datagram, HEADER_LEN, self.payload).ok_or(needed)?;
        let checksum = match pseudo_header(protocol::UDP, source, destination, len).add_octets(datagram).finish() {
            // RFC 768: a computed zero is sent as all ones.
            0 => 0xffff,
            checksum => checksum,
        };
        put(datagram, CHECKSUM_AT, &checksum.to_be_bytes()).ok_or(needed)
    }
}

/// The sum over the pseudo-header of `len` octets of `number` (RFC 768, RFC 8200 §8.1).
pub(crate) fn pseudo_header(number: u8, source: IpAddr, destination: IpAddr, len: usize) -> Checksum {
    let sum = [source, destination].iter().fold(Checksum::new(), |sum, address| match address {
        IpAddr::V4(address) => sum.add_octets(&address.octets()),
        IpAddr::V6(address) => sum.add_octets(&address.octets()),
    });
    // The length of a segment is 16 bits, as that of its packet is; IPv6's 32-bit field adds only zeros.
    sum.add_u16(u16::try_from(len).unwrap_or(0)).add_u16(u16::from(number))
}
