//! Questions to the kernel about links, routes and neighbours (rtnetlink, RFC 3549). Nothing here waits: the kernel has
//! answered by the time that the question is written.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::IpAddr;

use super::sys::{self, Mac};

/// Octets that no answer exceeds.
const ANSWER_LEN: usize = 1 << 15;
/// Octets of the header of a message: length, type, flags, number, sender.
const HEADER_LEN: usize = 16;
/// Octets of `rtmsg`, `ndmsg` and `ifinfomsg`.
const ROUTE_LEN: usize = 12;
const NEIGHBOUR_LEN: usize = 12;
const LINK_LEN: usize = 16;
/// States of a neighbour in which its link-layer address can be used.
const USABLE: u16 =
    libc::NUD_PERMANENT | libc::NUD_NOARP | libc::NUD_REACHABLE | libc::NUD_PROBE | libc::NUD_STALE | libc::NUD_DELAY;

/// Numbers of attributes and types that `libc` does not name.
const RTAX_MTU: u16 = 2;
const RTN_UNICAST: u8 = 1;
const RTN_LOCAL: u8 = 2;

/// Where the kernel would send a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KernelRoute {
    /// To itself.
    Local,
    /// To a neighbour: the gateway or, without one, the destination itself.
    Via {
        interface: u32,
        neighbour: IpAddr,
        /// If the route has one of its own.
        mtu: Option<usize>,
    },
}

/// A link, as the kernel tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkInfo {
    pub(crate) index: u32,
    pub(crate) mac: Mac,
    pub(crate) mtu: usize,
}

/// A netlink socket.
pub(crate) struct Netlink {
    socket: File,
    number: u32,
    answer: Vec<u8>,
}

