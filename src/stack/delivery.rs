//! What a receiver hands up.

use core::net::IpAddr;

use super::receiver::Picked;
use super::upper_layer::Checked;
use crate::forward::PacketCopy;
use crate::ipsec::Layers;
use crate::wire::{DestinationSet, Dscp, IpHeader, XcastPacket};

/// A packet that came in for this host and passed every check.
#[must_use = "it is the packet that was received"]
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_enums, reason = "a packet that passes has no other end")]
#[allow(clippy::large_enum_variant, reason = "lives on the stack, once per packet")]
pub enum Incoming<'p> {
    /// With something to deliver.
    Packet(Delivery<'p>),
    /// A dummy packet (RFC 4303 §2.6): authentic, and nobody's.
    Dummy(Layers),
}

/// A destination of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Listed {
    /// Its address.
    pub address: IpAddr,
    /// The port it is to be delivered to: that of the list or, without one, of the transport header. `None` where the protocol
    /// has no ports that are known here.
    pub port: Option<u16>,
    /// Its DSCP, if there is a list.
    pub dscp: Option<Dscp>,
    /// Whether its bit is set: it is served by this copy of the packet.
    pub served: bool,
}

/// What was for this host in a packet. Its octets are those of the packet's buffer.
///
/// How far the source, the channel and the list of members can be believed is a matter of the protection that the packet had:
/// see [`ipsec`](crate::ipsec#what-it-protects-and-what-not). The bitmap is never protected.
#[derive(Clone, Copy)]
pub struct Delivery<'p> {
    picked: Picked<'p>,
    next_protocol: u8,
    checked: Checked<'p>,
    protection: Option<Layers>,
    show_members: bool,
}

impl core::fmt::Debug for Delivery<'_> {
    /// Neither the payload, which may be secret, nor the other members are shown.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Delivery")
            .field("source", &self.source())
            .field("source_port", &self.source_port())
            .field("address", &self.address())
            .field("port", &self.port())
            .field("next_protocol", &self.next_protocol)
            .field("payload_len", &self.payload().len())
            .field("protection", &self.protection)
            .finish_non_exhaustive()
    }
}

impl<'p> Delivery<'p> {
    pub(super) const fn new(
        picked: Picked<'p>,
        next_protocol: u8,
        checked: Checked<'p>,
        protection: Option<Layers>,
        show_members: bool,
    ) -> Self {
        Self { picked, next_protocol, checked, protection, show_members }
    }

