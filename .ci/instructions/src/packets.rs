//! Sealing and opening without cryptography: what a packet costs besides.

use std::hint::black_box;

use xcast_sec::ipsec::{Freshness, PacketBuf, Sa, SenderWindows, open, seal_with};
use xcast_sec::wire::CodePoints;

use crate::Counter;
use crate::blank::Blank;
use crate::contests::{forwarding, packets};

const HEADROOM: usize = packets::HEADROOM;

pub(crate) fn all(counter: &mut Counter) {
    let code_points = CodePoints::rfc4727_experiment();
    let unicast = packets::plain(0, 64)[HEADROOM..][..packets::IP_LEN + 64].to_vec();
    let xcast = forwarding::packet(10, 400);
    for (name, plain) in [("IPv4, UDP", &unicast), ("IPv6, Xcast6 with 10 members, UDP", &xcast)] {
        let (esp, ah) = (packets::esp(&mut Blank, 0), packets::ah(&mut Blank, 0));
        for (protocol, sa) in [("ESP", &esp), ("AH", &ah)] {
            let sealed =
                sealing(counter, &format!("{protocol} seal around no cryptography: {name}"), sa, plain, &code_points);
            opening(counter, &format!("{protocol} open around no cryptography: {name}"), sa, sealed, &code_points);
        }
    }
}

/// Counts sealing, and returns what came of both calls.
fn sealing(counter: &mut Counter, name: &str, sa: &Sa<Blank>, plain: &[u8], code_points: &CodePoints) -> Vec<Vec<u8>> {
    // One for each time it is called.
    let mut buffers = vec![vec![0; HEADROOM + plain.len() + 64]; 2];
    for buffer in &mut buffers {
        buffer[HEADROOM..][..plain.len()].copy_from_slice(plain);
    }
    let mut packets = buffers
        .iter_mut()
        .map(|buffer| PacketBuf::new(buffer, HEADROOM..HEADROOM + plain.len()).expect("in range"))
        .collect::<Vec<_>>();
    let (iv, mut at) = ([7; packets::IV_LEN], 0);
    counter.count(name, 1, || {
        let freshness = Freshness { sequence: 1 + at as u64, iv: &iv[..sa.iv_len()] };
        let packet = black_box(&mut packets[at]);
        seal_with(black_box(sa), freshness, &mut Blank, Some(code_points), packet).expect("seals");
        at += 1;
    });
    packets.iter().map(|packet| packet.as_octets().to_vec()).collect()
}

fn opening(counter: &mut Counter, name: &str, sa: &Sa<Blank>, mut sealed: Vec<Vec<u8>>, code_points: &CodePoints) {
    // The sender is known from the first call on.
    let mut windows = SenderWindows::<16, 2>::new(128).expect("a size");
    let mut packets: Vec<_> = sealed
        .iter_mut()
        .map(|octets| {
            let len = octets.len();
            PacketBuf::new(octets, 0..len).expect("in range")
        })
        .collect();
    let mut at = 0;
    counter.count(name, 1, || {
        let packet = black_box(&mut packets[at]);
        open(black_box(sa), &mut windows, &mut Blank, Some(code_points), packet).expect("opens");
        at += 1;
    });
}
