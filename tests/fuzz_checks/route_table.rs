//! `forward::RouteTable`, filled, emptied and asked in any order, beside a model: prefixes are refused for the right reason, the longest
//! one wins, families do not mix, a full table refuses and changes nothing. Shared by the fuzz target and the test that replays its
//! corpus. Its user includes `input.rs` and `models/route_table.rs` beside it.

use std::net::IpAddr;

use xcast_sec::forward::{Prefix, Route, RouteLookup, RouteTable, RouteTableError, Tunnel};

use super::input::Input;
use super::route_table_model::{Entries, bits};

/// No input goes on for longer.
const STEPS: usize = 96;

struct World<const N: usize> {
    table: RouteTable<u8, N>,
    routes: Entries<Route<u8>>,
    tunnels: Entries<Tunnel>,
    own: Entries<()>,
}

/// Checks what the octets make happen. A finding panics.
pub(crate) fn check(data: &[u8]) {
    let mut input = Input::new(data);
    match input.octet() & 3 {
        0 => World::<1>::play(&mut input),
        1 => World::<2>::play(&mut input),
        2 => World::<4>::play(&mut input),
        _ => World::<12>::play(&mut input),
    }
}

/// Near to others: 10.0.0.0, or what of IPv6 has the same first bits, but for two bits at most.
fn address(input: &mut Input<'_>) -> IpAddr {
    let [first, second] = [input.octet(), input.octet()];
    let flip = |bit: u8| 1_u128.checked_shl(127 - u32::from(bit & 127)).unwrap_or(0);
    let v6 = first & 128 != 0;
    let base = 0x0a00_0000_u128 << 96;
    let second = if second & 128 == 0 { flip(second) } else { 0 };
    let value = base ^ flip(if v6 { first } else { first & 31 }) ^ if v6 { second } else { second & !0 << 96 };
    if v6 { IpAddr::V6(value.into()) } else { IpAddr::V4(((value >> 96) as u32).into()) }
}

/// The last address that has the first `len` bits of `address`; with `ones` false the first.
fn edge(address: IpAddr, len: u8, ones: bool) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let behind = u32::MAX.checked_shr(len.into()).unwrap_or(0);
            let first = address.to_bits() & !behind;
            IpAddr::V4((if ones { first | behind } else { first }).into())
        }
        IpAddr::V6(address) => {
            let behind = u128::MAX.checked_shr(len.into()).unwrap_or(0);
            let first = address.to_bits() & !behind;
            IpAddr::V6((if ones { first | behind } else { first }).into())
        }
    }
}

/// The next address or the one before, counted round.
fn beside(address: IpAddr, by: i8) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4(address.to_bits().wrapping_add_signed(by.into()).into()),
        IpAddr::V6(address) => IpAddr::V6(address.to_bits().wrapping_add_signed(by.into()).into()),
    }
}

/// What `Prefix::new` makes of any address and length, which is what it should; `None` if it takes neither.
fn prefix(input: &mut Input<'_>) -> Option<Prefix> {
    let [len, any] = [input.octet(), input.octet()];
    let mut address = address(input);
    let width = bits(address).len();
    // A little more than there are, too.
    let len = len % (width as u8 + 3);
    if any & 7 != 0 {
        address = edge(address, len, false);
    }
    let is_set = |bit: &bool| *bit;
    let expected = match bits(address).get(usize::from(len)..) {
        None => Err(RouteTableError::PrefixLength),
        Some(behind) if behind.iter().any(is_set) => Err(RouteTableError::HostBits),
        Some(_) => Ok((address, len)),
    };
    let made = Prefix::new(address, len);
    assert_eq!(made.map(|prefix| (prefix.address(), prefix.len())), expected);
    let prefix = made.ok()?;
    assert_eq!(prefix == Prefix::host(address), usize::from(len) == width);
    Some(prefix)
}

fn tunnel(input: &mut Input<'_>) -> Tunnel {
    let choice = input.octet();
    let end =
        |number: u8| if choice & 1 == 0 { IpAddr::from([203, 0, 113, number]) } else { IpAddr::from([number; 16]) };
    let tunnel = Tunnel::new(end(choice >> 1 & 1), end(2 + (choice >> 2 & 3))).expect("of one family");
    tunnel.with_hop_limit(choice >> 4)
}

