//! Where copies of XCAST6 2.0 packets go.

use super::CopyV2;
use crate::forward::FnEgress;
use crate::wire::DestinationSet;

/// Takes the copies of a packet: [`Egress`](crate::forward::Egress) for [`CopyV2`], which offers what a
/// [`PacketCopy`](crate::forward::PacketCopy) does.
///
/// # Security
///
/// Called up to once per destination of a packet (126 times) with contents an attacker may have chosen; what it buffers must
/// be bounded. A copy that it loses without returning an error is counted as sent.
pub trait EgressV2<H> {
    /// Why a copy could not be sent. The router counts it and goes on with the next copy.
    type Error;

    /// Sends `copy` to `next_hop`. [`CopyV2::emit`] writes it whole; [`CopyV2::emit_header`] and [`CopyV2::payload`] give it
    /// in two parts, for output that gathers.
    ///
    /// # Errors
    ///
    /// - Its own: no buffer, link down, …
    fn transmit(&mut self, next_hop: H, copy: &CopyV2<'_>) -> Result<(), Self::Error>;

    /// Told that `destinations` of the packet were not served because their copy exceeds the MTU of `next_hop`, `mtu` octets:
    /// material for an ICMP Packet Too Big (project-defined).
    ///
    /// Called at most once per branch. Limiting the rate of messages over packets is the host's task.
    fn too_big(&mut self, next_hop: H, mtu: usize, destinations: DestinationSet) {
        let _ = (next_hop, mtu, destinations);
    }
}

impl<H, T: EgressV2<H> + ?Sized> EgressV2<H> for &mut T {
    type Error = T::Error;

    fn transmit(&mut self, next_hop: H, copy: &CopyV2<'_>) -> Result<(), Self::Error> {
        (**self).transmit(next_hop, copy)
    }

    fn too_big(&mut self, next_hop: H, mtu: usize, destinations: DestinationSet) {
        (**self).too_big(next_hop, mtu, destinations);
    }
}

impl<H, E, F: FnMut(H, &CopyV2<'_>) -> Result<(), E>> EgressV2<H> for FnEgress<F> {
    type Error = E;

    fn transmit(&mut self, next_hop: H, copy: &CopyV2<'_>) -> Result<(), E> {
        (self.0)(next_hop, copy)
    }
}
