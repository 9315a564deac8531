//! Arbitrary octets as what came back of a ping: nothing panics, and only what holds the token of a ping counts, once. Shared
//! by the fuzz target and the test that replays its corpus.

use std::convert::Infallible;
use std::net::IpAddr;

use rand_core::{TryCryptoRng, TryRng};
use xcast_sec::forward::neighbour::{MAX_PING_LEN, Neighbours, PingConfig, Received};
use xcast_sec::time::Instant;
use xcast_sec::wire::{CodePoints, Family};

/// Counts, so that the tokens are the same each time and an input can hold one.
struct Counting(u8);

impl TryRng for Counting {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0)
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Infallible> {
        for octet in octets {
            self.0 = self.0.wrapping_add(1);
            *octet = self.0;
        }
        Ok(())
    }
}

impl TryCryptoRng for Counting {}

/// Checks a packet. A finding panics.
pub(crate) fn check(packet: &[u8]) {
    let own: [IpAddr; 2] = [[192, 0, 2, 1].into(), [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into()];
    let config = PingConfig::new(49_200, 49_201);
    let mut table = Neighbours::<u8, 2>::new(CodePoints::rfc4727_experiment(), config).expect("the default is good");
    for (neighbour, own) in (0..).zip(own) {
        table.insert(Instant::START, neighbour, own).expect("there is room");
    }
    let mut tokens = Vec::new();
    let now = Instant::from_secs(2);
    let mut rng = Counting(0);
    while let Some(probe) = table.poll(now, &mut rng).expect("it cannot fail") {
        let mut ping = [0; MAX_PING_LEN];
        let len = probe.emit(&mut ping).expect("it fits");
        tokens.push(ping[len - 16..len].to_vec());
    }
    assert_eq!(tokens.len(), 2);
    match table.receive(now, packet, None) {
        Received::Answer { neighbour, family, .. } => {
            let token = &tokens[usize::from(neighbour)];
            assert!(packet.windows(16).any(|octets| octets == token));
            assert_eq!(family, [Family::V4, Family::V6][usize::from(neighbour)]);
            assert_eq!(table.receive(now, packet, None), Received::Stray);
            assert_eq!((table.counters().answered, table.counters().stray), (1, 1));
        }
        Received::Stray => assert_eq!((table.counters().answered, table.counters().stray), (0, 1)),
        _ => assert_eq!((table.counters().answered, table.counters().stray), (0, 0)),
    }
}
