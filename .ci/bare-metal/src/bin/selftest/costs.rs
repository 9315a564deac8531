//! Instructions and stack of the operations a device does all day. Each must do its work, or it is not measured.

use core::fmt::Write;

use bare_metal::board::{Clock, Console};
use bare_metal::measure::{Cost, measure};
use bare_metal::random::Counting;
use bare_metal::scenario::{self, NOW, PAYLOAD, Shield, Spread, TestReceiver};
use xcast_sec::crypto::RustCrypto;
use xcast_sec::forward::{FnEgress, HostTunnel, PacketCopy};
use xcast_sec::ipsec::{OutboundSa, PacketBuf, SenderWindows, open};
use xcast_sec::stack::Incoming;
use xcast_sec::wire::{
    BitmapPlace, ChecksumPolicy, DestinationSet, Destinations, EmitError, Family, UdpRepr, XcastPacket, XcastRepr,
    protocol,
};

use crate::journey::{ROOM, send};

/// How many destinations the longest list has.
const MANY: usize = 127;

/// Measures all of it, and says what it took.
pub(crate) fn all(clock: &Clock) -> bool {
    let mut good = nothing(clock);
    good &= forwarded(clock).is_some_and(|good| good);
    good &= spread(clock).is_some_and(|good| good);
    good &= relayed(clock).is_some_and(|good| good);
    for (name, shield) in [
        ("ESP, AES-GCM-16", Shield::EspGcm),
        ("ESP, AES-CBC, HMAC-SHA2-256-128", Shield::EspCbcSha256),
        ("AH, HMAC-SHA2-256-128", Shield::AhSha256),
    ] {
        good &= sealed(clock, name, shield).is_some_and(|good| good);
    }
    for (name, shield) in [("ESP, AES-GCM-16", Shield::EspGcm), ("AH around ESP", Shield::AhEspGcm)] {
        good &= ends(clock, name, shield).is_some_and(|good| good);
    }
    good
}

fn report(name: &str, detail: &str, good: bool, cost: Cost) -> bool {
    let verdict = if good { "COST" } else { "FAIL" };
    let separator = if detail.is_empty() { "" } else { ": " };
    let Cost { instructions, stack } = cost;
    let _ = writeln!(Console, "{verdict} {name}{separator}{detail} | {instructions} | {stack}");
    good
}

/// What measuring itself takes; part of all other figures.
#[inline(never)]
fn nothing(clock: &Clock) -> bool {
    let (good, cost) = measure(clock, || true);
    report("nothing", "", good, cost)
}

/// The packet of the figures: three members in IPv6, 160 octets of payload, in the clear.
fn plain(packet: &mut [u8; ROOM]) -> Option<usize> {
    let mut sender = scenario::sender(Shield::Clear, Family::V6)?;
    Some(send(&mut sender, Family::V6, BitmapPlace::Header, packet))
}

#[inline(never)]
fn forwarded(clock: &Clock) -> Option<bool> {
    let (mut packet, mut copy) = ([0; ROOM], [0; ROOM]);
    let len = plain(&mut packet)?;
    let packet = packet.get(..len)?;
    let code_points = scenario::code_points();

    let (parsed, cost) = measure(clock, || {
        XcastPacket::parse(packet, &code_points, ChecksumPolicy::Verify).is_ok_and(|packet| packet.bits().len() == 3)
    });
    let good = report("parse", "3 destinations", parsed, cost);

    let routes = scenario::routes(Family::V6)?;
    let mut router = scenario::router();
    let (copies, cost) = measure(clock, || scenario::forward(&mut router, &routes, packet, &mut copy));
    Some(good & report("forward", "3 destinations, 2 copies", copies.is_some_and(|(copies, _)| copies == 2), cost))
}

/// The most that one packet can ask of a router: as many destinations as fit, each behind a next hop of its own.
#[inline(never)]
fn spread(clock: &Clock) -> Option<bool> {
    const LEN: usize = 900;
    let mut packet = [0; LEN];
    let mut addresses = [core::net::Ipv4Addr::UNSPECIFIED; MANY];
    for (address, index) in addresses.iter_mut().zip(1..) {
        *address = core::net::Ipv4Addr::new(198, 18, 0, index);
    }
    let source = core::net::Ipv4Addr::new(192, 0, 2, 1);
    let header = XcastRepr {
        destinations: Destinations::V4 { source, channel: [0; 4], addresses: &addresses },
        bits: DestinationSet::first_n(MANY),
        dscps: None,
        ports: None,
        anonymous: false,
        no_x2u: false,
        bitmap: BitmapPlace::Header,
        hop_limit: 64,
        next_protocol: protocol::UDP,
    };
    let datagram = UdpRepr { source_port: 1, destination_port: 1, payload: &PAYLOAD };
    let len = header.encoded_len(datagram.encoded_len());
    let payload = header.emit(&scenario::code_points(), datagram.encoded_len(), &mut packet).ok()?;
    datagram.emit(source.into(), scenario::group(Family::V4), payload).ok()?;
    let packet = packet.get(..len)?;

    let mut router = scenario::router();
    let mut copies = 0;
    // Headers alone: a device that gathers copies them to its transmit ring and points at the rest.
    let mut egress = FnEgress(|_: u8, sent: &PacketCopy<'_>| {
        let mut header = [0; 64];
        copies += usize::from(sent.emit_header(&mut header)? > 0);
        Ok::<(), EmitError>(())
    });
    let (outcome, cost) = measure(clock, || router.forward(NOW, None, packet, &Spread, &mut egress));
    let good = outcome.is_ok_and(|outcome| outcome.copies == MANY) && copies == MANY;
    Some(report("forward", "127 destinations, 127 copies", good, cost))
}

