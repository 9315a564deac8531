//! A host and a router with everything: all algorithms, all ways to forward, neighbours, prepared headers.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::net::IpAddr;

use bare_metal::alone::{forward, send_and_receive};
use bare_metal::random::Counting;
use bare_metal::scenario::{NOW, PORT, Shield, code_points, group, router, routes, session};
use xcast_sec::crypto::RustCrypto;
use xcast_sec::forward::neighbour::{MAX_PING_LEN, Neighbours, PingConfig, Received};
use xcast_sec::forward::{FnEgress, HostTunnel, PacketCopy};
use xcast_sec::stack::{HeaderTemplate, Limits};
use xcast_sec::wire::{BitmapPlace, EmitError, Family};

bare_metal::program!(run);

fn run() -> bool {
    let (shield, family) = (black_box(Shield::AhEspGcm), black_box(Family::V6));
    send_and_receive::<RustCrypto>(shield, family) && forward() && relayed(family) && asked(family)
}

/// A packet goes out as a host without a router sends it, and back in.
fn relayed(family: Family) -> bool {
    let (Some(session), Some(routes)) = (session::<10>(family, BitmapPlace::Header, 3), routes(family)) else {
        return false;
    };
    let Ok(mut packets) = session.packets(&Limits::new(1500, 8)) else { return false };
    let Some(template) = packets.next().and_then(|packet| HeaderTemplate::<256>::new(&packet, &code_points(), 17).ok())
    else {
        return false;
    };
    let (mut packet, mut copy) = ([0; 256], [0; 256]);
    if template.emit(template.bits(&session), 8, &mut packet).is_err() {
        return false;
    }
    let Some(packet) = packet.get(..template.header_len() + 8) else { return false };
    let mut egress = FnEgress(|_: u8, sent: &PacketCopy<'_>| sent.emit(&mut copy).map(|_| ()));
    let mut router = router();
    let through = router.originate_through(NOW, black_box(HostTunnel::Plain), packet, &routes, &mut egress).is_ok();
    let branched = router.originate(NOW, packet, &routes, &mut egress).is_ok();
    // Nobody here is a member.
    through && branched && router.relay(NOW, packet, &routes, &mut egress).is_err()
}

/// A neighbour is asked, and gets no answer.
fn asked(family: Family) -> bool {
    let Ok(mut neighbours) = Neighbours::<u8, 8>::new(code_points(), PingConfig::new(PORT, PORT)) else { return false };
    let own: IpAddr = bare_metal::scenario::source(family);
    let mut ping = [0; MAX_PING_LEN];
    let later = xcast_sec::time::Instant::from_secs(2_000_000);
    if neighbours.insert(NOW, 1, own).is_err() || own == group(family) {
        return false;
    }
    let Ok(Some(probe)) = neighbours.poll(later, &mut Counting::default()) else { return false };
    let emitted: Result<usize, EmitError> = probe.emit(&mut ping);
    emitted.is_ok() && neighbours.receive(later, &ping[..20], Some(1)) == Received::NotOurs
}
