//! Routes whose capability comes from pings.

use core::net::IpAddr;

use super::{Capability, Neighbours};
use crate::forward::{Route, RouteLookup, Tunnel};
use crate::wire::Family;

/// What to take a neighbour for whose capability pings do not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "there is no fourth")]
pub enum Assumption {
    /// For not capable.
    NotCapable,
    /// For capable.
    Capable,
    /// For what the route says.
    AsRouted,
}

/// A host's routes, with [`xcast_capable`](Route::xcast_capable) replaced by what is known of the next hop in the
/// destination's family. All else is the routes' own.
///
/// It costs nothing to make: one per packet will do, while [`Neighbours`] is free to change in between.
///
/// | next hop | taken for |
/// |---|---|
/// | [`Capability::Capable`] | capable |
/// | [`Capability::NotCapable`] | not capable |
/// | [`Capability::Unknown`] | not capable, unless [`with_unknown`](Self::with_unknown) says otherwise |
/// | not in the table | what the route says, unless [`with_unlisted`](Self::with_unlisted) says otherwise |
///
/// The last two are project-defined. An unknown neighbour is not taken for capable as that could lose packets. One that the
/// host never wanted to be asked it must know itself: such are hosts, which do not return pings, for they forward nothing, but
/// may well understand Xcast.
///
/// # Security
///
/// See [the module](super): what pings found out is no more certain than the link they crossed.
#[derive(Clone, Copy, Debug)]
pub struct WithCapabilities<'a, R: RouteLookup, const N: usize> {
    routes: R,
    neighbours: &'a Neighbours<R::NextHop, N>,
    unknown: Assumption,
    unlisted: Assumption,
}

impl<'a, R: RouteLookup, const N: usize> WithCapabilities<'a, R, N> {
    /// The routes, by value or by reference, with what is known of their next hops.
    #[must_use]
    pub const fn new(routes: R, neighbours: &'a Neighbours<R::NextHop, N>) -> Self {
        Self { routes, neighbours, unknown: Assumption::NotCapable, unlisted: Assumption::AsRouted }
    }

    /// The same, but that neighbours in the table of which nothing is known yet are taken for `unknown`.
    #[must_use]
    pub fn with_unknown(self, unknown: Assumption) -> Self {
        Self { unknown, ..self }
    }

    /// The same, but that neighbours that are not in the table are taken for `unlisted`.
    #[must_use]
    pub fn with_unlisted(self, unlisted: Assumption) -> Self {
        Self { unlisted, ..self }
    }
}

impl<R: RouteLookup, const N: usize> RouteLookup for WithCapabilities<'_, R, N> {
    type NextHop = R::NextHop;

    fn is_local(&self, address: IpAddr) -> bool {
        self.routes.is_local(address)
    }

    fn route(&self, destination: IpAddr) -> Option<Route<Self::NextHop>> {
        let route = self.routes.route(destination)?;
        let known = match self.neighbours.capability(route.next_hop, Family::of(&destination)) {
            Some(Capability::Capable) => Assumption::Capable,
            Some(Capability::NotCapable) => Assumption::NotCapable,
            Some(Capability::Unknown) => self.unknown,
            None => self.unlisted,
        };
        let xcast_capable = match known {
            Assumption::Capable => true,
            Assumption::NotCapable => false,
            Assumption::AsRouted => route.xcast_capable,
        };
        Some(Route { xcast_capable, ..route })
    }

    fn tunnel(&self, destination: IpAddr) -> Option<Tunnel> {
        self.routes.tunnel(destination)
    }

    fn is_tunnel(&self, local: IpAddr, remote: IpAddr) -> bool {
        self.routes.is_tunnel(local, remote)
    }

    fn is_reverse_path(&self, source: IpAddr, from: Self::NextHop) -> bool {
        self.routes.is_reverse_path(source, from)
    }
}
