//! What stands behind the Xcast headers: a transport segment, written where it is sent from.

use core::net::IpAddr;

use crate::wire::{EmitError, UdpRepr, protocol, udp};

/// What a transport header and its checksum depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ends {
    /// Source address.
    pub source: IpAddr,
    /// The destination address of the IP header, All_Xcast_Routers or the session's router, which the checksum is for: routers
    /// and receivers adapt it (RFC 5058 §10.1).
    pub destination: IpAddr,
    /// Whether there is a list of ports: the destination port in the transport header is then 0 (RFC 5058 §8.1).
    pub ports_listed: bool,
    /// Whether that destination is a router's (RFC 5058 §11.5).
    pub(super) to_router: bool,
}

/// A transport segment, to be written once for each packet of a session.
///
/// # Security
///
/// Asked for the same octets several times per call of [`Sender::send`](super::Sender::send), as each packet is sealed where
/// it lies. A segment that differs between packets, or whose length does, reaches members as it was written for them.
#[allow(clippy::len_without_is_empty, reason = "an empty one is of no use")]
pub trait Segment {
    /// Its protocol.
    fn protocol(&self) -> u8;

    /// Its octets' number.
    fn len(&self) -> usize;

    /// Writes it, header and checksum for `ends` included, over all of `buffer`, which has [`len`](Self::len) octets of any
    /// value.
    ///
    /// # Errors
    ///
    /// - [`EmitError`].
    fn write(&self, ends: &Ends, buffer: &mut [u8]) -> Result<(), EmitError>;
}

impl<T: Segment + ?Sized> Segment for &T {
    fn protocol(&self) -> u8 {
        (**self).protocol()
    }

    fn len(&self) -> usize {
        (**self).len()
    }

    fn write(&self, ends: &Ends, buffer: &mut [u8]) -> Result<(), EmitError> {
        (**self).write(ends, buffer)
    }
}

/// A UDP datagram.
#[derive(Clone, Copy)]
#[allow(clippy::exhaustive_structs, reason = "built field by field by callers")]
pub struct Datagram<'a> {
    /// Source port.
    pub source_port: u16,
    /// Destination port; where the session has a list of ports it is not used.
    pub destination_port: u16,
    /// What follows the header.
    pub payload: &'a [u8],
}

impl core::fmt::Debug for Datagram<'_> {
    /// The payload, which may be secret, is not shown.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Datagram")
            .field("source_port", &self.source_port)
            .field("destination_port", &self.destination_port)
            .field("payload_len", &self.payload.len())
            .finish()
    }
}

impl Segment for Datagram<'_> {
    fn protocol(&self) -> u8 {
        protocol::UDP
    }

    fn len(&self) -> usize {
        udp::HEADER_LEN.saturating_add(self.payload.len())
    }

    fn write(&self, ends: &Ends, buffer: &mut [u8]) -> Result<(), EmitError> {
        let destination_port = if ends.ports_listed { 0 } else { self.destination_port };
        let repr = UdpRepr { source_port: self.source_port, destination_port, payload: self.payload };
        repr.emit(ends.source, ends.destination, buffer)
    }
}

/// A segment of any protocol, written by a closure.
#[derive(Clone, Copy)]
#[allow(clippy::exhaustive_structs, reason = "built field by field by callers")]
pub struct FnSegment<F> {
    /// Its protocol.
    pub protocol: u8,
    /// Its octets' number.
    pub len: usize,
    /// Writes it: see [`Segment::write`].
    pub write: F,
}

impl<F> core::fmt::Debug for FnSegment<F> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("FnSegment").field("protocol", &self.protocol).field("len", &self.len).finish_non_exhaustive()
    }
}

impl<F: Fn(&Ends, &mut [u8]) -> Result<(), EmitError>> Segment for FnSegment<F> {
    fn protocol(&self) -> u8 {
        self.protocol
    }

    fn len(&self) -> usize {
        self.len
    }

    fn write(&self, ends: &Ends, buffer: &mut [u8]) -> Result<(), EmitError> {
        (self.write)(ends, buffer)
    }
}
