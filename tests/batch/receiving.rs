//! What a receiver hands up.

use std::net::IpAddr;

use proptest::collection::vec;
use proptest::prelude::*;
use xcast_sec::ipsec::PacketBuf;
use xcast_sec::stack::{Incoming, ReceiveError, Receiver, ReceiverPolicy};

use crate::associations::{cuts, in_batches};
use crate::kit::{NOW, Traffic, address, code_points};
use crate::opening::{arrival, arrived, inbound, left};
use crate::providers::Odd;

/// One of the members, and where unicast packets go; of the gateways the far one.
fn is_local(own: IpAddr) -> bool {
    let unicast = [Traffic::Unicast4, Traffic::Unicast6].map(Traffic::destination);
    unicast.contains(&own) || ["10.0.0.2", "2001:db8:1::2", "203.0.113.2"].map(address).contains(&own)
}

fn told(result: &Result<Incoming<'_>, ReceiveError>) -> (String, Vec<u8>) {
    let payload = match result {
        Ok(Incoming::Packet(delivery)) => delivery.payload().to_vec(),
        _ => vec![],
    };
    (format!("{result:?}"), payload)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_receiver_hands_up_the_same(arrivals in vec(arrival(true), 1..90), cuts in cuts()) {
        let receiver = || Receiver::new(inbound(), code_points(), ReceiverPolicy::default());
        let (mut single, mut batch) = (receiver(), receiver());
        let mut crypto = Odd::new(0);
        let packets = arrived(&arrivals);
        let mut expected = Vec::new();
        for mut storage in packets.clone() {
            let len = storage.len();
            let mut packet = PacketBuf::new(&mut storage, 0..len).unwrap();
            expected.push(told(&single.receive(&mut crypto, NOW, is_local, &mut packet)));
        }
        let mut storages = packets.clone();
        let mut buffers: Vec<_> = storages.iter_mut().map(|storage| {
            let len = storage.len();
            PacketBuf::new(storage, 0..len).unwrap()
        }).collect();
        let mut got = Vec::new();
        in_batches(&mut buffers, &cuts, |buffers| {
            let first = got.len();
            batch.receive_batch(&mut crypto, NOW, is_local, buffers, |index, result| {
                assert_eq!(first + index, got.len());
                got.push(told(&result));
            });
        });
        prop_assert_eq!(got, expected);
        // What is not for this host may be somebody else's: it is as it came.
        for (buffer, came) in buffers.iter().zip(&packets) {
            if single.look(came, is_local).is_err() {
                prop_assert_eq!(buffer.as_octets(), &came[..]);
            }
        }
        prop_assert_eq!(batch.counters(), single.counters());
        prop_assert_eq!(batch.inbound.counters(), single.inbound.counters());
        prop_assert_eq!(&batch.inbound.audit, &single.inbound.audit);
        prop_assert_eq!(left(&batch.inbound), left(&single.inbound));
    }
}
