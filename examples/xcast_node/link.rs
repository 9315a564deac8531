//! An Ethernet interface: frames in and out.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::fd::{AsRawFd, RawFd};

use xcast_sec::wire::{CodePoints, IpHeader};

use super::netlink::Netlink;
use super::sys::{self, Mac};

/// Octets of an Ethernet header: destination, source, type.
const HEADER_LEN: usize = 14;
const TYPE_AT: usize = 12;
const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];

/// Octets that hold any frame.
pub(crate) const FRAME_LEN: usize = HEADER_LEN + (1 << 16);

/// A packet that arrived.
pub(crate) struct Frame<'a> {
    /// The neighbour's link-layer address.
    pub(crate) from: Mac,
    /// From the IP header on.
    pub(crate) packet: &'a [u8],
}

/// An interface.
pub(crate) struct Interface {
    pub(crate) name: String,
    pub(crate) index: u32,
    /// Octets of the longest packet.
    pub(crate) mtu: usize,
    mac: Mac,
    groups: [Mac; 2],
    socket: File,
}

impl Interface {
    /// The interface of this name, listened on for packets to itself and to All_Xcast_Routers.
    pub(crate) fn open(name: &str, code_points: &CodePoints, netlink: &mut Netlink) -> io::Result<Self> {
        let link = netlink.link(name)?;
        let fields = code_points.fields();
        let groups = [group_mac(fields.routers_v4.into()), group_mac(fields.routers_v6.into())];
        let socket = sys::packet_socket(link.index, &groups)?;
        Ok(Self { name: name.into(), index: link.index, mtu: link.mtu, mac: link.mac, groups, socket })
    }

    /// Looks whether the MTU or the link-layer address has changed. It is an error if the interface is gone: one that
    /// comes back under its name is another, which nobody listens on.
    pub(crate) fn refresh(&mut self, netlink: &mut Netlink) -> io::Result<()> {
        match netlink.link(&self.name) {
            Ok(link) if link.index == self.index => {
                (self.mtu, self.mac) = (link.mtu, link.mac);
                Ok(())
            }
            Ok(_) => Err(io::Error::other(format!("interface {} was replaced", self.name))),
            Err(error) => Err(io::Error::other(format!("interface {}: {error}", self.name))),
        }
    }

    pub(crate) fn file(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// The next frame for this host or the Xcast routers; `None` if none is waiting.
    pub(crate) fn receive<'b>(&mut self, buffer: &'b mut [u8]) -> io::Result<Option<Frame<'b>>> {
        // Found first and lent then: a loop cannot lend the buffer and use it again.
        let len = loop {
            let len = match self.socket.read(buffer) {
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            };
            if self.is_for_us(buffer.get(..len).unwrap_or(&[])) {
                break len;
            }
        };
        let (header, packet) = buffer.get(..len).and_then(|frame| frame.split_at_checked(HEADER_LEN)).unzip();
        let from = header.and_then(|header| header.get(6..TYPE_AT)?.try_into().ok()).unwrap_or_default();
        Ok(packet.map(|packet| Frame { from, packet }))
    }

    fn is_for_us(&self, frame: &[u8]) -> bool {
        let Some((header, packet)) = frame.split_at_checked(HEADER_LEN) else { return false };
        let to = header.get(..6).unwrap_or(&[]);
        let is_ip = header.get(TYPE_AT..).is_some_and(|kind| kind == IPV4 || kind == IPV6);
        is_ip && !packet.is_empty() && (to == self.mac || self.groups.iter().any(|group| to == group))
    }

    /// Sends a packet to a neighbour.
    pub(crate) fn send(&mut self, to: Mac, packet: &[u8]) -> io::Result<()> {
        let kind = match IpHeader::split(packet) {
            Ok((IpHeader::V4(_), _)) => IPV4,
            Ok((IpHeader::V6(_), _)) => IPV6,
            Err(error) => return Err(io::Error::other(error)),
        };
        let mut frame = Vec::with_capacity(HEADER_LEN + packet.len());
        for part in [&to[..], &self.mac, &kind, packet] {
            frame.extend(part);
        }
        self.socket.write(&frame).map(|_| ())
    }
}

/// The Ethernet address of a multicast group (RFC 1112 §6.4, RFC 2464 §7).
fn group_mac(group: IpAddr) -> Mac {
    match group {
        IpAddr::V4(group) => {
            let [_, b, c, d] = group.octets();
            [0x01, 0x00, 0x5e, b & 0x7f, c, d]
        }
        IpAddr::V6(group) => {
            let [.., a, b, c, d] = group.octets();
            [0x33, 0x33, a, b, c, d]
        }
    }
}