impl<const N: usize> World<N> {
    fn play(input: &mut Input<'_>) {
        let (routes, tunnels, own) = (Entries::new(N), Entries::new(N), Entries::new(N));
        let mut world = Self { table: RouteTable::new(), routes, tunnels, own };
        for _ in 0..STEPS {
            if input.is_empty() {
                break;
            }
            world.step(input);
        }
        world.ask_around();
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.octet() & 15 {
            0..=4 => {
                let Some(prefix) = prefix(input) else { return };
                let choice = input.octet();
                let mtu = 1280 + usize::from(choice >> 3);
                let route = Route { next_hop: choice & 3, xcast_capable: choice & 4 != 0, mtu };
                let taken = self.table.insert_route(prefix, route);
                let expected = self.routes.insert(prefix.address(), prefix.len(), route);
                assert_eq!(taken, if expected { Ok(()) } else { Err(RouteTableError::Full) });
                self.ask_at(prefix);
            }
            5 | 6 => {
                let Some(prefix) = prefix(input) else { return };
                let expected = self.routes.remove(prefix.address(), prefix.len());
                assert_eq!(self.table.remove_route(prefix), expected);
                self.ask_at(prefix);
            }
            7 | 8 => {
                let Some(prefix) = prefix(input) else { return };
                let tunnel = tunnel(input);
                let taken = self.table.insert_tunnel(prefix, tunnel);
                let expected = self.tunnels.insert(prefix.address(), prefix.len(), tunnel);
                assert_eq!(taken, if expected { Ok(()) } else { Err(RouteTableError::Full) });
                self.ask_at(prefix);
            }
            9 => {
                let Some(prefix) = prefix(input) else { return };
                let expected = self.tunnels.remove(prefix.address(), prefix.len());
                assert_eq!(self.table.remove_tunnel(prefix), expected);
                self.ask_at(prefix);
            }
            10 | 11 => {
                let address = address(input);
                let expected = self.own.insert(address, 0, ());
                let taken = self.table.insert_address(address);
                assert_eq!(taken, if expected { Ok(()) } else { Err(RouteTableError::Full) });
                self.ask(address);
            }
            12 => {
                let address = address(input);
                assert_eq!(self.table.remove_address(address), self.own.remove(address, 0).is_some());
                self.ask(address);
            }
            _ => self.ask(address(input)),
        }
    }

    fn ask(&self, address: IpAddr) {
        let route = self.routes.longest(address);
        assert_eq!(self.table.route(address), route, "{address}");
        assert_eq!(self.table.tunnel(address), self.tunnels.longest(address), "{address}");
        assert_eq!(self.table.is_local(address), self.own.iter().any(|own| own.0 == address), "{address}");
        for hop in 0..4 {
            assert_eq!(self.table.is_reverse_path(address, hop), route.is_some_and(|route| route.next_hop == hop));
        }
        // A table that is lent says the same.
        assert_eq!(RouteLookup::route(&&self.table, address), route);
    }

    /// At both ends of a prefix, and beside them.
    fn ask_at(&self, prefix: Prefix) {
        for (address, outwards) in [(prefix.address(), -1), (edge(prefix.address(), prefix.len(), true), 1)] {
            assert!(prefix.contains(address));
            assert!(prefix.len() == 0 || !prefix.contains(beside(address, outwards)));
            self.ask(address);
            self.ask(beside(address, outwards));
        }
    }

    /// Everywhere that something may be seen.
    fn ask_around(&self) {
        let routes = self.routes.iter().map(|&(address, len, _)| (address, len));
        let tunnels = self.tunnels.iter().map(|&(address, len, _)| (address, len));
        for (address, len) in routes.chain(tunnels) {
            self.ask_at(Prefix::new(address, len).expect("it was taken"));
        }
        self.own.iter().for_each(|own| self.ask(own.0));
        for (_, _, tunnel) in self.tunnels.iter() {
            let (local, remote) = (tunnel.local(), tunnel.remote());
            assert!(self.table.is_tunnel(local, remote), "a tunnel of the table");
            let back = self.tunnels.iter().any(|other| (other.2.local(), other.2.remote()) == (remote, local));
            assert_eq!(self.table.is_tunnel(remote, local), back);
            let other = beside(local, 1);
            let known = self.tunnels.iter().any(|one| (one.2.local(), one.2.remote()) == (other, remote));
            assert_eq!(self.table.is_tunnel(other, remote), known);
        }
    }
}
