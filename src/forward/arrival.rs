//! An Xcast packet and the way it came.

use core::net::IpAddr;

use super::serve::Arrived;
use super::transport::Behind;
use super::tunnel::Tunnel;
use crate::wire::{DestinationSet, Dscp, Encapsulated, Outer, TunnelEnds, XcastPacket, leave_tunnel};

/// An Xcast packet and the way it came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival<'a> {
    pub(super) packet: XcastPacket<'a>,
    pub(super) way: Way,
    /// Where the Xcast packet starts in what arrived.
    pub(super) at: usize,
}

/// How a packet came.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// From the router itself.
    Own,
    /// From a link, to All_Xcast_Routers.
    Link,
    /// From a link, to an address of the router.
    OwnAddress,
    /// In an outer header for the router itself.
    Tunnel {
        /// Its ends, as the router would send into it.
        ends: Tunnel,
        traffic_class: u8,
    },
    /// In an outer header that leads past the router, or to it, and lets routers look inside.
    SemiPermeable(Outer),
}

impl<'a> Arrival<'a> {
    /// What was inside `tunnel`, which ends here; `None` if its outer addresses are of two families.
    pub(super) fn out_of(tunnel: &Encapsulated<'_>, packet: XcastPacket<'a>) -> Option<Self> {
        let outer = tunnel.outer();
        let ends = Tunnel::new(outer.destination(), outer.source())?;
        let way = Way::Tunnel { ends, traffic_class: outer.traffic_class() };
        Some(Self { packet, way, at: tunnel.inner_at() })
    }

    /// What was inside `tunnel`, a semi-permeable one by `option`, which goes on.
    pub(super) fn inside(tunnel: &Encapsulated<'_>, option: u8, packet: XcastPacket<'a>) -> Option<Self> {
        let outer = tunnel.outer();
        let way = Way::SemiPermeable(Outer {
            ends: TunnelEnds::new(outer.source(), outer.destination())?,
            hop_limit: outer.hop_limit(),
            traffic_class: outer.traffic_class(),
            tunnel_option: Some(option),
        });
        Some(Self { packet, way, at: tunnel.inner_at() })
    }

    /// Traffic class of a copy's own IP header: ECN as it left the tunnel, if it came in one.
    pub(super) fn traffic_class(&self) -> u8 {
        let received = self.packet.ip().traffic_class();
        match self.way {
            Way::Own | Way::Link | Way::OwnAddress => received,
            Way::Tunnel { traffic_class: outer, .. } | Way::SemiPermeable(Outer { traffic_class: outer, .. }) => {
                (received & !0b11) | leave_tunnel(received, outer)
            }
        }
    }

    /// The hop limit that a copy's own IP header gets, if it leaves the tunnel that it came in: one less, but for what is the
    /// router's own; 0 if it goes no further. Out of a semi-permeable tunnel no hop is gained (project-defined).
    pub(super) fn inner_hop_limit_left(&self) -> u8 {
        let received = self.packet.ip().hop_limit();
        match self.way {
            Way::Own => received,
            Way::Link | Way::OwnAddress | Way::Tunnel { .. } => received.saturating_sub(1),
            Way::SemiPermeable(outer) => received.min(outer.hop_limit).saturating_sub(1),
        }
    }

    /// Whether the outer header, if there still is one, says the same of who sent it.
    pub(super) fn is_from_its_sender(&self) -> bool {
        match self.way {
            Way::SemiPermeable(outer) => outer.ends.source() == self.packet.ip().source(),
            Way::Own | Way::Link | Way::OwnAddress | Way::Tunnel { .. } => true,
        }
    }

    /// What stands behind the Xcast headers.
    pub(super) fn behind(&self) -> Behind<'a> {
        behind(&self.packet)
    }
}

/// What stands behind the Xcast headers of `packet`.
pub(super) fn behind<'a>(packet: &XcastPacket<'a>) -> Behind<'a> {
    Behind {
        family: packet.header().family(),
        octets: packet.as_octets(),
        number: packet.next_protocol(),
        at: packet.layout().payload_at,
    }
}

impl Arrived for Arrival<'_> {
    fn bits(&self) -> DestinationSet {
        self.packet.bits()
    }

    fn destination(&self, index: usize) -> Option<IpAddr> {
        self.packet.destination(index)
    }

    fn has_ports(&self) -> bool {
        self.packet.has_ports()
    }

    fn port(&self, index: usize) -> Option<u16> {
        self.packet.port(index)
    }

    fn dscp(&self, index: usize) -> Option<Dscp> {
        self.packet.dscp(index)
    }

    fn is_echo_request(&self) -> bool {
        !matches!(self.way, Way::Own) && self.behind().is_echo_request()
    }

    fn hop_limit_left(&self) -> u8 {
        match self.way {
            Way::SemiPermeable(outer) => outer.hop_limit.saturating_sub(1),
            _ => self.inner_hop_limit_left(),
        }
    }
}
