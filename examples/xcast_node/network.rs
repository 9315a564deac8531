//! The node's interfaces, the kernel's routes between them, and the ways out.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{OwnedFd, RawFd};

use xcast_sec::forward::{Prefix, Route, RouteLookup, Tunnel};
use xcast_sec::wire::{CodePoints, IpHeader};

use super::link::Interface;
use super::netlink::{KernelRoute, Netlink};
use super::sys::{self, Mac};

/// A neighbour on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct NextHop {
    /// The interface's index.
    pub(crate) interface: u32,
    pub(crate) address: IpAddr,
}

/// Interfaces, and sockets to send by the kernel's own routes.
pub(crate) struct Network {
    pub(crate) interfaces: Vec<Interface>,
    netlink: RefCell<Netlink>,
    raw_v4: UdpSocket,
    raw_v6: UdpSocket,
    /// What the kernel said for the packet at hand: an address is looked up more than once for each.
    routes: RefCell<HashMap<IpAddr, Option<KernelRoute>>>,
    /// Link-layer addresses of the neighbours that packets went to or that were named.
    macs: HashMap<NextHop, Mac>,
    /// Kept, not used.
    _claims: Vec<OwnedFd>,
}

impl Network {
    /// Opens interfaces by their names, for a node that takes packets out of tunnels. The error is a sentence for the
    /// user.
    pub(crate) fn with_tunnels(names: &[String], code_points: &CodePoints) -> Result<Self, String> {
        let claims = sys::claim_tunnels().map_err(|error| format!("raw sockets for tunnels: {error}"))?;
        Ok(Self { _claims: claims, ..Self::open(names, code_points)? })
    }

    /// Opens interfaces by their names. The error is a sentence for the user.
    pub(crate) fn open(names: &[String], code_points: &CodePoints) -> Result<Self, String> {
        let mut netlink = Netlink::new().map_err(|error| format!("netlink socket: {error}"))?;
        let open = |name: &String| {
            let opened = Interface::open(name, code_points, &mut netlink);
            opened.map_err(|error| format!("interface {name}: {error}"))
        };
        Ok(Self {
            interfaces: names.iter().map(open).collect::<Result<_, String>>()?,
            netlink: RefCell::new(netlink),
            raw_v4: sys::raw_v4().map_err(|error| format!("raw IPv4 socket: {error}"))?,
            raw_v6: sys::raw_v6().map_err(|error| format!("raw IPv6 socket: {error}"))?,
            routes: RefCell::default(),
            macs: HashMap::new(),
            _claims: Vec::new(),
        })
    }

    pub(crate) fn files(&self) -> Vec<RawFd> {
        self.interfaces.iter().map(Interface::file).collect()
    }

    /// Routes may be others for the next packet.
    pub(crate) fn forget_routes(&self) {
        self.routes.borrow_mut().clear();
    }

    /// What the kernel would do with a packet to `destination`. Where it cannot be asked, there is no route.
    pub(crate) fn kernel_route(&self, destination: IpAddr) -> Option<KernelRoute> {
        if let Some(known) = self.routes.borrow().get(&destination) {
            return *known;
        }
        let route = self.netlink.borrow_mut().route(destination).ok().flatten();
        self.routes.borrow_mut().insert(destination, route);
        route
    }

    pub(crate) fn is_local(&self, address: IpAddr) -> bool {
        self.kernel_route(address) == Some(KernelRoute::Local)
    }

    /// The next hop to `destination` and the MTU of the way there. Only interfaces that the configuration names count.
    pub(crate) fn next_hop(&self, destination: IpAddr) -> Option<(NextHop, usize)> {
        let Some(KernelRoute::Via { interface, neighbour, mtu }) = self.kernel_route(destination) else { return None };
        let link = self.interfaces.iter().find(|link| link.index == interface)?;
        let mtu = mtu.map_or(link.mtu, |mtu| mtu.min(link.mtu));
        Some((NextHop { interface, address: neighbour }, mtu))
    }

