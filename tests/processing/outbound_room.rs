//! How much room a packet needs in its buffer: just as much as its protection takes, in front or behind.

use xcast_sec::ipsec::{OutboundError, SaConfig, SealError};

use crate::ends::{Receiver, Sender};
use crate::kit::*;

/// What one layer inserts and appends.
struct Needs {
    inserted: usize,
    appended: usize,
}

/// Of each layer, innermost first, for this packet.
fn needs(configs: &[SaConfig<'_>], traffic: Traffic) -> Vec<Needs> {
    let mut packet = traffic.packet();
    let each = configs.iter().rev().map(|config| {
        let sa = sa(config);
        let sealed = seal(&sa, 1, &packet);
        let inserted = sa.headroom(traffic.family());
        let needs = Needs { inserted, appended: sealed.len() - packet.len() - inserted };
        packet = sealed;
        needs
    });
    each.collect()
}

/// Each layer's header goes in front if there is room left, else it pushes what follows back.
fn fits(needs: &[Needs], mut headroom: usize, tailroom: usize) -> bool {
    let mut behind = 0;
    for layer in needs {
        if headroom >= layer.inserted {
            headroom -= layer.inserted;
        } else {
            behind += layer.inserted;
        }
        behind += layer.appended;
    }
    behind <= tailroom
}

/// One less, as many, one more than every sum of some of these.
fn edges(parts: &[usize]) -> Vec<usize> {
    let mut edges = vec![0];
    for subset in 0..1_usize << parts.len() {
        let chosen = parts.iter().enumerate().filter(|(index, _)| subset >> index & 1 == 1);
        let sum: usize = chosen.map(|(_, part)| part).sum();
        edges.extend([sum.saturating_sub(1), sum, sum + 1]);
    }
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// With headroom for all, for one or for none of the headers; to the octet. Octets behind the packet's end are room as well.
#[test]
fn a_packet_is_sealed_wherever_there_is_room_for_it() {
    for traffic in Traffic::ALL {
        for required in ALL_REQUIRED {
            let configs = configs_of(required, traffic.family());
            let needs = needs(&configs, traffic);
            let (mut sender, mut receiver) =
                (Sender::requiring(traffic, required), Receiver::requiring(traffic, required));
            let plain = traffic.packet();
            let inserted: Vec<_> = needs.iter().map(|layer| layer.inserted).collect();
            let mut all = inserted.clone();
            all.push(needs.iter().map(|layer| layer.appended).sum());
            let (mut sealed, mut refused) = (0, 0);
            for &headroom in &edges(&inserted) {
                for &tailroom in &edges(&all) {
                    for padding in [0, 5.min(tailroom)] {
                        let mut storage = vec![0xee; headroom + plain.len() + tailroom];
                        storage[headroom..headroom + plain.len()].copy_from_slice(&plain);
                        let range = headroom..headroom + plain.len() + padding;
                        let before: Vec<_> = sender.outbound.sad.iter().map(|sa| sa.counter().last()).collect();
                        let departure = sender.send_from(NOW, &mut storage, range);
                        let context = format!("{traffic:?}, {required:?}: {headroom} + {tailroom}, {padding}");
                        if fits(&needs, headroom, tailroom) {
                            let arrival = receiver.receive(&departure.sealed_within_limits());
                            assert!(arrival.has_passed(), "{context}: {arrival:?}");
                            assert_eq!(arrival.packet, plain, "{context}");
                            sealed += 1;
                            continue;
                        }
                        let OutboundError::Seal(SealError::NoRoom { inserted, appended }) = departure.error() else {
                            panic!("{context}: {departure:?}");
                        };
                        // It says what would have been enough, of all layers or of the one that lacks it.
                        let total: usize = needs.iter().map(|layer| layer.inserted).sum();
                        assert!(inserted <= total && appended <= all[needs.len()], "{context}");
                        assert_eq!(departure.counter, "out_error");
                        let after: Vec<_> = sender.outbound.sad.iter().map(|sa| sa.counter().last()).collect();
                        assert_eq!(after, before, "no number is used up");
                        refused += 1;
                    }
                }
            }
            assert!(sealed > 10 && refused > 10, "{required:?}: {sealed} and {refused}");
        }
    }
}

/// What `Sa::headroom` and `Sa::tailroom` say is enough.
#[test]
fn what_associations_say_they_need_is_enough() {
    for traffic in Traffic::ALL {
        for required in ALL_REQUIRED {
            let mut sender = Sender::requiring(traffic, required);
            let configs = configs_of(required, traffic.family());
            let headroom: usize = configs.iter().map(|config| sa(config).headroom(traffic.family())).sum();
            let tailroom: usize = configs.iter().map(|config| sa(config).tailroom()).sum();
            let plain = traffic.packet();
            let mut storage = vec![0; headroom + plain.len() + tailroom];
            storage[headroom..headroom + plain.len()].copy_from_slice(&plain);
            sender.send_from(NOW, &mut storage, headroom..headroom + plain.len()).sealed_within_limits();
        }
    }
}
