//! Configured tunnels to Xcast peers.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::wire::{Family, Outer, TunnelEnds};

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

    /// Whether it is the one from `local` to `remote`.
    #[must_use]
    pub fn is_between(&self, local: IpAddr, remote: IpAddr) -> bool {
        (self.local(), self.remote()) == (local, remote)
    }

    /// The outer header, with a traffic class of 0.
    pub(super) const fn outer(&self) -> Outer {
        Outer { ends: self.ends, hop_limit: self.hop_limit, traffic_class: 0, tunnel_option: None }
    }
}
