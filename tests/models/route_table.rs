//! A routing table in the plainest form: a list of prefixes, bit by bit, in which the longest that an address starts with is looked for
//! from the longest down.

use std::net::IpAddr;

/// The bits of an address, the first first.
pub(crate) fn bits(address: IpAddr) -> Vec<bool> {
    let octets = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    octets.iter().flat_map(|octet| (0..8).map(move |bit| octet >> (7 - bit) & 1 != 0)).collect()
}

/// Entries of one kind, as many as there is room for.
pub(crate) struct Entries<T> {
    room: usize,
    entries: Vec<(IpAddr, u8, T)>,
}

impl<T: Copy> Entries<T> {
    pub(crate) fn new(room: usize) -> Self {
        Self { room, entries: Vec::new() }
    }

    fn place(&self, address: IpAddr, len: u8) -> Option<usize> {
        self.entries.iter().position(|entry| (entry.0, entry.1) == (address, len))
    }

    /// Whether it was taken.
    pub(crate) fn insert(&mut self, address: IpAddr, len: u8, value: T) -> bool {
        match self.place(address, len) {
            Some(at) => self.entries[at].2 = value,
            None if self.entries.len() == self.room => return false,
            None => self.entries.push((address, len, value)),
        }
        true
    }

    pub(crate) fn remove(&mut self, address: IpAddr, len: u8) -> Option<T> {
        self.place(address, len).map(|at| self.entries.remove(at).2)
    }

    pub(crate) fn longest(&self, address: IpAddr) -> Option<T> {
        let wanted = bits(address);
        (0..=wanted.len()).rev().find_map(|len| {
            let starts = |entry: &&(IpAddr, u8, T)| {
                let of_len = usize::from(entry.1) == len && entry.0.is_ipv4() == address.is_ipv4();
                of_len && bits(entry.0)[..len] == wanted[..len]
            };
            self.entries.iter().find(starts).map(|entry| entry.2)
        })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &(IpAddr, u8, T)> {
        self.entries.iter()
    }
}
