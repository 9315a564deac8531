//! Links in memory, and their ends as devices of smoltcp.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

/// Octets of the longest IP packet that a link takes.
pub(crate) const MTU: usize = 1500;
/// Octets of an Ethernet header.
pub(crate) const ETHERNET_HEADER_LEN: usize = 14;
/// Octets of the shortest Ethernet frame, its check sequence not counted (IEEE 802.3).
const MIN_ETHERNET_LEN: usize = 60;

/// One direction of a link.
#[derive(Default)]
struct Direction {
    under_way: VecDeque<Vec<u8>>,
    /// Every frame that was ever sent.
    seen: Vec<Vec<u8>>,
}

/// One end of a link. A clone is the same end.
#[derive(Clone)]
pub(crate) struct Port {
    medium: Medium,
    incoming: Rc<RefCell<Direction>>,
    outgoing: Rc<RefCell<Direction>>,
}

/// A link, as its two ends.
pub(crate) fn link(medium: Medium) -> (Port, Port) {
    let (one, other) = (Rc::default(), Rc::default());
    let first = Port { medium, incoming: Rc::clone(&one), outgoing: Rc::clone(&other) };
    (first, Port { medium, incoming: other, outgoing: one })
}

impl Port {
    pub(crate) fn medium(&self) -> Medium {
        self.medium
    }

    /// Where a frame's IP packet starts, if it holds one.
    pub(crate) fn packet_at(&self) -> usize {
        match self.medium {
            Medium::Ip => 0,
            Medium::Ethernet => ETHERNET_HEADER_LEN,
        }
    }

    /// The next frame that has arrived here.
    pub(crate) fn take(&self) -> Option<Vec<u8>> {
        self.incoming.borrow_mut().under_way.pop_front()
    }

    /// Sends a frame to the other end. Ethernet fills a short one up.
    pub(crate) fn put(&self, mut frame: Vec<u8>) {
        if self.medium == Medium::Ethernet && frame.len() < MIN_ETHERNET_LEN {
            frame.resize(MIN_ETHERNET_LEN, 0);
        }
        let mut outgoing = self.outgoing.borrow_mut();
        outgoing.seen.push(frame.clone());
        outgoing.under_way.push_back(frame);
    }

    /// Whether nothing is under way, in either direction.
    pub(crate) fn is_quiet(&self) -> bool {
        self.incoming.borrow().under_way.is_empty() && self.outgoing.borrow().under_way.is_empty()
    }

    /// Every frame that was ever sent from here.
    pub(crate) fn sent(&self) -> Vec<Vec<u8>> {
        self.outgoing.borrow().seen.clone()
    }
}

impl Device for Port {
    type RxToken<'a> = Frame;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Frame, Room<'_>)> {
        let frame = self.take()?;
        Some((Frame(frame), Room(self)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Room<'_>> {
        Some(Room(self))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = self.medium;
        capabilities.max_transmission_unit = MTU + self.packet_at();
        capabilities
    }
}

/// A frame that has arrived.
pub(crate) struct Frame(pub(crate) Vec<u8>);

impl phy::RxToken for Frame {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

/// Room for a frame to be sent.
pub(crate) struct Room<'a>(&'a Port);

impl phy::TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut frame = vec![0; len];
        let result = write(&mut frame);
        self.0.put(frame);
        result
    }
}
