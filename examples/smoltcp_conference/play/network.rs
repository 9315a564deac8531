//! A, R1, R2, B, C and D, and the links between them.

use std::error::Error;
use std::net::IpAddr;

use smoltcp::iface::SocketHandle;
use smoltcp::phy::{Device, Medium};
use smoltcp::time::{Duration, Instant};
use xcast_sec::crypto::RustCrypto;
use xcast_sec::forward::Prefix;
use xcast_sec::stack::{Datagram, Means, SendReport};
use xcast_sec::wire::{ChecksumPolicy, XcastPacket};

use super::device_link::DeviceLink;
use super::host::{Heard, Host};
use super::port::{MTU, Port, link};
use super::router::{Interface, RouterNode};
use super::session::{
    Agreement, GroupSender, MEMBERS, SENDER_PORT, Session, gateway, host, member_port, network, prefix_len, to_ours,
};
use super::xcast_device::XcastDevice;

/// The link that joins the routers, behind A's and the members'.
const BACKBONE: u8 = MEMBERS as u8 + 1;
/// D's link, the last.
pub(crate) const ETHERNET: usize = MEMBERS - 1;

/// One of B, C and D.
pub(crate) struct MemberHost<D> {
    pub(crate) host: Host<D>,
    /// Bound to the member's own port.
    pub(crate) socket: SocketHandle,
    /// The two ends of its link, for those who listen in and put in.
    pub(crate) host_end: Port,
    pub(crate) router_end: Port,
}

impl<D: Device> MemberHost<D> {
    pub(crate) fn hear(&mut self) -> Vec<Heard> {
        self.host.hear(self.socket)
    }
}

pub(crate) struct Network<D> {
    pub(crate) agreement: Agreement,
    pub(crate) now: Instant,
    /// A, whose application speaks to the session.
    pub(crate) a: Host<Port>,
    a_socket: SocketHandle,
    sender: GroupSender,
    pub(crate) session: Session,
    pub(crate) members: Vec<MemberHost<D>>,
    r1: RouterNode,
    r2: RouterNode,
    /// R1's end of the link between the routers.
    pub(crate) backbone: Port,
    all: Vec<Port>,
}

impl Network<XcastDevice<Port>> {
    /// Members that take Xcast.
    pub(crate) fn with_xcast(agreement: Agreement) -> Result<Self, Box<dyn Error>> {
        let mut receivers = (0..MEMBERS).map(|_| agreement.receiver()).collect::<Result<Vec<_>, _>>()?.into_iter();
        let wrap = |port, own| Some(XcastDevice::new(port, receivers.next()?, own));
        Self::new(agreement, true, wrap)
    }
}

impl Network<Port> {
    /// Members that know nothing of Xcast.
    pub(crate) fn without_xcast(agreement: Agreement) -> Result<Self, Box<dyn Error>> {
        Self::new(agreement, false, |port, _| Some(port))
    }
}

