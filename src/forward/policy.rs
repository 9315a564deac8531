//! What a router's administrator decides.

use core::net::Ipv6Addr;

use super::ReportLimit;
use crate::wire::ChecksumPolicy;

/// The choices RFC 5058 leaves to a router. Start from [`RouterPolicy::default`] and change fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RouterPolicy {
    /// Whether the Xcast CHECKSUM is verified (RFC 5058 §9.2.2). Default: it is.
    pub checksum: ChecksumPolicy,
    /// Whether a branch of one destination becomes a unicast packet (X2U, RFC 5058 §2, §9.2.2). Default: yes.
    pub x2u: bool,
    /// Whether a next hop without Xcast gets a unicast packet per destination (premature X2U, RFC 5058 §11.2). Default: yes.
    pub premature_x2u: bool,
    /// Whether ICMP echo requests inside Xcast, which amplify (RFC 5058 §14, draft §2.2.7), are let through. Default: no.
    pub allow_echo: bool,
    /// The most copies of one packet that are handed to the egress; the destinations of the others are dropped. Default: no
    /// limit but that of 127 destinations.
    pub max_copies: Option<usize>,
    /// What configured tunnels are for (RFC 5058 §11.1). Default: [`TunnelUse::LastResort`].
    pub tunnels: TunnelUse,
    /// Semi-permeable tunnels (RFC 5058 §11.3). Default: [`SemiPermeable::Ignore`].
    pub semi_permeable: SemiPermeable,
    /// Packets to a unicast address of the router itself (RFC 5058 §11.5). Default: [`OwnAddress::Refuse`].
    pub own_address: OwnAddress,
    /// Whether the way back to a packet's sender is checked (RFC 5058 §14). Default: [`ReversePath::Unchecked`].
    pub reverse_path: ReversePath,
    /// How often the egress is offered material for error messages. Default: that of [`ReportLimit`].
    pub reports: ReportLimit,
}

impl Default for RouterPolicy {
    fn default() -> Self {
        Self {
            checksum: ChecksumPolicy::Verify,
            x2u: true,
            premature_x2u: true,
            allow_echo: false,
            max_copies: None,
            tunnels: TunnelUse::LastResort,
            semi_permeable: SemiPermeable::Ignore,
            own_address: OwnAddress::Refuse,
            reverse_path: ReversePath::Unchecked,
            reports: ReportLimit::default(),
        }
    }
}

/// What configured tunnels are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TunnelUse {
    /// A destination behind a next hop without Xcast is tunnelled to if nothing else reaches it: X=1, or a transport that
    /// cannot become unicast. The outer packet goes to the next hop of the route to the destination (project-defined).
    LastResort,
    /// Tunnels are the Xcast routing table (RFC 5058 §11.1, Figures 8 to 10): where one leads to a destination, its far end is
    /// the Xcast next hop. Destinations of one tunnel share a copy, which goes to the next hop of the route to that far end;
    /// one destination alone gets a unicast packet, if it may. Destinations without a tunnel are served by their routes.
    Routes,
}

/// What a router does with semi-permeable tunnels (RFC 5058 §11.3).
///
/// # Security
///
/// All_Xcast_Routers is reached from a link alone; a semi-permeable tunnel, from anywhere. A router that looks into them makes up
/// to 125 packets of one that a stranger sent. Those that become unicast are from whom the outer header says, so that filters of
/// source addresses on the way here have done their work: where the inner packet says otherwise, copies stay in the tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SemiPermeable {
    /// It does not look into them: to it they are not Xcast.
    Ignore,
    /// It branches those that come by.
    PassOn,
    /// It also makes them, for IPv6 destinations behind a next hop without Xcast that no tunnel leads to and no unicast packet
    /// reaches. All members must then be able to take them.
    Initiate {
        /// The source of the outer header: an address of the router.
        source: Ipv6Addr,
        /// Its hop limit.
        hop_limit: u8,
    },
}

/// What a router does with a packet that is not sent to All_Xcast_Routers but to an address of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OwnAddress {
    /// The same as with any other, but for tunnels, whose far end would not take it. The IP destination of Xcast copies stays,
    /// so that a neighbour with Xcast, whose address it is not, sends them back here until their hop limit ends: the address must
    /// be one that those neighbours have too, and no stranger may reach it.
    AsGroup,
    /// Every destination gets a unicast packet, whatever its next hop; it gets none if that cannot be, as with X=1, AH and ESP.
    /// What a network with one router with Xcast on a special unicast address needs (RFC 5058 §11.5). Whoever can reach that
    /// address can have up to 127 packets made of one.
    MakeUnicast,
    /// Refuses it.
    Refuse,
}

/// What is asked of the way back to the sender of a packet (RFC 5058 §14; RFC 3704 §2 for the names).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReversePath {
    /// Nothing.
    Unchecked,
    /// That there is a route to it.
    Loose,
    /// That the packet came from where packets to the sender go
    /// ([`RouteLookup::is_reverse_path`](super::RouteLookup::is_reverse_path)), or out of the tunnel that leads there and whose
    /// outer header came from where its far end is. If it is not known where the packet came from, it did not.
    ///
    /// What a member relays in a semi-permeable tunnel (RFC 5058 §11.4), or in XCAST6 2.0, comes from that member and not from
    /// its sender: routers that it passes drop it.
    Strict,
}
