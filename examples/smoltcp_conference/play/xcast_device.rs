//! The wrapper that goes between a device and an interface of smoltcp, and makes Xcast arrive at ordinary sockets.

use std::collections::VecDeque;
use std::net::IpAddr;

use smoltcp::phy::{Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;
use xcast_sec::crypto::RustCrypto;
use xcast_sec::ipsec::{PacketBuf, Received};
use xcast_sec::stack::{Incoming, ReceiveError};
use xcast_sec::wire::{ChecksumPolicy, ParseErrorKind, XcastPacket};

use super::port::{ETHERNET_HEADER_LEN, Frame};
use super::session::{MemberReceiver, to_ours};

/// How many protections of this host's own may lie in one another.
const MAX_NESTED: usize = 4;

/// A device whose Xcast packets come out as unicast ones, opened and checked.
///
/// - An Xcast packet for this host is opened ([`Receiver`]), and comes out as an ordinary packet for each destination that is
///   this host ([`Delivery::unicast`]). Any other Xcast packet is dropped: smoltcp knows none.
/// - Every other packet is held to the policy as well: else whoever wants to speak without the key would do so in the clear. What
///   policy lets pass comes out as it is, what is protected and for this host, opened.
/// - What is no IP packet, such as ARP, comes out as it is. So does everything that smoltcp sends.
///
/// It works with any device of bare IP packets or Ethernet frames, and any stack that takes such a device.
///
/// [`Receiver`]: xcast_sec::stack::Receiver
/// [`Delivery::unicast`]: xcast_sec::stack::Delivery::unicast
pub(crate) struct XcastDevice<D> {
    device: D,
    receiver: MemberReceiver,
    own: IpAddr,
    /// What is to come out next. It is filled only while it is empty, and by one packet, so that it is bounded by what there can
    /// be of destinations.
    ready: VecDeque<Vec<u8>>,
    last_refusal: Option<ReceiveError>,
}

/// What becomes of a packet that was received.
enum Fate {
    /// What there is to hand on is.
    Done,
    /// It is to be handed on as it is in its buffer.
    AsItIs,
    /// It is protected inside.
    Again,
}

impl<D: Device> XcastDevice<D> {
    pub(crate) fn new(device: D, receiver: MemberReceiver, own: IpAddr) -> Self {
        Self { device, receiver, own, ready: VecDeque::new(), last_refusal: None }
    }

    /// With all its counters.
    pub(crate) fn receiver(&self) -> &MemberReceiver {
        &self.receiver
    }

    /// Why the last packet that did not pass did not, and forgets it.
    pub(crate) fn take_refusal(&mut self) -> Option<ReceiveError> {
        self.last_refusal.take()
    }

    /// Where the IP header is, if it is one.
    fn packet_at(&self, frame: &[u8]) -> Option<usize> {
        match self.device.capabilities().medium {
            Medium::Ip => Some(0),
            Medium::Ethernet => match frame.get(12..ETHERNET_HEADER_LEN) {
                Some([0x08, 0x00] | [0x86, 0xdd]) => Some(ETHERNET_HEADER_LEN),
                _ => None,
            },
        }
    }

    fn admit(&mut self, now: Instant, frame: Vec<u8>) {
        let Some(at) = self.packet_at(&frame) else { return self.ready.push_back(frame) };
        let own = self.own;
        let result = match self.receiver.look(&frame[at..], |address| address == own) {
            Ok(()) => self.receive(now, &frame, at),
            Err(error) if self.is_xcast(&frame[at..]) => Err(error),
            // A packet to a group or to a link-local address, a fragment, or one of a host that has no address yet: it is
            // smoltcp's business, if policy lets it pass.
            Err(ReceiveError::NotForThisHost | ReceiveError::Fragment | ReceiveError::UnusableSource) => {
                self.hold_to_policy(now, &frame, at)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            self.last_refusal = Some(error);
        }
    }

    fn is_xcast(&self, packet: &[u8]) -> bool {
        let parsed = XcastPacket::parse(packet, self.receiver.code_points(), ChecksumPolicy::Ignore);
        parsed.map_or_else(|error| error.kind() != ParseErrorKind::NotXcast, |_| true)
    }

    /// A packet that is for this host, Xcast or not.
    fn receive(&mut self, now: Instant, frame: &[u8], at: usize) -> Result<(), ReceiveError> {
        let own = self.own;
        let (header, packet) = frame.split_at(at);
        let mut storage = packet.to_vec();
        let len = storage.len();
        let Some(mut packet) = PacketBuf::new(&mut storage, 0..len) else { return Ok(()) };
        for _ in 0..MAX_NESTED {
            let received = self.receiver.receive(&mut RustCrypto, to_ours(now), |address| address == own, &mut packet);
            let fate = match received {
                Ok(Incoming::Packet(delivery)) if delivery.is_xcast() => {
                    for copy in delivery.unicast() {
                        let mut frame = vec![0; header.len() + copy.len()];
                        frame[..header.len()].copy_from_slice(header);
                        // There is room for all of it.
                        if copy.emit(&mut frame[header.len()..]).is_ok() {
                            self.ready.push_back(frame);
                        }
                    }
                    Fate::Done
                }
                Ok(Incoming::Packet(_)) => Fate::AsItIs,
                Ok(Incoming::Dummy(_)) => Fate::Done,
                Err(ReceiveError::StillProtected) => Fate::Again,
                Err(error) => return Err(error),
            };
            match fate {
                Fate::Done => return Ok(()),
                Fate::AsItIs => {
                    self.ready.push_back([header, packet.as_octets()].concat());
                    return Ok(());
                }
                Fate::Again => {}
            }
        }
        Err(ReceiveError::StillProtected)
    }

    /// A packet that is not Xcast and not for an address of this host. In the clear, where policy allows that, it passes.
    fn hold_to_policy(&mut self, now: Instant, frame: &[u8], at: usize) -> Result<(), ReceiveError> {
        let code_points = *self.receiver.code_points();
        let mut storage = frame[at..].to_vec();
        let len = storage.len();
        let Some(mut packet) = PacketBuf::new(&mut storage, 0..len) else { return Ok(()) };
        let inbound = &mut self.receiver.inbound;
        match inbound.process(&mut RustCrypto, Some(&code_points), to_ours(now), &mut packet) {
            Ok(Received::Bypassed) => self.ready.push_back(frame.to_vec()),
            Ok(_) => return Err(ReceiveError::NotForThisHost),
            Err(error) => return Err(ReceiveError::Ipsec(error)),
        }
        Ok(())
    }
}

impl<D: Device> Device for XcastDevice<D> {
    type RxToken<'a>
        = Frame
    where
        Self: 'a;
    type TxToken<'a>
        = D::TxToken<'a>
    where
        Self: 'a;

    fn receive(&mut self, now: Instant) -> Option<(Frame, D::TxToken<'_>)> {
        while self.ready.is_empty() {
            let (token, _) = self.device.receive(now)?;
            let frame = smoltcp::phy::RxToken::consume(token, <[u8]>::to_vec);
            self.admit(now, frame);
        }
        // Without room to answer, what is ready stays so.
        let room = self.device.transmit(now)?;
        Some((Frame(self.ready.pop_front()?), room))
    }

    fn transmit(&mut self, now: Instant) -> Option<D::TxToken<'_>> {
        self.device.transmit(now)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.device.capabilities()
    }
}
