//! A packet's way from a sender through a router to a member, under every protection, and what must not get through.

use core::fmt::Write;

use bare_metal::board::Console;
use bare_metal::random::Counting;
use bare_metal::scenario::{self, NOW, PAYLOAD, PORT, Shield, TestReceiver, TestSender};
use xcast_sec::crypto::RustCrypto;
use xcast_sec::forward::{FnEgress, HostTunnel, PacketCopy};
use xcast_sec::ipsec::{InboundError, OpenError, PacketBuf, ReplayError};
use xcast_sec::stack::{Datagram, FnLink, Incoming, Means, ReceiveError};
use xcast_sec::wire::{BitmapPlace, Family};

/// Enough for three members and every protection.
pub(crate) const ROOM: usize = 400;

/// Runs all of it, and says what passed.
pub(crate) fn all() -> bool {
    let mut good = true;
    for family in [Family::V4, Family::V6] {
        for shield in Shield::all() {
            good &= report(family, shield.name(), journey(shield, family));
        }
        good &= report(family, "relayed by a member", relayed(family));
    }
    good
}

fn report(family: Family, name: &str, result: Result<(), &str>) -> bool {
    match result {
        Ok(()) => writeln!(Console, "PASS {family:?} {name}").is_ok(),
        Err(what) => {
            let _ = writeln!(Console, "FAIL {family:?} {name}: {what}");
            false
        }
    }
}

/// Sends to three members, in `packet`; the length comes out.
pub(crate) fn send(
    sender: &mut TestSender<RustCrypto>,
    family: Family,
    place: BitmapPlace,
    packet: &mut [u8],
) -> usize {
    let Some(session) = scenario::session::<3>(family, place, 3) else { return 0 };
    let mut len = 0;
    let mut link = FnLink(|sent: &[u8]| {
        len = sent.len();
        packet.get_mut(..len).map(|place| place.copy_from_slice(sent)).ok_or(core::fmt::Error)
    });
    let datagram = Datagram { source_port: PORT, destination_port: PORT, payload: &PAYLOAD };
    let scratch = &mut [0; ROOM];
    let means = Means { crypto: &mut RustCrypto, rng: &mut Counting::default(), now: NOW, mtu: scratch.len(), scratch };
    match sender.send(&session, &datagram, means, &mut link) {
        Ok(report) if report.members_sent == 3 && report.sent == 1 => len,
        _ => 0,
    }
}

#[inline(never)]
fn journey(shield: Shield, family: Family) -> Result<(), &'static str> {
    let mut packet = [0; ROOM];
    let mut copy = [0; ROOM];

    let len = {
        let mut sender = scenario::sender(shield, family).ok_or("no sender")?;
        send(&mut sender, family, shield.place(family), &mut packet)
    };
    let sent = packet.get(..len).filter(|sent| !sent.is_empty()).ok_or("not sent")?;
    let readable = sent.windows(PAYLOAD.len()).any(|part| part == PAYLOAD);
    let encrypts = !matches!(shield, Shield::Clear | Shield::AhSha1 | Shield::AhSha256);
    if readable == encrypts {
        return Err("the payload shows, or is gone");
    }

    let routes = scenario::routes(family).ok_or("no routes")?;
    let (copies, len) = scenario::forward(&mut scenario::router(), &routes, sent, &mut copy).ok_or("not forwarded")?;
    if copies != 2 || len == 0 {
        return Err("not one copy for each next hop");
    }

    let mut receiver: TestReceiver<RustCrypto> = scenario::receiver(shield, family).ok_or("no receiver")?;
    // One bit of the payload, or of what it became, changed on the way. The copy that follows is authentic, and must get in.
    let at = len - PAYLOAD.len() / 2;
    let damaged = receive(&mut receiver, family, &copy, len, Some(at), &mut packet);
    let authentic = receive(&mut receiver, family, &copy, len, None, &mut packet);
    let replayed = receive(&mut receiver, family, &copy, len, None, &mut packet);
    let refused = match damaged {
        Err(ReceiveError::Ipsec(InboundError::Open(OpenError::Icv))) => shield != Shield::Clear,
        Err(ReceiveError::TransportChecksum { .. }) => shield == Shield::Clear,
        _ => false,
    };
    if !refused {
        return Err("a flipped bit was not refused as such");
    }
    if authentic != Ok(true) {
        return Err("the copy was not received, or not as it was sent");
    }
    let replay_refused =
        replayed == Err(ReceiveError::Ipsec(InboundError::Open(OpenError::Replay(ReplayError::Replayed))));
    if replay_refused != (shield != Shield::Clear) {
        return Err("the replay was not refused as such");
    }
    Ok(())
}

/// Receives `copy` at member 1, with the bits of octet `flip` changed, and says whether the payload is the one sent.
fn receive(
    receiver: &mut TestReceiver<RustCrypto>,
    family: Family,
    copy: &[u8; ROOM],
    len: usize,
    flip: Option<usize>,
    buffer: &mut [u8; ROOM],
) -> Result<bool, ReceiveError> {
    *buffer = *copy;
    if let Some(octet) = flip.and_then(|at| buffer.get_mut(at)) {
        *octet ^= 1;
    }
    let own = scenario::member(family, 1);
    let Some(mut packet) = PacketBuf::new(buffer, 0..len) else { return Ok(false) };
    let incoming = receiver.receive(&mut RustCrypto, NOW, |address| address == own, &mut packet)?;
    Ok(matches!(incoming, Incoming::Packet(delivery) if delivery.payload() == PAYLOAD && delivery.address() == own))
}

/// Without a router: through member 1, which passes on what is for the others.
#[inline(never)]
fn relayed(family: Family) -> Result<(), &'static str> {
    let (mut packet, mut tunnelled, mut onward) = ([0; ROOM], [0; ROOM], [0; ROOM]);
    let mut sender = scenario::sender(Shield::Clear, family).ok_or("no sender")?;
    let len = send(&mut sender, family, BitmapPlace::Header, &mut packet);
    let mut routes = scenario::routes(family).ok_or("no routes")?;
    let mut router = scenario::router();

    let mut len_through = 0;
    let mut egress = FnEgress(|_: u8, copy: &PacketCopy<'_>| {
        len_through = copy.emit(&mut tunnelled)?;
        Ok::<(), xcast_sec::wire::EmitError>(())
    });
    let packet = packet.get(..len).ok_or("not sent")?;
    let outcome = router.originate_through(NOW, HostTunnel::Plain, packet, &routes, &mut egress);
    if !outcome.is_ok_and(|outcome| outcome.copies == 1 && outcome.sent.len() == 3) {
        return Err("not sent through member 1");
    }

    routes.insert_address(scenario::member(family, 1)).map_err(|_| "no room")?;
    let mut egress = FnEgress(|_: u8, copy: &PacketCopy<'_>| copy.emit(&mut onward).map(|_| ()));
    let tunnelled = tunnelled.get(..len_through).ok_or("not sent")?;
    let outcome = router.relay(NOW, tunnelled, &routes, &mut egress).map_err(|_| "not relayed")?;
    if !(outcome.local && outcome.copies == 1 && outcome.sent.len() == 2) {
        return Err("not passed on to the two others");
    }
    Ok(())
}
