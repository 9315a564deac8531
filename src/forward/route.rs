//! What a router asks about destinations.

use core::net::IpAddr;

use super::Tunnel;

/// Routes, own addresses and tunnels of a router.
///
/// # Security
///
/// For every packet that parses, [`is_local`](Self::is_local) is asked about its IP destination (unless that is
/// All_Xcast_Routers) and once per destination to be served, and [`route`](Self::route) once per destination that is not
/// local; [`tunnel`](Self::tunnel) once per destination that has to be tunnelled, and again for each tunnel before its own; the same per destination if tunnels are routes
/// ([`TunnelUse::Routes`](super::TunnelUse::Routes)), and then [`route`](Self::route) once per tunnel besides. The addresses
/// are chosen by whoever sent the packet, up to 127 of them, so an answer must be cheap for any address. A wrong answer sends
/// a packet the wrong way, or reveals it to the wrong neighbour; a next hop wrongly called Xcast-capable discards what it is
/// sent; what is wrongly called a tunnel lets anybody send packets in as if they came from its far end.
pub trait RouteLookup {
    /// Names a neighbour on a link. Destinations with equal next hops share a copy.
    type NextHop: Copy + PartialEq;

    /// Whether `address` is one of the router's own.
    fn is_local(&self, address: IpAddr) -> bool;

    /// The route to `destination`, by longest prefix, or `None` if there is none.
    fn route(&self, destination: IpAddr) -> Option<Route<Self::NextHop>>;

    /// The tunnel that reaches `destination` across routers without Xcast (RFC 5058 §11.1), by longest prefix, or `None`.
    ///
    /// What it is used for, and where the outer packet goes, is the router's policy: [`TunnelUse`](super::TunnelUse). As a last
    /// resort, destinations that share a tunnel but not a next hop get a copy for each next hop (project-defined).
    fn tunnel(&self, destination: IpAddr) -> Option<Tunnel> {
        let _ = destination;
        None
    }

    /// Whether packets come out of a configured tunnel when their outer header is from `remote` to `local`, which is an own
    /// address. That header is not authenticated: who can forge it can send into the tunnel (RFC 4213 §3.6 and §5 say the same
    /// of IPv6 in IPv4), unless IPsec protects it.
    ///
    /// None are, unless the host says otherwise.
    fn is_tunnel(&self, local: IpAddr, remote: IpAddr) -> bool {
        let _ = (local, remote);
        false
    }

    /// Whether a packet of `source` can have come from `from` ([`ReversePath::Strict`](super::ReversePath::Strict)): whether
    /// the route to `source` goes there, unless the host knows better, as with several routes of equal cost (RFC 3704 §2.3).
    fn is_reverse_path(&self, source: IpAddr, from: Self::NextHop) -> bool {
        self.route(source).is_some_and(|route| route.next_hop == from)
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

    fn is_tunnel(&self, local: IpAddr, remote: IpAddr) -> bool {
        (**self).is_tunnel(local, remote)
    }

    fn is_reverse_path(&self, source: IpAddr, from: Self::NextHop) -> bool {
        (**self).is_reverse_path(source, from)
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

    fn is_tunnel(&self, local: IpAddr, remote: IpAddr) -> bool {
        (**self).is_tunnel(local, remote)
    }

    fn is_reverse_path(&self, source: IpAddr, from: Self::NextHop) -> bool {
        (**self).is_reverse_path(source, from)
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