impl<D: Device> Network<D> {
    fn new(
        agreement: Agreement,
        xcast_capable: bool,
        mut wrap: impl FnMut(Port, IpAddr) -> Option<D>,
    ) -> Result<Self, Box<dyn Error>> {
        let family = agreement.run.family;
        let (a_end, r1_to_a) = link(Medium::Ip);
        let (r1_to_r2, r2_to_r1) = link(Medium::Ip);
        let mut all = vec![a_end.clone(), r1_to_r2.clone()];
        let mut a = Host::new(host(family, 0), prefix_len(family), gateway(family, 0), a_end);
        let a_socket = a.udp_socket(SENDER_PORT);
        let backbone = r1_to_r2.clone();
        let mut r1 = vec![
            Interface { port: r1_to_a, address: gateway(family, 0) },
            Interface { port: r1_to_r2, address: gateway(family, BACKBONE) },
        ];
        let mut r2 = vec![Interface { port: r2_to_r1, address: host(family, BACKBONE) }];
        let mut members = Vec::new();
        for index in 0..MEMBERS {
            let (host_end, router_end) = link(if index == ETHERNET { Medium::Ethernet } else { Medium::Ip });
            all.push(host_end.clone());
            let number = u8::try_from(index + 1)?;
            let own = host(family, number);
            let device = wrap(host_end.clone(), own).ok_or("no device for a member")?;
            let mut host = Host::new(own, prefix_len(family), gateway(family, number), device);
            let socket = host.udp_socket(member_port(index));
            let interface = Interface { port: router_end.clone(), address: gateway(family, number) };
            if index == 0 { &mut r1 } else { &mut r2 }.push(interface);
            members.push(MemberHost { host, socket, host_end, router_end });
        }
        let mut r1 = RouterNode::new(agreement.code_points, r1)?;
        let mut r2 = RouterNode::new(agreement.code_points, r2)?;
        // A's neighbour is a host that takes no Xcast; all of the routers' neighbours but that are said to, or not.
        let to = |number| Prefix::new(network(family, number), prefix_len(family));
        for (number, by_r1, by_r2) in [(0, 0, 0), (1, 2, 0), (2, 1, 1), (3, 1, 2)] {
            r1.route(to(number)?, by_r1, number != 0 && (xcast_capable || by_r1 == 1))?;
            r2.route(to(number)?, by_r2, number != 0 && (xcast_capable || by_r2 == 0))?;
        }
        let (sender, session) = (agreement.sender()?, agreement.session()?);
        Ok(Self { agreement, now: Instant::ZERO, a, a_socket, sender, session, members, r1, r2, backbone, all })
    }

    /// The application at A speaks to all members at once.
    pub(crate) fn speak(&mut self, payload: &[u8]) -> Result<SendReport, Box<dyn Error>> {
        // With a list of ports the transport header names none.
        let datagram = Datagram { source_port: SENDER_PORT, destination_port: 0, payload };
        let means = Means {
            crypto: &mut RustCrypto,
            rng: &mut self.agreement.random,
            now: to_ours(self.now),
            mtu: MTU,
            scratch: &mut [0; MTU],
        };
        let mut link = DeviceLink { device: &mut self.a.device, now: self.now };
        Ok(self.sender.send(&self.session, &datagram, means, &mut link)?)
    }

    /// What replies came to A.
    pub(crate) fn replies(&mut self) -> Vec<Heard> {
        self.a.hear(self.a_socket)
    }

    /// The member answers A, by its ordinary socket.
    pub(crate) fn reply(&mut self, index: usize, payload: &[u8]) -> Result<(), Box<dyn Error>> {
        let to = (self.a.address, SENDER_PORT);
        let member = &mut self.members[index];
        Ok(member.host.say(member.socket, to, payload)?)
    }

    /// Takes what is under way to a member off its link, as far as the routers have forwarded it.
    pub(crate) fn intercept(&mut self, index: usize) -> Vec<Vec<u8>> {
        // The longest way leads over both.
        self.r1.poll(to_ours(self.now));
        self.r2.poll(to_ours(self.now));
        let end = &self.members[index].host_end;
        std::iter::from_fn(|| end.take()).collect()
    }

    /// How many Xcast packets were sent from this end of a link.
    pub(crate) fn xcast_packets(&self, port: &Port) -> usize {
        let is_xcast = |frame: &Vec<u8>| {
            let packet = frame.get(port.packet_at()..).unwrap_or(&[]);
            XcastPacket::parse(packet, &self.agreement.code_points, ChecksumPolicy::Verify).is_ok()
        };
        port.sent().iter().filter(|frame| is_xcast(frame)).count()
    }

    /// Lets everybody work for a while: at least until nothing is under way any more, and for so long.
    pub(crate) fn run(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while self.now < end || !self.all.iter().all(Port::is_quiet) {
            self.a.poll(self.now);
            for member in &mut self.members {
                member.host.poll(self.now);
            }
            self.r1.poll(to_ours(self.now));
            self.r2.poll(to_ours(self.now));
            self.now += Duration::from_millis(1);
        }
    }
}
