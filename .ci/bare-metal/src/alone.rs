//! Parts of the crate alone, whose sizes are measured. Each returns whether it did what it should, so that what is measured
//! works; what comes from outside on a device goes through [`black_box`], so that nothing is left out for being known.

use core::hint::black_box;

use xcast_sec::crypto::CryptoProvider;
use xcast_sec::ipsec::{
    Content, OpenError, OutboundSa, PacketBuf, Protection, ReplayError, Sa, SaConfig, SenderId, SenderWindows, Spi,
    open,
};
use xcast_sec::stack::{Datagram, FnLink, Incoming, Means};
use xcast_sec::wire::{BitmapPlace, Family};

use crate::random::Counting;
use crate::scenario::{self, NOW, PAYLOAD, PORT, Shield, TestReceiver, TestSender};

/// An Xcast6 packet with one destination and a UDP datagram.
const PACKET: &[u8] = include_bytes!("../../../fuzz/corpus/parse_packet/parse-36-v6-flags-a-1-x-0-d-0-p-1-n-1");

/// Seals a packet under one association, opens it, and refuses it the second time.
pub fn seal_and_open<P: CryptoProvider>(crypto: &mut P, protection: Protection<'_>) -> bool {
    let (Some(spi), Some(id)) = (Spi::new(0x1000), SenderId::new(1, 8)) else { return false };
    let config = black_box(SaConfig::new(spi, protection));
    let (Ok(ours), Ok(theirs)) = (Sa::new(&config, crypto), Sa::new(&config, crypto)) else { return false };
    let Ok(mut sender) = OutboundSa::shared(ours, id, NOW) else { return false };
    let Some(mut windows) = SenderWindows::<4, 1>::new(64) else { return false };
    let code_points = black_box(scenario::code_points());
    let mut buffer = [0; 512];
    let place = 64..64 + PACKET.len();
    buffer[place.clone()].copy_from_slice(black_box(PACKET));
    let Some(mut packet) = PacketBuf::new(&mut buffer, place.clone()) else { return false };
    let sealed = sender.seal(black_box(NOW), crypto, &mut Counting::default(), Some(&code_points), &mut packet);
    let (sealed, range) = (sealed.is_ok() && packet.as_octets() != PACKET, packet.range());
    let mut again = buffer;
    let (Some(mut packet), Some(mut copy)) =
        (PacketBuf::new(&mut buffer, range.clone()), PacketBuf::new(&mut again, range))
    else {
        return false;
    };
    let opened = open(&theirs, &mut windows, crypto, Some(&code_points), &mut packet);
    let replayed = open(&theirs, &mut windows, crypto, Some(&code_points), &mut copy);
    sealed
        && opened.is_ok_and(|opened| opened.content == Content::Packet)
        && packet.as_octets().ends_with(&PACKET[PACKET.len() - 8..])
        && replayed == Err(OpenError::Replay(ReplayError::Replayed))
}

/// Sends a session's packet and receives it at a member, with policy.
pub fn send_and_receive<P: CryptoProvider + Default>(shield: Shield, family: Family) -> bool {
    let (Some(mut sender), Some(mut receiver)) = (scenario::sender(shield, family), scenario::receiver(shield, family))
    else {
        return false;
    };
    let (sender, receiver): (&mut TestSender<P>, &mut TestReceiver<P>) = (&mut sender, &mut receiver);
    let place: BitmapPlace = shield.place(family);
    let Some(session) = black_box(scenario::session::<10>(family, place, 3)) else { return false };
    let mut storage = [0; 512];
    let mut len = 0;
    let mut link = FnLink(|packet: &[u8]| {
        len = packet.len();
        storage.get_mut(..len).map(|place| place.copy_from_slice(packet)).ok_or(core::fmt::Error)
    });
    let datagram = Datagram { source_port: PORT, destination_port: PORT, payload: &PAYLOAD };
    let means = Means {
        crypto: &mut P::default(),
        rng: &mut Counting::default(),
        now: black_box(NOW),
        mtu: 512,
        scratch: &mut [0; 512],
    };
    if !sender.send(&session, &datagram, means, &mut link).is_ok_and(|report| report.members_sent == 3) {
        return false;
    }
    let Some(mut packet) = PacketBuf::new(&mut storage, 0..len) else { return false };
    let own = black_box(scenario::member(family, 1));
    let incoming = receiver.receive(&mut P::default(), black_box(NOW), |address| address == own, &mut packet);
    matches!(incoming, Ok(Incoming::Packet(delivery)) if delivery.payload() == PAYLOAD)
}

/// Forwards a packet to its destination.
pub fn forward() -> bool {
    let Some(routes) = black_box(scenario::routes(Family::V6)) else { return false };
    let mut copy = [0; 512];
    let mut router = black_box(scenario::router());
    let mut copies = 0;
    let mut egress = xcast_sec::forward::FnEgress(|_: u8, sent: &xcast_sec::forward::PacketCopy<'_>| {
        copies += 1;
        sent.emit(&mut copy).map(|_| ())
    });
    let outcome = router.forward(black_box(NOW), None, black_box(PACKET), &routes, &mut egress);
    outcome.is_ok_and(|outcome| outcome.copies > 0 && outcome.copies == copies) && copy[0] == PACKET[0]
}
