//! The role `receiver`: opens what comes for this host, and hands it to the kernel through a TUN device, as the unicast
//! packets that its programs expect.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};

use xcast_sec::crypto::RustCrypto;
use xcast_sec::ipsec::{
    Action, AnySender, Directionality, FixedSad, FixedSpd, Inbound, Layers, NoAudit, PacketBuf, PolicyEntry, PolicyId,
    SecurityProtocol, SelectorSet, SenderWindows,
};
use xcast_sec::stack::{Delivery, Incoming, ReceiveError, Receiver, ReceiverPolicy};
use xcast_sec::time::Instant;
use xcast_sec::wire::{ChecksumPolicy, CodePoints, Encapsulated, IpHeader, ParseErrorKind, XcastPacket};

use super::config::{ReceiverConfig, Requirement};
use super::keys::MAX_ASSOCIATIONS;
use super::link::FRAME_LEN;
use super::log::{self, Log};
use super::network::Network;
use super::node::{AT_ONCE, Node};
use super::sys;

/// Senders that are kept apart, and the words of 64 numbers that each one's window has at most.
const MAX_SENDERS: usize = 256;
const WINDOW_WORDS: usize = 2;
/// Requirements that a configuration can have.
const MAX_REQUIREMENTS: usize = 64;
/// A packet inside of a packet that was protected itself is opened too, but not for ever.
const MAX_NESTED: usize = 4;

/// Where associations are kept.
pub(crate) type Sad = FixedSad<RustCrypto, MAX_ASSOCIATIONS>;
type Windows = SenderWindows<MAX_SENDERS, WINDOW_WORDS>;
type End<'s> = Receiver<&'s mut Sad, Windows, FixedSpd<MAX_REQUIREMENTS>, AnySender, NoAudit>;

pub(crate) struct ReceiverNode<'s> {
    network: Network,
    receiver: End<'s>,
    tun: Tun,
    log: Log,
    buffer: Vec<u8>,
    /// Where packets are opened.
    storage: Vec<u8>,
}

/// The way to the kernel, and what was counted there.
struct Tun {
    device: File,
    counters: TunCounters,
}

#[derive(Debug, Default)]
struct TunCounters {
    packets: u64,
    failed: u64,
    not_unicast: u64,
}

impl<'s> ReceiverNode<'s> {
    /// The associations of `sad` are all made for `policy`. The error is a sentence for the user.
    pub(crate) fn new(
        config: &ReceiverConfig,
        code_points: CodePoints,
        policy: PolicyId,
        sad: &'s mut Sad,
    ) -> Result<Self, String> {
        let network = Network::with_tunnels(&config.interfaces, &code_points)?;
        let device = sys::tun(&config.tun).map_err(|error| format!("TUN device {}: {error}", config.tun))?;
        let mut spd = FixedSpd::new();
        for requirement in &config.requirements {
            spd.push(entry(requirement, policy)).map_err(|error| format!("require: {error}"))?;
        }
        let windows = Windows::new(config.window).ok_or("window: no such size")?;
        let inbound = Inbound::new(sad, windows, spd, AnySender, NoAudit);
        Ok(Self {
            network,
            receiver: Receiver::new(inbound, code_points, ReceiverPolicy::default()),
            tun: Tun { device, counters: TunCounters::default() },
            log: Log::new(),
            buffer: vec![0; FRAME_LEN],
            storage: Vec::new(),
        })
    }

    fn packet(&mut self, now: Instant, packet: &[u8]) {
        self.network.forget_routes();
        let Some(packet) = self.xcast_in(packet) else { return };
        self.storage.clear();
        self.storage.extend(packet);
        let len = self.storage.len();
        let Some(mut packet) = PacketBuf::new(&mut self.storage, 0..len) else { return };
        let (network, tun, log) = (&self.network, &mut self.tun, &mut self.log);
        let source = IpHeader::split(packet.as_octets()).map_or_else(|_| "?".into(), |(ip, _)| ip.source().to_string());
        for _ in 0..MAX_NESTED {
            match self.receiver.receive(&mut RustCrypto, now, |address| network.is_local(address), &mut packet) {
                Ok(Incoming::Packet(delivery)) => tun.deliver(now, &delivery, log),
                Ok(Incoming::Dummy(_)) => {}
                // Others are served by the same packet, or it was for them from the start: that is no event.
                Err(ReceiveError::NotForThisHost | ReceiveError::NotServed) => {}
                Err(ReceiveError::StillProtected) => continue,
                Err(error) => log.packet(now, format_args!("refused, from {source}: {error}")),
            }
            return;
        }
        log.packet(now, format_args!("refused, from {source}: protected more often than is opened"));
    }

