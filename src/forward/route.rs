//! What a router asks about destinations.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::wire::{EmitError, Family, TunnelEnds};

/// Routes, own addresses and tunnels of a router.
///
/// # Security
///
/// For every packet that parses, [`is_local`](Self::is_local) is asked about its IP destination (unless that is
/// All_Xcast_Routers) and once per destination to be served, and [`route`](Self::route) once per destination that is not
/// local; [`tunnel`](Self::tunnel) once per destination that has to be tunnelled. The addresses are chosen by whoever sent
/// the packet, up to 127 of them, so an answer must be cheap for any address. A wrong answer sends a packet the wrong way,
/// or reveals it to the wrong neighbour; a next hop wrongly called Xcast-capable discards what it is sent.
pub trait RouteLookup {
    /// Names a neighbour on a link. Destinations with equal next hops share a copy.
    type NextHop: Copy + PartialEq;

    /// Whether `address` is one of the router's own.
    fn is_local(&self, address: IpAddr) -> bool;

    /// The route to `destination`, by longest prefix, or `None` if there is none.
    fn route(&self, destination: IpAddr) -> Option<Route<Self::NextHop>>;

    /// The tunnel that reaches `destination` across routers without Xcast (RFC 5058 §11.1), or `None`.
    ///
    /// The outer packet goes to the next hop of the route to `destination` and must fit that route's MTU; destinations that
    /// share a tunnel but not a next hop get a copy for each next hop (project-defined).
    fn tunnel(&self, destination: IpAddr) -> Option<Tunnel> {
        let _ = destination;
        None
    }
}

impl<T: RouteLookup + ?Sized> RouteLookup for &mut T {
    type NextHop = T::NextHop;

    fn is_local(&self, address: IpAddr) -> bool {
        (**self).is_local(address)
    }

    fn route(&self, destination: IpAddr) -> Option<Route<Self::NextHop>> {
        (**self).route(destination)
    }

    fn tunnel(&self, destination: IpAddr) -> Option<Tunnel> {
        (**self).tunnel(destination)
    }
}

impl<T: RouteLookup + ?Sized> RouteLookup for &T {
    type NextHop = T::NextHop;

    fn is_local(&self, address: IpAddr) -> bool {
        (**self).is_local(address)
    }

    fn route(&self, destination: IpAddr) -> Option<Route<Self::NextHop>> {
        (**self).route(destination)
    }

    fn tunnel(&self, destination: IpAddr) -> Option<Tunnel> {
        (**self).tunnel(destination)
    }
}

/// The way to a destination.
///
/// MTU and capability belong to the next hop: where routes with equal next hops disagree, the smaller MTU and "not
/// capable" hold for the copy they share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "built field by field by callers")]
pub struct Route<H> {
    /// The neighbour.
    pub next_hop: H,
    /// Whether that neighbour understands Xcast.
    pub xcast_capable: bool,
    /// The longest packet the way there takes, in octets from the IP header on.
    pub mtu: usize,
}

/// The hop limit of an outer header unless [`Tunnel::with_hop_limit`] says otherwise.
pub const DEFAULT_TUNNEL_HOP_LIMIT: u8 = 64;

/// A configured tunnel to an Xcast peer (RFC 5058 §11.1): an outer IP header, of either family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tunnel {
    ends: TunnelEnds,
    hop_limit: u8,
}

impl Tunnel {
    /// A tunnel from `local` to `remote`, or `None` if one is IPv4 and the other IPv6. Its hop limit is
    /// [`DEFAULT_TUNNEL_HOP_LIMIT`].
    #[must_use]
    pub const fn new(local: IpAddr, remote: IpAddr) -> Option<Self> {
        match TunnelEnds::new(local, remote) {
            Some(ends) => Some(Self { ends, hop_limit: DEFAULT_TUNNEL_HOP_LIMIT }),
            None => None,
        }
    }

    /// A tunnel across an IPv4 network.
    #[must_use]
    pub const fn v4(local: Ipv4Addr, remote: Ipv4Addr) -> Self {
        Self { ends: TunnelEnds::V4(local, remote), hop_limit: DEFAULT_TUNNEL_HOP_LIMIT }
    }

    /// A tunnel across an IPv6 network.
    #[must_use]
    pub const fn v6(local: Ipv6Addr, remote: Ipv6Addr) -> Self {
        Self { ends: TunnelEnds::V6(local, remote), hop_limit: DEFAULT_TUNNEL_HOP_LIMIT }
    }

    /// The same tunnel with another hop limit in its outer header.
    #[must_use]
    pub const fn with_hop_limit(self, hop_limit: u8) -> Self {
        Self { hop_limit, ..self }
    }

    /// The router's end: the source of the outer header.
    #[must_use]
    pub const fn local(&self) -> IpAddr {
        self.ends.source()
    }

    /// The peer: the destination of the outer header.
    #[must_use]
    pub const fn remote(&self) -> IpAddr {
        self.ends.destination()
    }

    /// TTL or Hop Limit of the outer header.
    #[must_use]
    pub const fn hop_limit(&self) -> u8 {
        self.hop_limit
    }

    /// The family of the network it crosses.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.ends.family()
    }

    /// Octets of the outer header.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        self.ends.family().min_header_len()
    }

    /// Writes the outer header of an inner packet of `inner` family and `inner_len` octets, with DSCP and ECN as there.
    pub(super) fn emit(
        &self,
        inner: Family,
        traffic_class: u8,
        inner_len: usize,
        outer: &mut [u8],
    ) -> Result<(), EmitError> {
        self.ends.emit(inner, traffic_class, self.hop_limit, inner_len, outer)
    }
}
