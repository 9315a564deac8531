//! A routing table of fixed size.

use core::net::IpAddr;

use super::{Route, RouteLookup, Tunnel};
use crate::wire::Family;

/// An address prefix: the first `len` bits of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix {
    address: IpAddr,
    len: u8,
}

impl Prefix {
    /// The prefix of `len` bits, 0..=32 or 0..=128.
    ///
    /// # Errors
    ///
    /// - [`RouteTableError::PrefixLength`]: longer than the address.
    /// - [`RouteTableError::HostBits`]: a bit of `address` behind the prefix is set.
    pub fn new(address: IpAddr, len: u8) -> Result<Self, RouteTableError> {
        if usize::from(len) > Family::of(&address).address_len().saturating_mul(8) {
            return Err(RouteTableError::PrefixLength);
        }
        if left_aligned(address) & !mask(len) != 0 {
            return Err(RouteTableError::HostBits);
        }
        Ok(Self { address, len })
    }

    /// The prefix of one address alone.
    #[must_use]
    pub const fn host(address: IpAddr) -> Self {
        let len = match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        Self { address, len }
    }

    /// Its address; the bits behind the prefix are 0.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// Its length in bits.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a length in bits, not a count of elements")]
    pub const fn len(&self) -> u8 {
        self.len
    }

    /// Whether `address` starts with it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4()
            && (left_aligned(self.address) ^ left_aligned(address)) & mask(self.len) == 0
    }
}

/// The address in the upper bits.
fn left_aligned(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The upper `len` bits.
fn mask(len: u8) -> u128 {
    !u128::MAX.checked_shr(u32::from(len)).unwrap_or(0)
}

/// Why a table did not take an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RouteTableError {
    /// There is no room.
    Full,
    /// The prefix is longer than an address.
    PrefixLength,
    /// The address has bits set behind the prefix.
    HostBits,
}

impl core::fmt::Display for RouteTableError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Full => "table full",
            Self::PrefixLength => "prefix longer than the address",
            Self::HostBits => "address has bits set behind its prefix",
        })
    }
}

impl core::error::Error for RouteTableError {}

/// Up to `N` routes, `N` own addresses and `N` tunnels. The longest prefix wins; a lookup looks at every entry.
///
/// ```
/// use core::net::{IpAddr, Ipv4Addr};
/// use xcast_sec::forward::{Prefix, Route, RouteLookup, RouteTable};
///
/// let address = |octets: [u8; 4]| IpAddr::V4(Ipv4Addr::from(octets));
/// let mut table = RouteTable::<u8, 8>::new();
/// table.insert_route(Prefix::new(address([0, 0, 0, 0]), 0)?, Route { next_hop: 1, xcast_capable: true, mtu: 1500 })?;
/// table.insert_route(Prefix::new(address([10, 0, 0, 0]), 8)?, Route { next_hop: 2, xcast_capable: true, mtu: 1500 })?;
/// assert_eq!(table.route(address([10, 1, 2, 3])).map(|route| route.next_hop), Some(2));
/// assert_eq!(table.route(address([192, 0, 2, 1])).map(|route| route.next_hop), Some(1));
/// # Ok::<(), xcast_sec::forward::RouteTableError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RouteTable<H, const N: usize> {
    routes: heapless::Vec<(Prefix, Route<H>), N>,
    addresses: heapless::Vec<IpAddr, N>,
    tunnels: heapless::Vec<(Prefix, Tunnel), N>,
}

impl<H, const N: usize> RouteTable<H, N> {
    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        Self { routes: heapless::Vec::new(), addresses: heapless::Vec::new(), tunnels: heapless::Vec::new() }
    }

    /// Adds the route to `prefix`, or replaces the one that is there.
    ///
    /// # Errors
    ///
    /// - [`RouteTableError::Full`].
    pub fn insert_route(&mut self, prefix: Prefix, route: Route<H>) -> Result<(), RouteTableError> {
        insert(&mut self.routes, prefix, route)
    }

    /// Takes the route to exactly `prefix` out.
    pub fn remove_route(&mut self, prefix: Prefix) -> Option<Route<H>> {
        remove(&mut self.routes, prefix)
    }

    /// Adds an address of the router itself; one that is there stays.
    ///
    /// # Errors
    ///
    /// - [`RouteTableError::Full`].
    pub fn insert_address(&mut self, address: IpAddr) -> Result<(), RouteTableError> {
        if self.addresses.contains(&address) {
            return Ok(());
        }
        self.addresses.push(address).map_err(|_| RouteTableError::Full)
    }

    /// Takes an address of the router itself out; whether it was there.
    pub fn remove_address(&mut self, address: IpAddr) -> bool {
        let position = self.addresses.iter().position(|own| *own == address);
        position.map(|index| self.addresses.swap_remove(index)).is_some()
    }

    /// Adds the tunnel to `prefix`, or replaces the one that is there.
    ///
    /// # Errors
    ///
    /// - [`RouteTableError::Full`].
    pub fn insert_tunnel(&mut self, prefix: Prefix, tunnel: Tunnel) -> Result<(), RouteTableError> {
        insert(&mut self.tunnels, prefix, tunnel)
    }

    /// Takes the tunnel to exactly `prefix` out.
    pub fn remove_tunnel(&mut self, prefix: Prefix) -> Option<Tunnel> {
        remove(&mut self.tunnels, prefix)
    }
}

impl<H, const N: usize> Default for RouteTable<H, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<H: Copy + PartialEq, const N: usize> RouteLookup for RouteTable<H, N> {
    type NextHop = H;

