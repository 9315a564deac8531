//! What comes in.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use xcast_sec::crypto::{CryptoError, CryptoProvider, Icv, RustCrypto};
use xcast_sec::ipsec::{
    FixedSad, FixedSenders, FixedSpd, Freshness, Inbound, InboundError, OpenError, Opened, PacketBuf, Received, Sa,
    SenderWindows, Usage, open, open_batch, seal_with,
};
use xcast_sec::wire::Family;

use super::{KEYS, items, keyed, sa};
use crate::associations::*;
use crate::combined::combined_modes_as_rust_crypto;
use crate::keys::takes_keys_as_rust_crypto;
use crate::kit::{NOW, code_points, gateway, host};
use crate::levels::providers;

/// Seals as `RustCrypto` does, but may get the padding wrong, which it then protects like any other.
struct Pads {
    wrong: bool,
}

impl CryptoProvider for Pads {
    takes_keys_as_rust_crypto!();
    combined_modes_as_rust_crypto!();

    fn icv<'p, I>(&mut self, key: &Self::IntegrityKey, parts: I) -> Result<Icv, CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        RustCrypto.icv(key, parts)
    }
    fn encrypt(&mut self, key: &Self::CipherKey, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        // Pad Length is the last octet but one (RFC 4303 §2.5).
        if self.wrong
            && let [.., pad_length, _] = data
        {
            *pad_length ^= 0x55;
        }
        RustCrypto.encrypt(key, iv, data)
    }
    fn decrypt(&mut self, key: &Self::CipherKey, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        RustCrypto.decrypt(key, iv, data)
    }
}

/// What happens to a packet before it arrives.
#[derive(Clone, Debug)]
struct Way {
    sequence: u64,
    pads_wrong: bool,
    damage: Damage,
    /// An earlier one comes again instead.
    again: Option<Index>,
}

fn way() -> impl Strategy<Value = Way> {
    let sequence = prop_oneof![4 => 1..100_u64, 1 => (1_u64 << 32) - 70..(1 << 32) + 70];
    let again = prop::option::weighted(0.15, any::<Index>());
    (sequence, prop::bool::weighted(0.15), damage(), again).prop_map(|(sequence, pads_wrong, damage, again)| Way {
        sequence,
        pads_wrong,
        damage,
        again,
    })
}

fn arrived(items: &[Item], ways: &[Way]) -> Vec<Vec<u8>> {
    let sas: Vec<Vec<Sa<Pads>>> = (0..KINDS)
        .map(|kind| keyed(kind).iter().map(|config| sa(config, &mut Pads { wrong: false })).collect())
        .collect();
    let mut packets: Vec<Vec<u8>> = Vec::new();
    for (item, way) in items.iter().zip(ways.iter().cycle()) {
        let mut packet = item.packet();
        for sa in sas[item.kind].iter().rev() {
            let mut storage = vec![0; packet.len() + 400];
            storage[200..200 + packet.len()].copy_from_slice(&packet);
            let mut buffer = PacketBuf::new(&mut storage, 200..200 + packet.len()).unwrap();
            let sequence = if sa.esn() { way.sequence } else { way.sequence & 0xffff_ffff };
            let freshness = Freshness { sequence, iv: &KEYS[packet.len() % 32][..sa.iv_len()] };
            let mut crypto = Pads { wrong: way.pads_wrong };
            if seal_with(sa, freshness, &mut crypto, Some(&code_points()), &mut buffer).is_ok() {
                packet = buffer.as_octets().to_vec();
            }
        }
        match way.again {
            Some(again) if !packets.is_empty() => packet = packets[again.index(packets.len())].clone(),
            _ => way.damage.apply(&mut packet),
        }
        packets.push(packet);
    }
    packets
}

type In<P> = Inbound<FixedSad<P, 20>, SenderWindows<24, 1>, FixedSpd<16>, FixedSenders<64>, Log>;

fn inbound<P: CryptoProvider>(crypto: &mut P) -> In<P> {
    let mut sad = FixedSad::new();
    for config in (0..KINDS).filter(|&kind| kind != 4).flat_map(keyed) {
        assert!(sad.insert(sa(&config, crypto), Usage::new(NOW)).is_ok());
    }
    let mut senders = FixedSenders::new();
    for kind in 0..GUARDS.len() {
        // The third host is not among them.
        for source in [host(Family::V4, 1), host(Family::V6, 1), host(Family::V4, 2), gateway(Family::V4, 1)] {
            senders.allow(policy_id(kind), source).unwrap();
        }
    }
    Inbound::new(sad, SenderWindows::new(64).unwrap(), policy(), senders, Log::default())
}

