//! Many packets under one association.

use proptest::collection::vec;
use proptest::prelude::*;
use xcast_sec::ipsec::{OutboundSa, PacketBuf, SenderId, Usage};

use crate::associations::*;
use crate::kit::{NOW, code_points};
use crate::providers::{Odd, Rng};

fn storage(item: &Item) -> (Vec<u8>, std::ops::Range<usize>) {
    let mut packet = item.packet();
    item.damage.apply(&mut packet);
    let mut storage = vec![0; packet.len() + 2 * item.room];
    let range = item.room..item.room + packet.len();
    storage[range.clone()].copy_from_slice(&packet);
    (storage, range)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Also where numbers end, or those reserved do, or the last sixteenth of them begins.
    #[test]
    fn one_association_seals_the_same(
        kind in 0..GUARDS.len(),
        items in vec(item(0..KINDS), 1..80),
        cuts in cuts(),
        last in prop_oneof![Just(0_u64), Just(u64::from(u32::MAX) - 20), Just(0xf000_0000_u64 - 20)],
        reserved in prop_oneof![Just(u64::MAX), 0..60_u64],
        fails_of in prop_oneof![Just(0_u8), 3..20_u8],
        random_fails_of in prop_oneof![Just(0_u64), 3..9_u64],
    ) {
        let sender = || {
            let sender = SenderId::new(1, 8).unwrap();
            // Of the saved number nothing counts as packets, or the association had ended.
            let mut sa = OutboundSa::resume(odd_sa(&configs(kind)[0]), last, sender, Usage::new(NOW)).unwrap();
            sa.reserve(reserved).commit();
            sa
        };
        let (mut single, mut batch) = (sender(), sender());
        let rng = Rng { drawn: 0, fails_of: random_fails_of };
        let (mut crypto, mut rngs) = (Odd::new(fails_of), [rng.clone(), rng]);
        let mut buffers: Vec<_> = items.iter().map(storage).collect();
        let expected: Vec<_> = buffers.clone().into_iter().map(|(mut storage, range)| {
            let mut packet = PacketBuf::new(&mut storage, range).unwrap();
            let result = single.seal(NOW, &mut crypto, &mut rngs[0], Some(&code_points()), &mut packet);
            (packet.as_octets().to_vec(), packet.range(), result)
        }).collect();
        let mut packets: Vec<_> =
            buffers.iter_mut().map(|(storage, range)| PacketBuf::new(storage, range.clone()).unwrap()).collect();
        let mut told = Vec::new();
        in_batches(&mut packets, &cuts, |packets| {
            let first = told.len();
            batch.seal_batch(NOW, &mut crypto, &mut rngs[1], Some(&code_points()), packets, |index, result| {
                assert_eq!(first + index, told.len());
                told.push(handed_out(result));
            });
        });
        let seen = afterwards(&packets, told);
        prop_assert_eq!(seen, expected);
        prop_assert_eq!(format!("{:?}", batch), format!("{:?}", single));
        prop_assert_eq!(&rngs[0], &rngs[1]);
    }
}
