//! What goes out.

use proptest::prelude::*;
use xcast_sec::crypto::{CryptoProvider, RustCrypto};
use xcast_sec::ipsec::{
    FixedOutboundSad, FixedSpd, Freshness, Outbound, OutboundError, OutboundSa, PacketBuf, SaConfig, SealError, Sealed,
    SenderId, Sent, ToSeal, seal_batch_with, seal_with,
};

use super::{KEYS, items, keyed, sa};
use crate::associations::*;
use crate::kit::{NOW, code_points};
use crate::levels::providers;
use crate::providers::Rng;

type Sad<P> = FixedOutboundSad<P, 20>;
type Out<P> = Outbound<Sad<P>, FixedSpd<16>, Log>;

fn sender<P: CryptoProvider>(config: &SaConfig<'_>, crypto: &mut P) -> OutboundSa<P> {
    OutboundSa::shared(sa(config, crypto), SenderId::new(1, 8).unwrap(), NOW).unwrap()
}

fn outbound<P: CryptoProvider>(crypto: &mut P) -> Out<P> {
    let mut sad = Sad::new();
    // One kind has no association.
    for config in (0..KINDS).filter(|&kind| kind != 4).flat_map(keyed) {
        assert!(sad.insert(sender(&config, crypto)).is_ok());
    }
    Outbound::new(sad, policy(), Log::default())
}

fn storages(items: &[Item]) -> Vec<(Vec<u8>, std::ops::Range<usize>)> {
    let each = items.iter().map(|item| {
        let mut packet = item.packet();
        item.damage.apply(&mut packet);
        let range = item.room..item.room + packet.len();
        (std::iter::repeat_n(0, item.room).chain(packet).chain(std::iter::repeat_n(0, item.room)).collect(), range)
    });
    each.collect()
}

/// What `each` makes of one packet after the other.
fn one_by_one<T, E>(
    items: &[Item],
    mut each: impl FnMut(usize, &mut PacketBuf<'_>) -> Result<T, E>,
) -> Vec<Told<T, E>> {
    let packets = storages(items).into_iter().enumerate().map(|(index, (mut storage, range))| {
        let mut packet = PacketBuf::new(&mut storage, range).unwrap();
        let result = each(index, &mut packet);
        (packet.as_octets().to_vec(), packet.range(), result)
    });
    packets.collect()
}

/// What `batch` makes of all of them, cut.
fn at_once<T, E>(
    items: &[Item],
    cuts: &[usize],
    mut batch: impl FnMut(usize, &mut [PacketBuf<'_>], &mut Vec<HandedOut<T, E>>),
) -> Vec<Told<T, E>> {
    let mut storages = storages(items);
    let mut packets: Vec<_> =
        storages.iter_mut().map(|(storage, range)| PacketBuf::new(storage, range.clone()).unwrap()).collect();
    let mut told = Vec::new();
    in_batches(&mut packets, cuts, |packets| batch(told.len(), packets, &mut told));
    afterwards(&packets, told)
}

/// Through policy: octets and results, and then counters, audit events, numbers, usage and limits.
type Went = (Vec<Told<Sent, OutboundError>>, Vec<String>);

fn left_of<P: CryptoProvider>(out: &Out<P>, rng: &Rng) -> Vec<String> {
    let associations = out.sad.iter().map(|sa| format!("{:?} {:?} {:?}", sa.counter(), sa.usage(), sa.soft_limit(NOW)));
    associations.chain([format!("{:?}", out.counters()), format!("{:?}", out.audit), format!("{rng:?}")]).collect()
}

fn processed_one_by_one(items: &[Item]) -> Went {
    let (mut out, mut rng) = (outbound(&mut RustCrypto), Rng { drawn: 0, fails_of: 0 });
    let told = one_by_one(items, |_, packet| out.process(&mut RustCrypto, &mut rng, Some(&code_points()), NOW, packet));
    (told, left_of(&out, &rng))
}

fn processed_at_once<P: CryptoProvider>(mut crypto: P, items: &[Item], cuts: &[usize]) -> Went {
    let (mut out, mut rng) = (outbound(&mut crypto), Rng { drawn: 0, fails_of: 0 });
    let told = at_once(items, cuts, |_, packets, told| {
        out.process_batch(&mut crypto, &mut rng, Some(&code_points()), NOW, packets, |_, result| {
            told.push(handed_out(result));
        });
    });
    (told, left_of(&out, &rng))
}

/// Under one association, and under any with numbers from outside.
type Sealing = (Vec<Told<Sealed, SealError>>, String, Vec<Told<(), SealError>>);

/// Number, and a vector of the right length, of a packet under its kind's association.
fn freshness(index: usize, iv_len: usize) -> Freshness<'static> {
    Freshness { sequence: index as u64 + 1, iv: &KEYS[index % 32][..iv_len] }
}

fn kind_of(item: &Item) -> usize {
    item.kind.min(GUARDS.len() - 1)
}

fn sealed_one_by_one(items: &[Item], kind: usize) -> Sealing {
    let (mut under, mut rng) = (sender(&keyed(kind)[0], &mut RustCrypto), Rng { drawn: 0, fails_of: 0 });
    let of_one =
        one_by_one(items, |_, packet| under.seal(NOW, &mut RustCrypto, &mut rng, Some(&code_points()), packet));
    let sas: Vec<_> = (0..GUARDS.len()).map(|kind| sa(&keyed(kind)[0], &mut RustCrypto)).collect();
    let raw = one_by_one(items, |index, packet| {
        let sa = &sas[kind_of(&items[index])];
        seal_with(sa, freshness(index, sa.iv_len()), &mut RustCrypto, Some(&code_points()), packet)
    });
    (of_one, format!("{:?} {:?} {rng:?}", under.counter(), under.usage()), raw)
}

fn sealed_at_once<P: CryptoProvider>(mut crypto: P, items: &[Item], kind: usize, cuts: &[usize]) -> Sealing {
    let (mut under, mut rng) = (sender(&keyed(kind)[0], &mut crypto), Rng { drawn: 0, fails_of: 0 });
    let of_one = at_once(items, cuts, |_, packets, told| {
        let code_points = code_points();
        under.seal_batch(NOW, &mut crypto, &mut rng, Some(&code_points), packets, |_, result| {
            told.push(handed_out(result));
        });
    });
    let sas: Vec<_> = (0..GUARDS.len()).map(|kind| sa(&keyed(kind)[0], &mut crypto)).collect();
    let raw = at_once(items, cuts, |first, packets, told| {
        let batch = packets.iter_mut().zip(first..).map(|(packet, index)| {
            let sa = &sas[kind_of(&items[index])];
            ToSeal { sa, freshness: freshness(index, sa.iv_len()), packet }
        });
        seal_batch_with(&mut crypto, Some(&code_points()), batch, |_, result| {
            told.push(handed_out(result.map(|packet| (packet, ()))));
        });
    });
    (of_one, format!("{:?} {:?} {rng:?}", under.counter(), under.usage()), raw)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn lanes_seal_the_same(items in items(), kind in 0..GUARDS.len(), cuts in cuts()) {
        let processed = processed_one_by_one(&items);
        let sealed = sealed_one_by_one(&items, kind);
        for (name, crypto) in providers() {
            prop_assert_eq!(&processed_at_once(crypto, &items, &cuts), &processed, "with {}", name);
            prop_assert_eq!(&sealed_at_once(crypto, &items, kind, &cuts), &sealed, "with {}", name);
        }
    }
}