    /// Finds out the link-layer address of a neighbour, or has the kernel begin to. To be called again and again: what
    /// the kernel knows it forgets.
    pub(crate) fn keep_resolved(&mut self, neighbour: NextHop) {
        let mut netlink = self.netlink.borrow_mut();
        // What goes wrong here shows when a packet is to be sent there.
        _ = netlink.resolve(neighbour.interface, neighbour.address);
        // Else the last one known is as good a guess as any.
        if let Ok(Some(mac)) = netlink.neighbour(neighbour.interface, neighbour.address) {
            self.macs.insert(neighbour, mac);
        }
    }

    /// Looks whether interfaces have changed.
    pub(crate) fn refresh(&mut self) -> io::Result<()> {
        let netlink = self.netlink.get_mut();
        self.interfaces.iter_mut().try_for_each(|interface| interface.refresh(netlink))
    }

    /// The neighbour that has this link-layer address, of the family of `like`, if it is one that was named.
    pub(crate) fn neighbour_of(&self, interface: u32, mac: Mac, like: IpAddr) -> Option<NextHop> {
        let is_it = |hop: &NextHop| hop.interface == interface && hop.address.is_ipv4() == like.is_ipv4();
        self.macs.iter().find(|(hop, known)| **known == mac && is_it(hop)).map(|(hop, _)| *hop)
    }

    /// Sends an Xcast packet to a neighbour, by its link-layer address: sent to that of the group, all Xcast routers on
    /// the link would forward it.
    pub(crate) fn send_to_neighbour(&mut self, to: NextHop, packet: &[u8]) -> io::Result<()> {
        let mac = match self.macs.get(&to) {
            Some(mac) => *mac,
            None => {
                self.keep_resolved(to);
                let unknown = || io::Error::other(format!("link-layer address of {} not known yet", to.address));
                self.macs.get(&to).copied().ok_or_else(unknown)?
            }
        };
        let link = self.interfaces.iter_mut().find(|link| link.index == to.interface);
        link.ok_or(io::ErrorKind::NotFound)?.send(mac, packet)
    }

    /// Sends a packet where the kernel sends all that has its destination.
    pub(crate) fn send_by_kernel(&self, packet: &[u8]) -> io::Result<()> {
        let (ip, _) = IpHeader::split(packet).map_err(io::Error::other)?;
        let socket = match ip {
            IpHeader::V4(_) => &self.raw_v4,
            IpHeader::V6(_) => &self.raw_v6,
        };
        socket.send_to(packet, SocketAddr::new(ip.destination(), 0)).map(|_| ())
    }
}

/// The kernel's routes, with what the configuration adds: which neighbours understand Xcast, and tunnels.
pub(crate) struct Routes<'a> {
    pub(crate) network: &'a RefCell<Network>,
    /// Neighbours that are known to understand Xcast.
    pub(crate) capable: &'a [IpAddr],
    pub(crate) tunnels: &'a [(Prefix, Tunnel)],
}

impl RouteLookup for Routes<'_> {
    type NextHop = NextHop;

    fn is_local(&self, address: IpAddr) -> bool {
        self.network.borrow().is_local(address)
    }

    fn route(&self, destination: IpAddr) -> Option<Route<NextHop>> {
        let (next_hop, mtu) = self.network.borrow().next_hop(destination)?;
        Some(Route { next_hop, xcast_capable: self.capable.contains(&next_hop.address), mtu })
    }

    fn tunnel(&self, destination: IpAddr) -> Option<Tunnel> {
        let leading = self.tunnels.iter().filter(|(prefix, _)| prefix.contains(destination));
        leading.max_by_key(|(prefix, _)| prefix.len()).map(|(_, tunnel)| *tunnel)
    }

    fn is_tunnel(&self, local: IpAddr, remote: IpAddr) -> bool {
        self.tunnels.iter().any(|(_, tunnel)| tunnel.is_between(local, remote))
    }
}
