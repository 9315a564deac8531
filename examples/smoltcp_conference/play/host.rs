//! A host: an interface of smoltcp with its sockets. Nothing here knows of Xcast.

use std::net::IpAddr;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{ChecksumCapabilities, Device, Medium};
use smoltcp::socket::{icmp, tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{
    HardwareAddress, Icmpv4Packet, Icmpv4Repr, Icmpv6Packet, Icmpv6Repr, IpAddress, IpCidr, IpEndpoint,
};

use super::ethernet;

/// Room for so many packets of `OCTETS` octets altogether in each buffer of a socket.
const PACKETS: usize = 32;
const OCTETS: usize = 32 * 1024;
/// What the host's echo requests are known by.
const ECHO_IDENT: u16 = 0x5c5c;

/// Something that a UDP socket received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) from: (IpAddr, u16),
    pub(crate) payload: Vec<u8>,
}

pub(crate) struct Host<D> {
    pub(crate) address: IpAddr,
    pub(crate) device: D,
    interface: Interface,
    sockets: SocketSet<'static>,
    icmp: SocketHandle,
    checksums: ChecksumCapabilities,
}

impl<D: Device> Host<D> {
    pub(crate) fn new(address: IpAddr, prefix_len: u8, gateway: IpAddr, mut device: D) -> Self {
        let capabilities = device.capabilities();
        let hardware_address = match capabilities.medium {
            Medium::Ip => HardwareAddress::Ip,
            Medium::Ethernet => HardwareAddress::Ethernet(ethernet::HOST),
        };
        let mut interface = Interface::new(Config::new(hardware_address), &mut device, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            addresses.push(IpCidr::new(address.into(), prefix_len)).expect("there is room for one address");
        });
        let routes = interface.routes_mut();
        match gateway {
            IpAddr::V4(gateway) => routes.add_default_ipv4_route(gateway).map(|_| ()),
            IpAddr::V6(gateway) => routes.add_default_ipv6_route(gateway).map(|_| ()),
        }
        .expect("there is room for one route");
        let mut sockets = SocketSet::new(Vec::new());
        let buffer = || icmp::PacketBuffer::new(vec![icmp::PacketMetadata::EMPTY; PACKETS], vec![0; OCTETS]);
        let mut socket = icmp::Socket::new(buffer(), buffer());
        socket.bind(icmp::Endpoint::Ident(ECHO_IDENT)).expect("it is not bound yet");
        let icmp = sockets.add(socket);
        Self { address, device, interface, sockets, icmp, checksums: capabilities.checksum }
    }

    /// Takes what has arrived and sends what is due.
    pub(crate) fn poll(&mut self, now: Instant) {
        let _ = self.interface.poll(now, &mut self.device, &mut self.sockets);
    }

    // --- UDP ----------------------------------------------------------------------------------------------------------

    pub(crate) fn udp_socket(&mut self, port: u16) -> SocketHandle {
        let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; PACKETS], vec![0; OCTETS]);
        let mut socket = udp::Socket::new(buffer(), buffer());
        socket.bind(port).expect("no port is 0");
        self.sockets.add(socket)
    }

    pub(crate) fn hear(&mut self, socket: SocketHandle) -> Vec<Heard> {
        let socket = self.sockets.get_mut::<udp::Socket<'_>>(socket);
        let mut heard = Vec::new();
        while let Ok((payload, metadata)) = socket.recv() {
            let from = (metadata.endpoint.addr.into(), metadata.endpoint.port);
            heard.push(Heard { from, payload: payload.to_vec() });
        }
        heard
    }

    pub(crate) fn say(
        &mut self,
        socket: SocketHandle,
        to: (IpAddr, u16),
        payload: &[u8],
    ) -> Result<(), udp::SendError> {
        self.sockets.get_mut::<udp::Socket<'_>>(socket).send_slice(payload, IpEndpoint::from(to))
    }

    // --- TCP ----------------------------------------------------------------------------------------------------------

    fn tcp_socket(&mut self) -> SocketHandle {
        let buffer = || tcp::SocketBuffer::new(vec![0; OCTETS]);
        self.sockets.add(tcp::Socket::new(buffer(), buffer()))
    }

    pub(crate) fn tcp_listen(&mut self, port: u16) -> SocketHandle {
        let socket = self.tcp_socket();
        self.sockets.get_mut::<tcp::Socket<'_>>(socket).listen(port).expect("no port is 0, and it is new");
        socket
    }

    pub(crate) fn tcp_connect(&mut self, to: (IpAddr, u16), local_port: u16) -> SocketHandle {
        let handle = self.tcp_socket();
        let socket = self.sockets.get_mut::<tcp::Socket<'_>>(handle);
        socket.connect(self.interface.context(), IpEndpoint::from(to), local_port).expect("it is new, and has a route");
        handle
    }

    /// Sends what there is room for, and returns the number of octets.
    pub(crate) fn tcp_send(&mut self, socket: SocketHandle, octets: &[u8]) -> usize {
        self.sockets.get_mut::<tcp::Socket<'_>>(socket).send_slice(octets).unwrap_or(0)
    }

    pub(crate) fn tcp_receive(&mut self, socket: SocketHandle) -> Vec<u8> {
        let mut octets = vec![0; OCTETS];
        let len = self.sockets.get_mut::<tcp::Socket<'_>>(socket).recv_slice(&mut octets).unwrap_or(0);
        octets.truncate(len);
        octets
    }

    // --- ICMP ---------------------------------------------------------------------------------------------------------

    /// Sends an echo request.
    pub(crate) fn ping(&mut self, to: IpAddr, seq_no: u16, data: &[u8]) -> Result<(), icmp::SendError> {
        let socket = self.sockets.get_mut::<icmp::Socket<'_>>(self.icmp);
        match (self.address, to) {
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let request = Icmpv6Repr::EchoRequest { ident: ECHO_IDENT, seq_no, data };
                let buffer = socket.send(request.buffer_len(), to.into())?;
                request.emit(&own, &other, &mut Icmpv6Packet::new_unchecked(buffer), &self.checksums);
            }
            _ => {
                let request = Icmpv4Repr::EchoRequest { ident: ECHO_IDENT, seq_no, data };
                let buffer = socket.send(request.buffer_len(), to.into())?;
                request.emit(&mut Icmpv4Packet::new_unchecked(buffer), &self.checksums);
            }
        }
        Ok(())
    }

    /// The echo replies that came: from whom, their number and data.
    pub(crate) fn pongs(&mut self) -> Vec<(IpAddr, u16, Vec<u8>)> {
        let socket = self.sockets.get_mut::<icmp::Socket<'_>>(self.icmp);
        let mut pongs = Vec::new();
        while let Ok((octets, from)) = socket.recv() {
            let pong = match (IpAddr::from(from), self.address) {
                (IpAddr::V6(other), IpAddr::V6(own)) => Icmpv6Packet::new_checked(octets)
                    .and_then(|packet| match Icmpv6Repr::parse(&other, &own, &packet, &self.checksums)? {
                        Icmpv6Repr::EchoReply { seq_no, data, .. } => Ok(Some((seq_no, data.to_vec()))),
                        _ => Ok(None),
                    })
                    .ok()
                    .flatten(),
                _ => Icmpv4Packet::new_checked(octets)
                    .and_then(|packet| match Icmpv4Repr::parse(&packet, &self.checksums)? {
                        Icmpv4Repr::EchoReply { seq_no, data, .. } => Ok(Some((seq_no, data.to_vec()))),
                        _ => Ok(None),
                    })
                    .ok()
                    .flatten(),
            };
            pongs.extend(pong.map(|(seq_no, data)| (IpAddress::into(from), seq_no, data)));
        }
        pongs
    }
}