    /// The Xcast packet that arrived, or that is in a tunnel that ends here (RFC 5058 §11.3, §11.4). All else is the
    /// kernel's own business, what a router made unicast included.
    fn xcast_in<'p>(&self, packet: &'p [u8]) -> Option<&'p [u8]> {
        let code_points = self.receiver.code_points();
        let is_xcast = |packet: &[u8]| match XcastPacket::parse(packet, code_points, ChecksumPolicy::Verify) {
            // Damaged or not, the receiver counts it.
            Ok(_) => true,
            Err(error) => error.kind() != ParseErrorKind::NotXcast,
        };
        if is_xcast(packet) {
            return Some(packet);
        }
        let tunnel = Encapsulated::parse(packet, code_points).ok().flatten()?;
        let is_ours = self.network.is_local(tunnel.outer().destination());
        Some(tunnel.inner()).filter(|inner| is_ours && is_xcast(inner))
    }
}

/// What policy says of the packets that a requirement is for.
fn entry(requirement: &Requirement, policy: PolicyId) -> PolicyEntry {
    let action = match requirement.required {
        Some(required) => Action::Protect { policy, required },
        None => Action::Bypass,
    };
    // Of a received multicast packet the source is the local end (RFC 5374 §4.1.1), and Xcast packets are multicast
    // ones.
    let selectors = SelectorSet { local: requirement.from, ..SelectorSet::ANY };
    PolicyEntry { directionality: Directionality::ReceiverOnly, selectors, action }
}

impl Tun {
    /// Hands a packet to the kernel, once for each address and port of this host that it is for.
    fn deliver(&mut self, now: Instant, delivery: &Delivery<'_>, log: &mut Log) {
        let before = self.counters.packets;
        let mut octets = Vec::new();
        for copy in delivery.unicast() {
            octets.resize(copy.len(), 0);
            let written = copy.emit(&mut octets).map_err(io::Error::other).and_then(|_| self.device.write(&octets));
            match written {
                Ok(_) => self.counters.packets += 1,
                Err(error) => {
                    self.counters.failed += 1;
                    log.packet(now, format_args!("not handed to the kernel: {error}"));
                    return;
                }
            }
        }
        if self.counters.packets == before {
            self.counters.not_unicast += 1;
            let protocol = delivery.next_protocol();
            return log.packet(now, format_args!("of no use to the kernel: protocol {protocol} cannot become unicast"));
        }
        let (from, to, port) = (delivery.source(), delivery.address(), delivery.port());
        let port = port.map_or_else(String::new, |port| format!(" port {port}"));
        let (len, how) = (delivery.payload().len(), describe(delivery.protection()));
        log.packet(now, format_args!("delivered, from {from} to {to}{port}: {len} octets, {how}"));
    }
}

/// What was taken off a packet, from the outside in, with the numbers it had.
fn describe(layers: Option<&Layers>) -> String {
    let Some(layers) = layers else { return "in the clear".into() };
    let layer = |opened: &xcast_sec::ipsec::Opened| {
        let name = match opened.sa.protocol {
            SecurityProtocol::Ah => "AH",
            SecurityProtocol::Esp => "ESP",
        };
        format!("{name} #{}", opened.sequence)
    };
    layers.iter().map(layer).collect::<Vec<_>>().join(" and ")
}

impl Node for ReceiverNode<'_> {
    fn files(&self) -> Vec<RawFd> {
        let mut files = self.network.files();
        files.push(self.tun.device.as_raw_fd());
        files
    }

    fn ready(&mut self, now: Instant, index: usize) -> io::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        for _ in 0..AT_ONCE {
            let Some(interface) = self.network.interfaces.get_mut(index) else {
                // What the kernel sends on the device is for nobody: there is no network behind it.
                match self.tun.device.read(&mut buffer) {
                    Ok(_) => continue,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(io::Error::other(format!("TUN device: {error}"))),
                }
            };
            match interface.receive(&mut buffer) {
                Ok(Some(frame)) => self.packet(now, frame.packet),
                Ok(None) => break,
                Err(error) => {
                    let line = format!("interface {}: {error}", interface.name);
                    self.log.packet(now, line);
                    break;
                }
            }
        }
        self.buffer = buffer;
        Ok(())
    }

    fn tick(&mut self, _: Instant) -> io::Result<()> {
        self.network.refresh()
    }

    fn tell(&self) {
        log::counters("receiver", self.receiver.counters());
        log::counters("ipsec", self.receiver.inbound.counters());
        log::counters("tun", &self.tun.counters);
    }
}
