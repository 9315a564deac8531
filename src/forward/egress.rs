//! Where copies go.

use super::PacketCopy;
use crate::wire::DestinationSet;

/// Takes the copies of a packet.
///
/// # Security
///
/// Called up to once per destination of a packet (127 times) with contents an attacker may have chosen; what it buffers must
/// be bounded. A copy that it loses without returning an error is counted as sent.
pub trait Egress<H> {
    /// Why a copy could not be sent. The router counts it and goes on with the next copy.
    type Error;

    /// Sends `copy` to `next_hop`. [`PacketCopy::emit`] writes it whole; [`PacketCopy::emit_header`] and
    /// [`PacketCopy::payload`] give it in two parts, for output that gathers.
    ///
    /// # Errors
    ///
    /// - Its own: no buffer, link down, …
    fn transmit(&mut self, next_hop: H, copy: &PacketCopy<'_>) -> Result<(), Self::Error>;

    /// Told that `destinations` of the packet were not served because their copy exceeds the MTU of `next_hop`: material for
    /// an ICMP Packet Too Big (project-defined). `mtu` is what is left for the copy, an outer header taken off, in octets.
    ///
    /// Called at most once per branch and tunnel, and over all packets only as often as the router's policy allows
    /// ([`ReportLimit`](super::ReportLimit)).
    fn too_big(&mut self, next_hop: H, mtu: usize, destinations: DestinationSet) {
        let _ = (next_hop, mtu, destinations);
    }
}

impl<H, T: Egress<H> + ?Sized> Egress<H> for &mut T {
    type Error = T::Error;

    fn transmit(&mut self, next_hop: H, copy: &PacketCopy<'_>) -> Result<(), Self::Error> {
        (**self).transmit(next_hop, copy)
    }

    fn too_big(&mut self, next_hop: H, mtu: usize, destinations: DestinationSet) {
        (**self).too_big(next_hop, mtu, destinations);
    }
}

/// A closure as an [`Egress`]; Packet Too Big material is not wanted.
#[derive(Clone, Copy)]
#[allow(clippy::exhaustive_structs, reason = "a wrapper")]
pub struct FnEgress<F>(pub F);

impl<F> core::fmt::Debug for FnEgress<F> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("FnEgress")
    }
}

impl<H, E, F: FnMut(H, &PacketCopy<'_>) -> Result<(), E>> Egress<H> for FnEgress<F> {
    type Error = E;

    fn transmit(&mut self, next_hop: H, copy: &PacketCopy<'_>) -> Result<(), E> {
        (self.0)(next_hop, copy)
    }
}