    const fn ip(&self) -> &IpHeader<'p> {
        match &self.picked {
            Picked::Xcast { packet, .. } => packet.ip(),
            Picked::Unicast(ip) => ip,
        }
    }

    const fn xcast(&self) -> Option<&XcastPacket<'p>> {
        match &self.picked {
            Picked::Xcast { packet, .. } => Some(packet),
            Picked::Unicast(_) => None,
        }
    }

    /// Who sent it.
    #[must_use]
    pub fn source(&self) -> IpAddr {
        self.ip().source()
    }

    /// The port it was sent from, if the protocol has ports: UDP, UDP-Lite and TCP.
    #[must_use]
    pub const fn source_port(&self) -> Option<u16> {
        match self.checked.ports {
            Some((source, _)) => Some(source),
            None => None,
        }
    }

    /// Whether it came as an Xcast packet; if not, a router made it unicast (X2U), or it never was one.
    #[must_use]
    pub const fn is_xcast(&self) -> bool {
        matches!(self.picked, Picked::Xcast { .. })
    }

    /// The destinations that are this host: at least one, several where a list names addresses or ports of it more than once.
    pub fn destinations(&self) -> impl Iterator<Item = Listed> + '_ {
        let unicast = match &self.picked {
            Picked::Unicast(ip) => {
                Some(Listed { address: ip.destination(), port: self.transport_port(), dscp: None, served: true })
            }
            Picked::Xcast { .. } => None,
        };
        unicast.into_iter().chain(self.own().iter().filter_map(|index| self.listed(index)))
    }

    /// The address of this host that it was sent to; of several the first.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.destinations().next().map_or_else(|| self.ip().destination(), |own| own.address)
    }

    /// The port of this host that it is to be delivered to; of several the first.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.destinations().next().and_then(|own| own.port)
    }

    /// CHANNEL IDENTIFIER, 4 octets in Xcast4 and 16 in Xcast6; `None` if it is 0, or the packet came unicast.
    #[must_use]
    pub fn channel(&self) -> Option<&'p [u8]> {
        self.xcast().map(|packet| packet.header().channel()).filter(|channel| channel.iter().any(|&octet| octet != 0))
    }

    /// Protocol of the segment.
    #[must_use]
    pub const fn next_protocol(&self) -> u8 {
        self.next_protocol
    }

    /// What there is to deliver: of UDP what follows the header, of any other protocol the whole segment.
    #[must_use]
    pub const fn payload(&self) -> &'p [u8] {
        self.checked.payload
    }

    /// The whole segment, as it is in the packet: its checksum is for the destination that the packet carries and, where
    /// there is a list of ports, port 0.
    #[must_use]
    pub const fn segment(&self) -> &'p [u8] {
        self.checked.segment
    }

    /// The packet as ordinary unicast ones, one for each of [`destinations`](Self::destinations), to be handed to a stack or a
    /// device that knows nothing of Xcast: see [`PacketCopy::local`]. Everything was checked before, and the checksums in the
    /// copies follow by delta.
    ///
    /// None, where the segment is of a protocol whose checksum cannot follow; and where the packet came unicast, which is
    /// then to be handed on as it is in its buffer.
    pub fn unicast(&self) -> impl Iterator<Item = PacketCopy<'_>> + '_ {
        let copy = move |index| self.xcast().and_then(|packet| PacketCopy::local(packet, index));
        self.own().iter().filter_map(copy)
    }

    /// The destinations of an Xcast packet that are this host.
    const fn own(&self) -> DestinationSet {
        match self.picked {
            Picked::Xcast { own, .. } => own,
            Picked::Unicast(_) => DestinationSet::EMPTY,
        }
    }

    /// What was taken off it, or `None` if it came in the clear, as policy allows.
    #[must_use]
    pub const fn protection(&self) -> Option<&Layers> {
        self.protection.as_ref()
    }

    /// TTL or Hop Limit, as it arrived.
    #[must_use]
    pub fn hop_limit(&self) -> u8 {
        self.ip().hop_limit()
    }

    /// TOS or Traffic Class, as it arrived.
    #[must_use]
    pub fn traffic_class(&self) -> u8 {
        self.ip().traffic_class()
    }

    /// The other members in the list, as far as their addresses are still in it. `None` if the receiver's policy does not
    /// allow it, if the sender asks for anonymity (A=1, draft §2.1.2), and if the packet came unicast.
    #[must_use]
    pub fn members(&self) -> Option<impl Iterator<Item = Listed> + '_> {
        let Picked::Xcast { packet, listed, .. } = &self.picked else { return None };
        if !self.show_members || packet.header().anonymous() {
            return None;
        }
        let others = (0..packet.header().destination_count()).filter(|&index| !listed.contains(index));
        let others = others.filter_map(|index| self.listed(index));
        Some(others.filter(|listed| !listed.address.is_unspecified()))
    }

    fn listed(&self, index: usize) -> Option<Listed> {
        let packet = self.xcast()?;
        Some(Listed {
            address: packet.destination(index)?,
            port: packet.port(index).or_else(|| self.transport_port()),
            dscp: packet.dscp(index),
            served: packet.bits().contains(index),
        })
    }

    /// The destination port in the transport header.
    const fn transport_port(&self) -> Option<u16> {
        match self.checked.ports {
            Some((_, destination)) => Some(destination),
            None => None,
        }
    }
}
