//! Takes packets that are for this host, opens them, and hands up what is in them.

use core::net::IpAddr;

use super::upper_layer::{self, is_echo_request};
use super::{Delivery, Incoming, ReceiveError, ReceiverCounters};
use crate::crypto::CryptoProvider;
use crate::ipsec::{
    AuditSink, Inbound, InboundSad, PacketBuf, PolicyLookup, Received, ReplayStore, SenderFilter, Tried,
};
use crate::time::Instant;
use crate::wire::{
    BitmapPlace, ChecksumPolicy, CodePoints, DestinationSet, IpHeader, ParseErrorKind, XcastPacket, is_routable_unicast,
};

/// The choices left to a receiver. Policy (the SPD) is not among them, but decides most: an entry that protects the group alone
/// lets in unprotected what a router made unicast, or anybody did. See [`FixedSpd`](crate::ipsec::FixedSpd). Start from [`ReceiverPolicy::default`] and change fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ReceiverPolicy {
    /// Whether the Xcast CHECKSUM is verified (RFC 5058 §9.2.2). Default: it is.
    pub checksum: ChecksumPolicy,
    /// Whether the other members are handed up (draft §2.1.6). Never where the sender asks for anonymity. Default: no
    /// (draft §2.1.2).
    pub show_members: bool,
    /// Whether ICMP echo requests inside Xcast, which amplify (RFC 5058 §14, draft §2.2.7), are handed up. Default: no.
    pub allow_echo: bool,
}

/// A packet for this host.
#[derive(Clone, Copy)]
#[allow(clippy::large_enum_variant, reason = "lives on the stack, once per packet")]
pub(super) enum Picked<'p> {
    Xcast {
        packet: XcastPacket<'p>,
        /// The destinations that are this host, served or not.
        listed: DestinationSet,
        /// Those to be served that do not repeat an earlier one.
        own: DestinationSet,
    },
    Unicast(IpHeader<'p>),
}

/// The receiving end of a host: code points, policy and associations ([`Inbound`]), and counters.
///
/// ```
/// # #[cfg(feature = "rust-crypto")] {
/// use core::net::IpAddr;
/// use xcast_sec::crypto::RustCrypto;
/// use xcast_sec::ipsec::{
///     Action, AnySender, Directionality, FixedSad, FixedSpd, Inbound, NoAudit, PacketBuf, PolicyEntry, SelectorSet,
///     SenderWindows,
/// };
/// use xcast_sec::stack::{Incoming, Receiver, ReceiverPolicy};
/// use xcast_sec::time::Instant;
/// use xcast_sec::wire::CodePoints;
/// # use xcast_sec::wire::{BitmapPlace, DestinationSet, Destinations, UdpRepr, XcastRepr};
///
/// // A host that takes everything in the clear.
/// let mut spd = FixedSpd::<1>::new();
/// let action = Action::Bypass;
/// spd.push(PolicyEntry { directionality: Directionality::Symmetric, selectors: SelectorSet::ANY, action }).unwrap();
/// let windows = SenderWindows::<4, 1>::new(64).unwrap();
/// let inbound = Inbound::new(FixedSad::<RustCrypto, 1>::new(), windows, spd, AnySender, NoAudit);
/// let code_points = CodePoints::rfc4727_experiment();
/// let mut receiver = Receiver::new(inbound, code_points, ReceiverPolicy::default());
///
/// // A packet from the link: to three members, the second of whom is this host, at port 4002.
/// # let source = [192, 0, 2, 1].into();
/// # let addresses = [[198, 51, 100, 1].into(), [198, 51, 100, 2].into(), [198, 51, 100, 3].into()];
/// # let header = XcastRepr {
/// #     destinations: Destinations::V4 { source, channel: [0; 4], addresses: &addresses },
/// #     bits: DestinationSet::first_n(3), dscps: None, ports: Some(&[4001, 4002, 4003]), anonymous: false, no_x2u: true,
/// #     bitmap: BitmapPlace::Header, hop_limit: 64, next_protocol: 17,
/// # };
/// # let udp = UdpRepr { source_port: 4000, destination_port: 0, payload: b"hello" };
/// # let mut storage = [0; 256];
/// # let len = header.encoded_len(13);
/// # let payload = header.emit(&code_points, 13, &mut storage).unwrap();
/// # udp.emit(source.into(), code_points.fields().routers_v4.into(), payload).unwrap();
/// let mut packet = PacketBuf::new(&mut storage, 0..len).unwrap();
/// let own: IpAddr = "198.51.100.2".parse().unwrap();
/// let incoming = receiver.receive(&mut RustCrypto, Instant::START, |address| address == own, &mut packet).unwrap();
/// let Incoming::Packet(delivery) = incoming else { panic!("a dummy") };
/// assert_eq!((delivery.address(), delivery.port(), delivery.payload()), (own, Some(4002), &b"hello"[..]));
/// assert!(delivery.members().is_none()); // Policy does not show them.
/// # }
/// ```
#[derive(Debug)]
pub struct Receiver<S, R, Q, F, A> {
    /// Policy, associations, windows, authorised senders and audit log.
    pub inbound: Inbound<S, R, Q, F, A>,
    /// The choices it goes by.
    pub policy: ReceiverPolicy,
    code_points: CodePoints,
    counters: ReceiverCounters,
}

