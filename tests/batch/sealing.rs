//! What goes out.

use proptest::collection::vec;
use proptest::prelude::*;
use xcast_sec::crypto::CryptoError;
use xcast_sec::ipsec::{
    FixedOutboundSad, FixedSpd, Freshness, Outbound, OutboundError, OutboundKey, OutboundSa, OutboundSad, PacketBuf,
    SealError, SenderId, Sent, ToSeal, seal_batch_with, seal_with,
};

use crate::associations::*;
use crate::kit::{NOW, code_points};
use crate::providers::{Odd, Rng};

type Sad = FixedOutboundSad<Odd, 20>;
type Out<S> = Outbound<S, FixedSpd<16>, Log>;

/// A database that does not say how its associations can be found again.
struct Forgetful(Sad);

impl OutboundSad<Odd> for Forgetful {
    fn select(&mut self, key: &OutboundKey) -> Option<&mut OutboundSa<Odd>> {
        self.0.select(key)
    }
}

fn sad() -> Sad {
    let mut sad = Sad::new();
    // One kind has no association.
    for config in (0..KINDS).filter(|&kind| kind != 4).flat_map(configs) {
        let mut sa = OutboundSa::shared(odd_sa(&config), SenderId::new(1, 8).unwrap(), NOW).unwrap();
        if config.spi == crate::kit::spi(0x1000) {
            sa.path_mtu_mut().learn(200, xcast_sec::wire::Family::V4, NOW);
        }
        assert!(sad.insert(sa).is_ok());
    }
    sad
}

fn outbound<S>(sad: S) -> Out<S> {
    Outbound::new(sad, policy(), Log::default())
}

/// Everything that can be told of a packet afterwards.
type Seen = Told<Sent, OutboundError>;

fn buffers(items: &[Item]) -> Vec<(Vec<u8>, std::ops::Range<usize>)> {
    let buffer = |item: &Item| {
        let mut packet = item.packet();
        item.damage.apply(&mut packet);
        let mut storage = vec![0; packet.len() + 2 * item.room];
        let range = item.room..item.room + packet.len();
        storage[range.clone()].copy_from_slice(&packet);
        (storage, range)
    };
    items.iter().map(buffer).collect()
}

fn one_by_one(out: &mut Out<Sad>, crypto: &mut Odd, rng: &mut Rng, items: &[Item]) -> Vec<Seen> {
    let each = buffers(items).into_iter().map(|(mut storage, range)| {
        let mut packet = PacketBuf::new(&mut storage, range).unwrap();
        let result = out.process(crypto, rng, Some(&code_points()), NOW, &mut packet);
        (packet.as_octets().to_vec(), packet.range(), result)
    });
    each.collect()
}

fn at_once<S: OutboundSad<Odd>>(
    out: &mut Out<S>,
    crypto: &mut Odd,
    rng: &mut Rng,
    items: &[Item],
    cuts: &[usize],
) -> Vec<Seen> {
    let mut buffers = buffers(items);
    let mut packets: Vec<_> =
        buffers.iter_mut().map(|(storage, range)| PacketBuf::new(storage, range.clone()).unwrap()).collect();
    let mut told = Vec::new();
    in_batches(&mut packets, cuts, |batch| {
        let first = told.len();
        out.process_batch(crypto, rng, Some(&code_points()), NOW, batch, |index, result| {
            assert_eq!(first + index, told.len());
            told.push(handed_out(result));
        });
    });
    afterwards(&packets, told)
}