    fn is_local(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
    }

    fn route(&self, destination: IpAddr) -> Option<Route<H>> {
        longest(&self.routes, destination)
    }

    fn tunnel(&self, destination: IpAddr) -> Option<Tunnel> {
        longest(&self.tunnels, destination)
    }

    /// What comes from the far end of one of the tunnels in the table comes out of it.
    fn is_tunnel(&self, local: IpAddr, remote: IpAddr) -> bool {
        self.tunnels.iter().any(|(_, tunnel)| tunnel.is_between(local, remote))
    }
}

fn insert<T, const N: usize>(
    entries: &mut heapless::Vec<(Prefix, T), N>,
    prefix: Prefix,
    value: T,
) -> Result<(), RouteTableError> {
    match entries.iter_mut().find(|(present, _)| *present == prefix) {
        Some((_, present)) => {
            *present = value;
            Ok(())
        }
        None => entries.push((prefix, value)).map_err(|_| RouteTableError::Full),
    }
}

fn remove<T, const N: usize>(entries: &mut heapless::Vec<(Prefix, T), N>, prefix: Prefix) -> Option<T> {
    let index = entries.iter().position(|(present, _)| *present == prefix)?;
    Some(entries.swap_remove(index).1)
}

fn longest<T: Copy>(entries: &[(Prefix, T)], address: IpAddr) -> Option<T> {
    let matching = entries.iter().filter(|(prefix, _)| prefix.contains(address));
    matching.max_by_key(|(prefix, _)| prefix.len).map(|&(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn prefixes_are_checked() {
        assert_eq!(Prefix::new(address("10.0.0.0"), 33), Err(RouteTableError::PrefixLength));
        assert_eq!(Prefix::new(address("::"), 129), Err(RouteTableError::PrefixLength));
        assert_eq!(Prefix::new(address("10.0.0.1"), 31), Err(RouteTableError::HostBits));
        assert_eq!(Prefix::new(address("::1"), 0), Err(RouteTableError::HostBits));
        assert_eq!(Prefix::new(address("10.0.0.1"), 32), Ok(Prefix::host(address("10.0.0.1"))));
        assert_eq!(Prefix::new(address("::1"), 128), Ok(Prefix::host(address("::1"))));
    }

    #[test]
    fn prefixes_contain_what_they_should() {
        let prefix = Prefix::new(address("10.1.128.0"), 17).unwrap();
        assert!(prefix.contains(address("10.1.128.0")) && prefix.contains(address("10.1.255.255")));
        assert!(!prefix.contains(address("10.1.127.255")) && !prefix.contains(address("10.2.128.0")));
        let all = Prefix::new(address("0.0.0.0"), 0).unwrap();
        assert!(all.contains(address("255.255.255.255")) && !all.contains(address("::")));
        assert!(Prefix::new(address("::"), 0).unwrap().contains(address("ffff::")));
        assert!(!Prefix::host(address("::1")).contains(address("::2")));
    }

    #[test]
    fn longest_prefix_wins_in_any_order() {
        let route = |next_hop| Route { next_hop, xcast_capable: true, mtu: 1500 };
        for order in [[0, 8, 32], [32, 8, 0], [8, 32, 0]] {
            let mut table = RouteTable::<u8, 3>::new();
            for len in order {
                let base = if len == 32 {
                    "10.0.0.1"
                } else if len == 8 {
                    "10.0.0.0"
                } else {
                    "0.0.0.0"
                };
                table.insert_route(Prefix::new(address(base), len).unwrap(), route(len)).unwrap();
            }
            assert_eq!(table.route(address("10.0.0.1")), Some(route(32)));
            assert_eq!(table.route(address("10.0.0.2")), Some(route(8)));
            assert_eq!(table.route(address("11.0.0.2")), Some(route(0)));
            assert_eq!(table.route(address("::")), None);
            assert_eq!(table.insert_route(Prefix::host(address("1.2.3.4")), route(0)), Err(RouteTableError::Full));
            table.insert_route(Prefix::host(address("10.0.0.1")), route(33)).unwrap();
            assert_eq!(table.route(address("10.0.0.1")), Some(route(33)), "replaced");
            assert_eq!(table.remove_route(Prefix::host(address("10.0.0.1"))), Some(route(33)));
            assert_eq!(table.route(address("10.0.0.1")), Some(route(8)));
        }
    }

    #[test]
    fn own_addresses_and_tunnels() {
        let mut table = RouteTable::<u8, 1>::new();
        table.insert_address(address("10.0.0.1")).unwrap();
        table.insert_address(address("10.0.0.1")).unwrap();
        assert_eq!(table.insert_address(address("10.0.0.2")), Err(RouteTableError::Full));
        assert!(table.is_local(address("10.0.0.1")) && !table.is_local(address("10.0.0.2")));
        assert!(table.remove_address(address("10.0.0.1")) && !table.remove_address(address("10.0.0.1")));
        let tunnel = Tunnel::new(address("192.0.2.1"), address("192.0.2.2")).unwrap();
        table.insert_tunnel(Prefix::new(address("2001:db8::"), 32).unwrap(), tunnel).unwrap();
        assert_eq!(table.tunnel(address("2001:db8::1")), Some(tunnel));
        assert_eq!(table.tunnel(address("2001:db9::1")), None);
        assert_eq!(Tunnel::new(address("192.0.2.1"), address("::1")), None);
    }
}