fn left_by<P: CryptoProvider>(inbound: &In<P>) -> Vec<String> {
    let states = inbound.sad.iter().map(|(sa, state)| format!("{:?} {state:?}", sa.id()));
    let rest = [format!("{:?}", inbound.replay), format!("{:?}", inbound.counters()), format!("{:?}", inbound.audit)];
    states.chain(rest).collect()
}

/// Of a packet that passes everything, of others what is said of them; through policy and raw, and what both leave behind.
type Came = (Vec<Passed<Received, InboundError>>, Vec<String>, Vec<Passed<Opened, OpenError>>, String);
type Passed<T, E> = (Option<Vec<u8>>, Result<T, E>);

fn opened_one_by_one(packets: &[Vec<u8>]) -> Came {
    let mut inbound = inbound(&mut RustCrypto);
    let mut windows = SenderWindows::<24, 1>::new(64).unwrap();
    let (mut processed, mut raw) = (vec![], vec![]);
    for packet in packets {
        let (mut storage, len) = (packet.clone(), packet.len());
        let mut packet = PacketBuf::new(&mut storage, 0..len).unwrap();
        let result = open(&inbound.sad, &mut windows, &mut RustCrypto, Some(&code_points()), &mut packet);
        raw.push((result.is_ok().then(|| packet.as_octets().to_vec()), result));
    }
    for packet in packets {
        let (mut storage, len) = (packet.clone(), packet.len());
        let mut packet = PacketBuf::new(&mut storage, 0..len).unwrap();
        let result = inbound.process(&mut RustCrypto, Some(&code_points()), NOW, &mut packet);
        processed.push((result.is_ok().then(|| packet.as_octets().to_vec()), result));
    }
    (processed, left_by(&inbound), raw, format!("{windows:?}"))
}

fn opened_at_once<P: CryptoProvider>(mut crypto: P, packets: &[Vec<u8>], cuts: &[usize]) -> Came {
    fn passed<T, E: Copy>(result: Result<(&mut PacketBuf<'_>, T), E>) -> Passed<T, E> {
        match result {
            Ok((packet, said)) => (Some(packet.as_octets().to_vec()), Ok(said)),
            Err(error) => (None, Err(error)),
        }
    }
    let mut inbound = inbound(&mut crypto);
    let mut windows = SenderWindows::<24, 1>::new(64).unwrap();
    let (mut processed, mut raw) = (vec![], vec![]);
    let buffers = |storages: &mut [Vec<u8>], each: &mut dyn FnMut(&mut [PacketBuf<'_>])| {
        let mut buffers: Vec<_> = storages
            .iter_mut()
            .map(|storage| {
                let len = storage.len();
                PacketBuf::new(storage, 0..len).unwrap()
            })
            .collect();
        in_batches(&mut buffers, cuts, each);
    };
    buffers(&mut packets.to_vec(), &mut |buffers| {
        open_batch(&inbound.sad, &mut windows, &mut crypto, Some(&code_points()), buffers, |_, result| {
            raw.push(passed(result));
        });
    });
    buffers(&mut packets.to_vec(), &mut |buffers| {
        inbound.process_batch(&mut crypto, Some(&code_points()), NOW, buffers, |_, result| {
            processed.push(passed(result));
        });
    });
    (processed, left_by(&inbound), raw, format!("{windows:?}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn lanes_open_the_same(items in items(), ways in vec(way(), 80), cuts in cuts()) {
        let packets = arrived(&items, &ways);
        let expected = opened_one_by_one(&packets);
        for (name, crypto) in providers() {
            prop_assert_eq!(&opened_at_once(crypto, &packets, &cuts), &expected, "with {}", name);
        }
    }
}

/// The traffic above has in it what it is to have.
#[test]
fn what_comes_in_is_mixed() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for _ in 0..24 {
        let items = items().new_tree(&mut runner).unwrap().current();
        let ways = vec(way(), 80).new_tree(&mut runner).unwrap().current();
        for (_, result) in opened_one_by_one(&arrived(&items, &ways)).2 {
            let name = format!("{result:?}").chars().take_while(|&c| c != '{' && c != ')').collect();
            *seen.entry(name).or_default() += 1;
        }
    }
    for name in ["Ok(Opened ", "Err(Icv", "Err(Padding", "Err(Replay(Replayed"] {
        assert!(seen.get(name).is_some_and(|&count| count > 20), "{name}: {seen:?}");
    }
}