/// What is left behind in a database.
fn left(sad: &Sad) -> Vec<String> {
    sad.iter().map(|sa| format!("{:?} {:?} {:?}", sa.counter(), sa.usage(), sa.soft_limit(NOW))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn outbound_batches_are_packets_one_by_one(
        items in vec(item(0..KINDS), 1..90),
        cuts in cuts(),
        fails_of in prop_oneof![Just(0_u8), 3..20_u8],
        random_fails_of in prop_oneof![Just(0_u64), 3..9_u64],
    ) {
        let rng = Rng { drawn: 0, fails_of: random_fails_of };
        let (mut crypto, mut rngs) = ([Odd::new(fails_of), Odd::new(fails_of)], [rng.clone(), rng]);
        let (mut single, mut batch) = (outbound(sad()), outbound(sad()));
        let expected = one_by_one(&mut single, &mut crypto[0], &mut rngs[0], &items);
        let seen = at_once(&mut batch, &mut crypto[1], &mut rngs[1], &items, &cuts);
        for (index, (seen, expected)) in seen.iter().zip(&expected).enumerate() {
            prop_assert_eq!(seen, expected, "packet {}: {:?}", index, &items[index]);
        }
        prop_assert_eq!(seen.len(), items.len());
        prop_assert_eq!(batch.counters(), single.counters());
        prop_assert_eq!(&batch.audit, &single.audit);
        prop_assert_eq!(left(&batch.sad), left(&single.sad));
        prop_assert_eq!(&rngs[0], &rngs[1]);
    }

    /// Without a way to find associations again each packet goes its own way.
    #[test]
    fn a_database_need_not_find_associations_again(items in vec(item(0..KINDS), 1..40), cuts in cuts()) {
        let mut rngs = [const { Rng { drawn: 0, fails_of: 0 } }; 2];
        let (mut single, mut batch) = (outbound(sad()), outbound(Forgetful(sad())));
        let mut crypto = Odd::new(0);
        let expected = one_by_one(&mut single, &mut crypto, &mut rngs[0], &items);
        let seen = at_once(&mut batch, &mut crypto, &mut rngs[1], &items, &cuts);
        prop_assert_eq!(seen, expected);
        prop_assert_eq!((batch.counters(), &batch.audit), (single.counters(), &single.audit));
        prop_assert_eq!(left(&batch.sad.0), left(&single.sad));
        prop_assert_eq!(crypto.together, 0);
    }

    /// The raw operation, with numbers and vectors that may be wrong.
    #[test]
    fn raw_batches_are_packets_one_by_one(
        items in vec((item(0..GUARDS.len()), 0..40_u64, prop::bool::weighted(0.05)), 1..80),
        fails_of in prop_oneof![Just(0_u8), 3..20_u8],
    ) {
        let sas: Vec<_> = (0..GUARDS.len()).map(|kind| odd_sa(&configs(kind)[0])).collect();
        let mut crypto = Odd::new(fails_of);
        let only: Vec<_> = items.iter().map(|(item, ..)| item.clone()).collect();
        let ivs: Vec<_> = items.iter().map(|(item, sequence, wrong)| {
            let len = sas[item.kind].iv_len() + usize::from(*wrong);
            vec![*sequence as u8; len]
        }).collect();
        let mut expected = Vec::new();
        for (((mut storage, range), (item, sequence, _)), iv) in buffers(&only).into_iter().zip(&items).zip(&ivs) {
            let mut packet = PacketBuf::new(&mut storage, range).unwrap();
            let freshness = Freshness { sequence: *sequence, iv };
            let result = seal_with(&sas[item.kind], freshness, &mut crypto, Some(&code_points()), &mut packet);
            expected.push((packet.as_octets().to_vec(), result));
        }
        let mut buffers = buffers(&only);
        let mut packets: Vec<_> =
            buffers.iter_mut().map(|(storage, range)| PacketBuf::new(storage, range.clone()).unwrap()).collect();
        let batch = packets.iter_mut().zip(&items).zip(&ivs).map(|((packet, (item, sequence, _)), iv)| {
            ToSeal { sa: &sas[item.kind], freshness: Freshness { sequence: *sequence, iv }, packet }
        });
        let mut told = Vec::new();
        seal_batch_with(&mut crypto, Some(&code_points()), batch, |index, result| {
            assert_eq!(index, told.len());
            told.push(handed_out(result.map(|packet| (packet, ()))));
        });
        let seen: Vec<_> = afterwards(&packets, told).into_iter().map(|(octets, _, result)| (octets, result)).collect();
        prop_assert_eq!(seen, expected);
    }
}

fn plain(kind: usize) -> Item {
    Item {
        kind,
        traffic: crate::kit::Traffic::Unicast4,
        host: 1,
        payload_len: 30,
        no_x2u: true,
        damage: Damage::None,
        room: 200,
    }
}

/// What the provider fails on uses nothing up: no packet behind it meets a limit that those in front of it did not reach.
#[test]
fn what_fails_leaves_its_share_to_the_next() {
    // At most six packets under each of these, or so many octets.
    for kind in [11, 12, 13] {
        let items = vec![plain(kind); 20];
        let mut rng = Rng { drawn: 0, fails_of: 0 };
        let mut out = outbound(sad());
        let seen = at_once(&mut out, &mut Odd::new(1), &mut rng, &items, &[20]);
        let failed = OutboundError::Seal(SealError::Crypto(CryptoError::Provider));
        assert!(seen.iter().all(|(.., result)| *result == Err(failed)), "{seen:?}");
        // All that the limit allows is still there.
        let seen = at_once(&mut out, &mut Odd::new(0), &mut rng, &items, &[20]);
        let sealed = seen.iter().filter(|(.., result)| result.is_ok()).count();
        assert_eq!(
            sealed,
            one_by_one(&mut outbound(sad()), &mut Odd::new(0), &mut rng, &items)
                .iter()
                .filter(|(.., result)| result.is_ok())
                .count()
        );
        assert!((1..20).contains(&sealed));
    }
}

/// Packets in a row under associations of several senders and algorithms do reach the provider together.
#[test]
fn jobs_come_in_company() {
    let items: Vec<_> = (0..64).map(|index| plain([0, 1, 2, 3, 7, 8][index % 6])).collect();
    let mut crypto = Odd::new(0);
    let mut rng = Rng { drawn: 0, fails_of: 0 };
    let seen = at_once(&mut outbound(sad()), &mut crypto, &mut rng, &items, &[64]);
    assert!(seen.iter().all(|(.., result)| result.is_ok()), "{seen:?}");
    assert_eq!(crypto.together, 64);
}