#[inline(never)]
fn relayed(clock: &Clock) -> Option<bool> {
    let (mut packet, mut tunnelled) = ([0; ROOM], [0; ROOM]);
    let len = plain(&mut packet)?;
    let mut routes = scenario::routes(Family::V6)?;
    let mut router = scenario::router();
    let mut through_len = 0;
    let mut egress = FnEgress(|_: u8, copy: &PacketCopy<'_>| {
        through_len = copy.emit(&mut tunnelled)?;
        Ok::<(), EmitError>(())
    });
    router.originate_through(NOW, HostTunnel::Plain, packet.get(..len)?, &routes, &mut egress).ok()?;
    routes.insert_address(scenario::member(Family::V6, 1)).ok()?;

    // Its buffer is what the first packet came in.
    let mut egress = FnEgress(|_: u8, copy: &PacketCopy<'_>| copy.emit(&mut packet).map(|_| ()));
    let tunnelled = tunnelled.get(..through_len)?;
    let (outcome, cost) = measure(clock, || router.relay(NOW, tunnelled, &routes, &mut egress));
    let good = outcome.is_ok_and(|outcome| outcome.copies == 1 && outcome.sent.len() == 2);
    Some(report("relay", "3 destinations", good, cost))
}

/// One association, without policy.
#[inline(never)]
fn sealed(clock: &Clock, name: &str, shield: Shield) -> Option<bool> {
    let mut storage = [0; ROOM];
    let mut packet = [0; ROOM];
    let len = plain(&mut packet)?;
    let headroom = 64;
    storage.get_mut(headroom..headroom + len)?.copy_from_slice(packet.get(..len)?);
    let [protection, _] = shield.protections();
    let crypto = &mut RustCrypto;
    let code_points = scenario::code_points();
    let mut packet = PacketBuf::new(&mut storage, headroom..headroom + len)?;
    let rng = &mut Counting::default();

    let sealed = {
        let (sa, cost) = measure(clock, || scenario::association(protection?, Family::V6, 0x1000, crypto));
        let good = report("key", name, sa.is_some(), cost);
        let mut sa = OutboundSa::new(sa?, NOW).ok()?;
        let (sealed, cost) = measure(clock, || sa.seal(NOW, crypto, rng, Some(&code_points), &mut packet));
        good & report("seal", name, sealed.is_ok(), cost)
    };

    let sa = scenario::association(protection?, Family::V6, 0x1000, crypto)?;
    let mut windows = SenderWindows::<2, 1>::new(64)?;
    let (opened, cost) = measure(clock, || open(&sa, &mut windows, crypto, Some(&code_points), &mut packet));
    let good = opened.is_ok_and(|opened| opened.sequence == 1) && packet.as_octets().ends_with(&PAYLOAD);
    Some(sealed & report("open", name, good, cost))
}

/// Both ends, with policy.
#[inline(never)]
fn ends(clock: &Clock, name: &str, shield: Shield) -> Option<bool> {
    let mut storage = [0; ROOM];
    let family = Family::V6;
    let (len, good) = {
        let mut sender = scenario::sender(shield, family)?;
        let (len, cost) = measure(clock, || send(&mut sender, family, BitmapPlace::Header, &mut storage));
        // The session, the list of members and the buffer that the packet is built in are the operation's own here.
        (len, report("build and send", name, len > 0, cost))
    };
    let mut receiver: TestReceiver<RustCrypto> = scenario::receiver(shield, family)?;
    let own = scenario::member(family, 1);
    let mut packet = PacketBuf::new(&mut storage, 0..len)?;
    let (received, cost) = measure(clock, || {
        let incoming = receiver.receive(&mut RustCrypto, NOW, |address| address == own, &mut packet);
        matches!(incoming, Ok(Incoming::Packet(delivery)) if delivery.payload() == PAYLOAD)
    });
    Some(good & report("receive", name, received, cost))
}