impl<S, R, Q, F, A> Receiver<S, R, Q, F, A> {
    /// With all counters 0.
    #[must_use]
    pub fn new(inbound: Inbound<S, R, Q, F, A>, code_points: CodePoints, policy: ReceiverPolicy) -> Self {
        Self { inbound, policy, code_points, counters: ReceiverCounters::default() }
    }

    /// The code points it goes by.
    #[must_use]
    pub const fn code_points(&self) -> &CodePoints {
        &self.code_points
    }

    /// What became of all packets so far.
    #[must_use]
    pub const fn counters(&self) -> &ReceiverCounters {
        &self.counters
    }

    /// Whether a packet from the link is one to hand to [`receive`](Self::receive), as far as headers tell that anybody can
    /// write: it is an Xcast packet to All_Xcast_Routers or this host with a set bit at an address of this host, or a unicast
    /// packet to such an address. Nothing is changed or counted, no key is used; the cost is bounded by the 127 destinations
    /// there can be.
    ///
    /// `is_local` says whether an address is this host's own. Addresses that no packet can be routed to, link-local ones among
    /// them, do not count, whatever it says (RFC 5058 §14).
    ///
    /// # Errors
    ///
    /// - [`ReceiveError::Unreadable`], [`ReceiveError::Fragment`], [`ReceiveError::NotForThisHost`],
    ///   [`ReceiveError::NotServed`], [`ReceiveError::UnusableSource`], [`ReceiveError::AnonymousWithSeparatedBitmap`].
    pub fn look(&self, packet: &[u8], is_local: impl Fn(IpAddr) -> bool) -> Result<(), ReceiveError> {
        self.pick(packet, &is_local).map(|_| ())
    }