impl Netlink {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { socket: sys::route_netlink()?, number: 0, answer: vec![0; ANSWER_LEN] })
    }

    /// The Ethernet link of this name.
    pub(crate) fn link(&mut self, name: &str) -> io::Result<LinkInfo> {
        let mut body = vec![0; LINK_LEN];
        let mut name = name.as_bytes().to_vec();
        name.push(0);
        attribute(&mut body, libc::IFLA_IFNAME, &name);
        let answer = self.ask(libc::RTM_GETLINK, 0, &body)?;
        let index = answer.get(4..8).and_then(number).ok_or_else(unreadable)?;
        let attributes = answer.get(LINK_LEN..).unwrap_or(&[]);
        let mac = find(attributes, libc::IFLA_ADDRESS).and_then(|mac| mac.try_into().ok());
        let mtu = find(attributes, libc::IFLA_MTU).and_then(number);
        let no_ethernet = || io::Error::other("not an Ethernet interface");
        Ok(LinkInfo { index, mac: mac.ok_or_else(no_ethernet)?, mtu: mtu.ok_or_else(unreadable)? as usize })
    }

    /// The route to `destination`; `None` if there is none, or none that leads to one neighbour.
    pub(crate) fn route(&mut self, destination: IpAddr) -> io::Result<Option<KernelRoute>> {
        let octets = octets(destination);
        let mut body = vec![0; ROUTE_LEN];
        body[0] = family(destination);
        body[1] = (octets.len() * 8) as u8;
        attribute(&mut body, libc::RTA_DST, &octets);
        let answer = match self.ask(libc::RTM_GETROUTE, 0, &body) {
            Ok(answer) => answer,
            // Unreachable, prohibited, a black hole, or nothing at all.
            Err(error) if error.raw_os_error().is_some() && error.kind() != io::ErrorKind::WouldBlock => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let attributes = answer.get(ROUTE_LEN..).unwrap_or(&[]);
        Ok(match answer.get(7) {
            Some(&RTN_LOCAL) => Some(KernelRoute::Local),
            Some(&RTN_UNICAST) => {
                let gateway = find(attributes, libc::RTA_GATEWAY).and_then(address);
                let interface = find(attributes, libc::RTA_OIF).and_then(number);
                let metrics = find(attributes, libc::RTA_METRICS);
                let mtu = metrics.and_then(|metrics| find(metrics, RTAX_MTU)).and_then(number);
                let neighbour = gateway.unwrap_or(destination);
                interface.map(|interface| KernelRoute::Via {
                    interface,
                    neighbour,
                    mtu: mtu.filter(|&mtu| mtu > 0).map(|mtu| mtu as usize),
                })
            }
            _ => None,
        })
    }

    /// The link-layer address of a neighbour, if the kernel knows it.
    pub(crate) fn neighbour(&mut self, interface: u32, address: IpAddr) -> io::Result<Option<Mac>> {
        match self.ask(libc::RTM_GETNEIGH, 0, &neighbour_body(interface, address, 0)) {
            Ok(answer) => {
                let state = answer.get(8..10).map_or(0, |state| u16::from_ne_bytes([state[0], state[1]]));
                let attributes = answer.get(NEIGHBOUR_LEN..).unwrap_or(&[]);
                let mac = find(attributes, libc::NDA_LLADDR).and_then(|mac| mac.try_into().ok());
                Ok(mac.filter(|_| state & USABLE != 0))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Has the kernel find out the link-layer address of a neighbour, or whether the one it knows is still right.
    pub(crate) fn resolve(&mut self, interface: u32, address: IpAddr) -> io::Result<()> {
        let flags = libc::NLM_F_CREATE | libc::NLM_F_REPLACE | libc::NLM_F_ACK;
        self.ask(libc::RTM_NEWNEIGH, flags, &neighbour_body(interface, address, libc::NTF_USE)).map(|_| ())
    }

    /// Sends a question and returns what follows the header of its answer: nothing, if it is an acknowledgement.
    fn ask(&mut self, kind: u16, flags: i32, body: &[u8]) -> io::Result<Vec<u8>> {
        self.number = self.number.wrapping_add(1);
        let mut message = Vec::with_capacity(HEADER_LEN + body.len());
        message.extend(((HEADER_LEN + body.len()) as u32).to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend(((libc::NLM_F_REQUEST | flags) as u16).to_ne_bytes());
        message.extend(self.number.to_ne_bytes());
        message.extend([0; 4]);
        message.extend(body);
        self.socket.write_all(&message)?;
        loop {
            let len = self.socket.read(&mut self.answer)?;
            let answer = self.answer.get(..len).unwrap_or(&[]);
            let (Some(said), Some(kind)) = (answer.get(..4).and_then(number), answer.get(4..6)) else {
                return Err(unreadable());
            };
            // An answer to an earlier question that nobody waited for.
            if answer.get(8..12).and_then(number) != Some(self.number) {
                continue;
            }
            let body = answer.get(HEADER_LEN..said as usize).ok_or_else(unreadable)?;
            if kind == (libc::NLMSG_ERROR as u16).to_ne_bytes() {
                // A negative error number, or 0.
                return match body.first_chunk().map(|code| i32::from_ne_bytes(*code)) {
                    Some(0) => Ok(Vec::new()),
                    Some(code) => Err(io::Error::from_raw_os_error(code.saturating_neg())),
                    None => Err(unreadable()),
                };
            }
            return Ok(body.to_vec());
        }
    }
}

fn neighbour_body(interface: u32, address: IpAddr, flags: u8) -> Vec<u8> {
    let mut body = vec![0; NEIGHBOUR_LEN];
    body[0] = family(address);
    body[4..8].copy_from_slice(&interface.to_ne_bytes());
    body[10] = flags;
    attribute(&mut body, libc::NDA_DST, &octets(address));
    body
}

/// Appends an attribute: length, type, value, padded to 4 octets.
fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    body.extend(((4 + value.len()) as u16).to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

/// The value of the first attribute of this type.
fn find(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let (len, kind) = attributes.first_chunk::<4>().map(|head| {
            (usize::from(u16::from_ne_bytes([head[0], head[1]])), u16::from_ne_bytes([head[2], head[3]]))
        })?;
        let value = attributes.get(4..len)?;
        if kind == wanted {
            return Some(value);
        }
        attributes = attributes.get(len.next_multiple_of(4)..)?;
    }
}

fn number(octets: &[u8]) -> Option<u32> {
    octets.first_chunk().map(|number| u32::from_ne_bytes(*number))
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).ok().map(IpAddr::from);
    v4.or_else(|| <[u8; 16]>::try_from(octets).ok().map(IpAddr::from))
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn family(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => libc::AF_INET as u8,
        IpAddr::V6(_) => libc::AF_INET6 as u8,
    }
}

fn unreadable() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "unreadable answer of the kernel")
}