    /// Receives a packet, which starts at its IP header.
    ///
    /// A look first ([`look`](Self::look)) sorts out what is not for this host. Then AH and ESP are opened in place and policy
    /// is asked ([`Inbound::process`]). Then all is read again, as only now it is what its sender wrote, and what is inside may
    /// be another packet: again it must be for this host. Last, lengths and checksum of UDP, UDP-Lite, TCP, ICMP and ICMPv6 are
    /// verified, against the destination that the packet carries. Segments of other protocols are handed up as they are.
    ///
    /// Octets of the packet change only where AH and ESP are opened; the port of this host is told, not written
    /// ([`Delivery::unicast`] writes it, elsewhere).
    ///
    /// # Errors
    ///
    /// - [`ReceiveError`]. The packet must be dropped, but for [`ReceiveError::StillProtected`] and
    ///   [`InboundError::OutOfStep`](crate::ipsec::InboundError::OutOfStep).
    pub fn receive<'p, P>(
        &mut self,
        crypto: &mut P,
        now: Instant,
        is_local: impl Fn(IpAddr) -> bool,
        packet: &'p mut PacketBuf<'_>,
    ) -> Result<Incoming<'p>, ReceiveError>
    where
        P: CryptoProvider,
        S: InboundSad<P>,
        R: ReplayStore,
        Q: PolicyLookup,
        F: SenderFilter,
        A: AuditSink,
    {
        self.resynchronize(crypto, now, 0, is_local, packet)
    }

    /// Receives a packet as [`receive`](Self::receive) does, and tries the next `tries` upper halves of its extended sequence
    /// numbers: see [`Inbound::resynchronize`], with the same warnings.
    ///
    /// # Errors
    ///
    /// - Those of [`receive`](Self::receive).
    pub fn resynchronize<'p, P>(
        &mut self,
        crypto: &mut P,
        now: Instant,
        tries: u32,
        is_local: impl Fn(IpAddr) -> bool,
        packet: &'p mut PacketBuf<'_>,
    ) -> Result<Incoming<'p>, ReceiveError>
    where
        P: CryptoProvider,
        S: InboundSad<P>,
        R: ReplayStore,
        Q: PolicyLookup,
        F: SenderFilter,
        A: AuditSink,
    {
        let looked = self.look(packet.as_octets(), &is_local);
        self.receive_looked(crypto, now, tries, looked, None, &is_local, packet)
    }

    /// Receives a packet that was looked at, and of which something may have been computed before.
    #[allow(clippy::too_many_arguments, reason = "one packet, and everything that has a say in it")]
    pub(super) fn receive_looked<'p, P>(
        &mut self,
        crypto: &mut P,
        now: Instant,
        tries: u32,
        looked: Result<(), ReceiveError>,
        tried: Option<&mut Tried>,
        is_local: &impl Fn(IpAddr) -> bool,
        packet: &'p mut PacketBuf<'_>,
    ) -> Result<Incoming<'p>, ReceiveError>
    where
        P: CryptoProvider,
        S: InboundSad<P>,
        R: ReplayStore,
        Q: PolicyLookup,
        F: SenderFilter,
        A: AuditSink,
    {
        self.counters.count_packet();
        let result = looked.and_then(|()| {
            let received = self.inbound.process_tried(crypto, Some(&self.code_points), now, tries, tried, packet);
            self.hand_up(received.map_err(ReceiveError::Ipsec)?, is_local, packet)
        });
        match &result {
            Ok(Incoming::Packet(_)) => self.counters.count_delivered(),
            Ok(Incoming::Dummy(_)) => self.counters.count_dummy(),
            Err(error) => self.counters.count_error(error),
        }
        result
    }

    /// What a packet that passed policy is for this host.
    fn hand_up<'p>(
        &self,
        received: Received,
        is_local: &impl Fn(IpAddr) -> bool,
        packet: &'p PacketBuf<'_>,
    ) -> Result<Incoming<'p>, ReceiveError> {
        let protection = match received {
            Received::Bypassed => None,
            Received::Protected(layers) => Some(layers),
            Received::Dummy(layers) => return Ok(Incoming::Dummy(layers)),
        };
        let octets = packet.as_octets();
        let picked = self.pick(octets, is_local)?;
        let (ip, xcast) = match &picked {
            Picked::Xcast { packet, .. } => (packet.ip(), Some(packet)),
            Picked::Unicast(ip) => (ip, None),
        };
        let octets = octets.get(..ip.packet_len()).unwrap_or(octets);
        let (number, at) = upper_layer::find(octets, ip, xcast)?;
        let segment = octets.get(at..).unwrap_or(&[]);
        if xcast.is_some() && !self.policy.allow_echo && is_echo_request(ip.family(), number, segment) {
            return Err(ReceiveError::EchoRequest);
        }
        let checked = upper_layer::check(number, ip.source(), ip.destination(), segment)?;
        if let Some((_, port)) = checked.ports {
            match (xcast.is_some_and(XcastPacket::has_ports), port) {
                (true, 0) | (false, 1..) => {}
                (true, port) => return Err(ReceiveError::PortBesideList { port }),
                (false, 0) => return Err(ReceiveError::NoPort),
            }
        }
        Ok(Incoming::Packet(Delivery::new(picked, number, checked, protection, self.policy.show_members)))
    }

    /// Whether a packet is for this host, by its headers.
    fn pick<'p>(&self, octets: &'p [u8], is_local: &impl Fn(IpAddr) -> bool) -> Result<Picked<'p>, ReceiveError> {
        let is_own = |address: IpAddr| is_routable_unicast(address) && is_local(address);
        let picked = match XcastPacket::parse(octets, &self.code_points, self.policy.checksum) {
            Ok(packet) => self.pick_xcast(packet, is_own)?,
            Err(error) if error.kind() == ParseErrorKind::NotXcast => {
                let (ip, _) = IpHeader::split(octets)?;
                if !is_own(ip.destination()) {
                    return Err(ReceiveError::NotForThisHost);
                }
                upper_layer::check_v4(&ip)?;
                Picked::Unicast(ip)
            }
            Err(error) => return Err(error.into()),
        };
        let source = match &picked {
            Picked::Xcast { packet, .. } => packet.ip().source(),
            Picked::Unicast(ip) => ip.source(),
        };
        if is_routable_unicast(source) { Ok(picked) } else { Err(ReceiveError::UnusableSource) }
    }

    fn pick_xcast<'p>(
        &self,
        packet: XcastPacket<'p>,
        is_own: impl Fn(IpAddr) -> bool,
    ) -> Result<Picked<'p>, ReceiveError> {
        let to = packet.ip().destination();
        if !self.code_points.is_routers(to) && !is_own(to) {
            return Err(ReceiveError::NotForThisHost);
        }
        let header = packet.header();
        if header.anonymous() && header.bitmap_place() == BitmapPlace::Option {
            return Err(ReceiveError::AnonymousWithSeparatedBitmap);
        }
        let is_own = |&index: &usize| packet.destination(index).is_some_and(&is_own);
        let listed: DestinationSet = (0..header.destination_count()).filter(is_own).collect();
        let addressed = listed.intersection(packet.bits());
        if addressed.is_empty() {
            return Err(if listed.is_empty() { ReceiveError::NotForThisHost } else { ReceiveError::NotServed });
        }
        let target = |index: usize| (packet.destination(index), packet.port(index));
        let repeats = |&index: &usize| {
            let mut earlier = addressed.iter().take_while(|&earlier| earlier < index);
            earlier.any(|earlier| target(earlier) == target(index))
        };
        let own = addressed.iter().filter(|index| !repeats(index)).collect();
        Ok(Picked::Xcast { packet, listed, own })
    }
}
