//! What comes in.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use xcast_sec::ipsec::{
    Content, FixedSad, FixedSenders, FixedSpd, Freshness, Inbound, InboundError, NewSender, OpenError, PacketBuf,
    Received, ReplayError, ReplayStore, ReplayWindow, Sa, SaConfig, SenderKey, SenderWindows, Tfc, Unverified, Usage,
    open, open_batch, seal_dummy_with, seal_with,
};

use crate::associations::*;
use crate::kit::{NOW, code_points, gateway, host};
use crate::providers::Odd;
use xcast_sec::wire::Family;

pub(crate) type Sad = FixedSad<Odd, 20>;
pub(crate) type In = Inbound<Sad, SenderWindows<24, 1>, FixedSpd<16>, FixedSenders<64>, Log>;

pub(crate) fn inbound() -> In {
    let mut sad = Sad::new();
    // One kind has no association.
    for config in (0..KINDS).filter(|&kind| kind != 4).flat_map(configs) {
        assert!(sad.insert(odd_sa(&config), Usage::new(NOW)).is_ok());
    }
    let mut senders = FixedSenders::new();
    for kind in 0..GUARDS.len() {
        // The third host is not among them.
        for source in [host(Family::V4, 1), host(Family::V6, 1), host(Family::V4, 2), gateway(Family::V4, 1)] {
            senders.allow(policy_id(kind), source).unwrap();
        }
    }
    let mut inbound = Inbound::new(sad, SenderWindows::new(64).unwrap(), policy(), senders, Log::default());
    inbound.set_resync_after(3);
    inbound
}

/// A datagram, sealed, and what becomes of it on the way.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    item: Item,
    sequence: u64,
    on_the_way: Damage,
    /// An earlier one comes again instead.
    again: Option<Index>,
}

/// Numbers that a window holds all at once; if `far`, those in a row, far apart, and on both sides of every upper half.
fn sequence(far: bool) -> impl Strategy<Value = u64> {
    const T: u64 = 1 << 32;
    if !far {
        // A number that has left the window is tried in the next upper half. A batch may have tried it in this one before and
        // knows without asking that it must fail, so that a provider that has failures of its own could show that.
        return (1..=64_u64).boxed();
    }
    prop_oneof![
        6 => 1..100_u64,
        2 => T - 70..T + 70,
        1 => T..T + 100,
        1 => 2 * T - 70..2 * T + 70,
        1 => any::<u64>(),
    ]
    .boxed()
}

pub(crate) fn arrival(far: bool) -> impl Strategy<Value = Arrival> {
    let again = prop::option::weighted(0.15, any::<Index>());
    let mut item = item(0..KINDS).boxed();
    if far {
        // Of the kinds with extended numbers more.
        item = prop_oneof![1 => item, 2 => prop_oneof![item_of(2), item_of(3), item_of(8), item_of(10)]].boxed();
    }
    (item, sequence(far), damage(), again).prop_map(|(item, sequence, on_the_way, again)| Arrival {
        item: Item { damage: Damage::None, ..item },
        sequence,
        on_the_way,
        again,
    })
}

fn item_of(kind: usize) -> impl Strategy<Value = Item> {
    item(kind..kind + 1)
}

/// What comes from the link.
pub(crate) fn arrived(arrivals: &[Arrival]) -> Vec<Vec<u8>> {
    let sas: Vec<Vec<Sa<Odd>>> = (0..KINDS).map(|kind| configs(kind).iter().map(odd_sa).collect()).collect();
    let mut packets: Vec<Vec<u8>> = Vec::new();
    for Arrival { item, sequence, on_the_way, again } in arrivals {
        let mut packet = item.packet();
        for sa in sas[item.kind].iter().rev() {
            let mut storage = vec![0; packet.len() + 400];
            storage[200..200 + packet.len()].copy_from_slice(&packet);
            let mut buffer = PacketBuf::new(&mut storage, 200..200 + packet.len()).unwrap();
            let sequence = if sa.esn() { *sequence } else { *sequence & 0xffff_ffff };
            let freshness = Freshness { sequence, iv: &[packet.len() as u8; 16][..sa.iv_len()] };
            if seal_with(sa, freshness, &mut Odd::new(0), Some(&code_points()), &mut buffer).is_ok() {
                packet = buffer.as_octets().to_vec();
            }
        }
        if let Some(again) = again
            && !packets.is_empty()
        {
            packet = packets[again.index(packets.len())].clone();
        }
        if !packet.is_empty() {
            on_the_way.apply(&mut packet);
        }
        packets.push(packet);
    }
    packets
}

/// What is told of a packet, and what it is then, if it passes.
type Told = (Option<Vec<u8>>, Result<Received, InboundError>);

/// Of a packet that passes everything, of others what they are known by.
fn seen<E>(packet: &PacketBuf<'_>, result: &Result<Received, E>) -> Option<Vec<u8>> {
    result.is_ok().then(|| packet.as_octets().to_vec())
}

/// What is left behind.
pub(crate) fn left(inbound: &In) -> (Vec<String>, String) {
    let states = inbound.sad.iter().map(|(sa, state)| format!("{:?} {state:?}", sa.id())).collect();
    (states, format!("{:?}", inbound.replay))
}

fn compare(arrivals: &[Arrival], cuts: &[usize], fails_of: u8) -> Result<(), TestCaseError> {
    let packets = arrived(arrivals);
    let (mut single, mut batch) = (inbound(), inbound());
    let mut crypto = Odd::new(fails_of);
    let expected: Vec<_> = packets
        .iter()
        .cloned()
        .map(|mut storage| {
            let len = storage.len();
            let mut packet = PacketBuf::new(&mut storage, 0..len).unwrap();
            let result = single.process(&mut crypto, Some(&code_points()), NOW, &mut packet);
            (seen(&packet, &result), result)
        })
        .collect();
    let mut storages = packets.clone();
    let mut buffers: Vec<_> = storages
        .iter_mut()
        .map(|storage| {
            let len = storage.len();
            PacketBuf::new(storage, 0..len).unwrap()
        })
        .collect();
    let mut told = Vec::new();
    in_batches(&mut buffers, cuts, |buffers| {
        let first = told.len();
        batch.process_batch(&mut crypto, Some(&code_points()), NOW, buffers, |index, result| {
            assert_eq!(first + index, told.len());
            told.push(handed_out(result));
        });
    });
    let mut got = Vec::<Told>::new();
    for ((octets, _, result), came) in afterwards(&buffers, told).into_iter().zip(&packets) {
        if let Err(InboundError::Open(OpenError::NoSa { .. }) | InboundError::Discarded | InboundError::NoPolicy) =
            result
        {
            // What nobody has a key for is as it came.
            assert!(came.starts_with(&octets));
        }
        got.push((result.is_ok().then_some(octets), result));
    }
    for (index, (got, expected)) in got.iter().zip(&expected).enumerate() {
        prop_assert_eq!(got, expected, "packet {}: {:?}", index, &arrivals[index]);
    }
    prop_assert_eq!(got.len(), packets.len());
    prop_assert_eq!(batch.counters(), single.counters());
    prop_assert_eq!(&batch.audit, &single.audit);
    prop_assert_eq!(left(&batch), left(&single));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn inbound_batches_are_packets_one_by_one(
        arrivals in vec(arrival(false), 1..90),
        cuts in cuts(),
        fails_of in prop_oneof![Just(0_u8), 3..20_u8],
    ) {
        compare(&arrivals, &cuts, fails_of)?;
    }

    /// Windows that move to another upper half within a batch.
    #[test]
    fn upper_halves_change_within_a_batch(arrivals in vec(arrival(true), 1..90), cuts in cuts()) {
        compare(&arrivals, &cuts, 0)?;
    }

    /// The raw operation, of one layer each.
    #[test]
    fn raw_batches_are_packets_one_by_one(arrivals in vec(arrival(true), 1..90)) {
        compare_raw(&arrived(&arrivals), 24)?;
    }

    /// Where all are ESP behind a plain IPv4 header, whatever of; and there may not be room for all senders.
    #[test]
    fn raw_batches_of_plain_packets_are_packets_one_by_one(
        far in vec(arrival(true), 1..60),
        near in vec(arrival(false), 1..60),
        senders in 0..24_usize,
    ) {
        let mut packets = arrived(&far);
        packets.extend(arrived(&near));
        packets.retain(|packet| is_plain_esp(packet));
        compare_raw(&packets, senders)?;
    }
}

/// Version 4, no options, no fragment, ESP; but for what was damaged, the packets that `open_batch` has a way of its own for.
fn is_plain_esp(packet: &[u8]) -> bool {
    packet.len() >= 20
        && packet[0] == 0x45
        && packet[9] == 50
        && u16::from_be_bytes([packet[6], packet[7]]) & 0x3fff == 0
}

/// There is room for so many senders.
fn compare_raw(packets: &[Vec<u8>], senders: usize) -> Result<(), TestCaseError> {
    let sad = inbound().sad;
    let mut crypto = Odd::new(0);
    let mut windows = [(); 2].map(|()| Crowded { windows: SenderWindows::new(64).unwrap(), senders });
    let mut expected = Vec::new();
    for mut storage in packets.iter().cloned() {
        let len = storage.len();
        let mut packet = PacketBuf::new(&mut storage, 0..len).unwrap();
        let result = open(&sad, &mut windows[0], &mut crypto, Some(&code_points()), &mut packet);
        expected.push((result.is_ok().then(|| packet.as_octets().to_vec()), result));
    }
    let mut storages = packets.to_vec();
    let mut buffers: Vec<_> = storages
        .iter_mut()
        .map(|storage| {
            let len = storage.len();
            PacketBuf::new(storage, 0..len).unwrap()
        })
        .collect();
    let mut told = Vec::new();
    open_batch(&sad, &mut windows[1], &mut crypto, Some(&code_points()), &mut buffers, |index, result| {
        assert_eq!(index, told.len());
        told.push(handed_out(result));
    });
    let got: Vec<_> = afterwards(&buffers, told)
        .into_iter()
        .map(|(octets, _, result)| (result.is_ok().then_some(octets), result))
        .collect();
    prop_assert_eq!(got, expected);
    prop_assert_eq!(format!("{:?}", windows[0].windows), format!("{:?}", windows[1].windows));
    Ok(())
}

/// Windows with room for fewer senders than they could hold.
#[derive(Debug)]
struct Crowded {
    windows: SenderWindows<24, 1>,
    senders: usize,
}

impl NewSender for Crowded {
    fn add(&mut self, sender: SenderKey) -> Option<&mut ReplayWindow> {
        if self.windows.len() < self.senders { self.windows.add(sender) } else { None }
    }
}

impl ReplayStore for Crowded {
    fn check(&mut self, sender: SenderKey, received: u32, esn: bool) -> Result<Unverified<'_>, ReplayError> {
        if self.windows.iter().any(|(known, _)| *known == sender) {
            self.windows.check(sender, received, esn)
        } else {
            Unverified::new_sender(self, sender, 64, received, esn)
        }
    }
}

/// Sealed with number `sequence`, of kind 3: ESP with extended numbers.
fn numbered(sequence: u64) -> Arrival {
    of_kind(3, sequence)
}

fn of_kind(kind: usize, sequence: u64) -> Arrival {
    let item = Item {
        kind,
        traffic: crate::kit::Traffic::Unicast4,
        host: 1,
        payload_len: 30,
        no_x2u: true,
        damage: Damage::None,
        room: 200,
    };
    Arrival { item, sequence, on_the_way: Damage::None, again: None }
}

/// The first packet moves the window; of the others one is found under another number than it was tried under, and one is too
/// old, although it verified.
#[test]
fn a_window_moves_under_packets_that_were_tried() {
    const T: u64 = 1 << 32;
    let packets = arrived(&[T - 100, T + 5, 6, T + 5].map(numbered));
    let mut inbound = inbound();
    let mut storages = packets;
    let mut buffers: Vec<_> = storages
        .iter_mut()
        .map(|storage| {
            let len = storage.len();
            PacketBuf::new(storage, 0..len).unwrap()
        })
        .collect();
    let mut results = Vec::new();
    let mut crypto = Odd::new(0);
    inbound.process_batch(&mut crypto, Some(&code_points()), NOW, &mut buffers, |_, result| {
        results.push(result.map(|(_, received)| received));
    });
    assert!(results[0].is_ok() && results[1].is_ok(), "{results:?}");
    assert_eq!(results[2], Err(InboundError::Open(OpenError::Icv)));
    assert!(matches!(results[3], Err(InboundError::Open(OpenError::Replay(_)))));
    assert_eq!(inbound.replay.iter().map(|(_, highest)| highest).collect::<Vec<_>>(), [T + 5]);
    assert_eq!(crypto.together, 4);
}

/// Packets in a row under ESP and AH of several algorithms do reach the provider together.
#[test]
fn jobs_come_in_company() {
    let mut storages =
        arrived(&(0..30_u64).map(|i| of_kind([0, 3, 7, 8, 1][i as usize % 5], 1 + i)).collect::<Vec<_>>());
    let mut buffers: Vec<_> = storages
        .iter_mut()
        .map(|storage| {
            let len = storage.len();
            PacketBuf::new(storage, 0..len).unwrap()
        })
        .collect();
    let mut crypto = Odd::new(0);
    inbound().process_batch(&mut crypto, Some(&code_points()), NOW, &mut buffers, |_, result| {
        assert!(result.is_ok(), "{result:?}");
    });
    assert_eq!(crypto.together, 30);
}

/// A forged packet in a batch moves no window, and takes no place in the table.
#[test]
fn nothing_changes_before_a_packet_verifies() {
    struct Watched(SenderWindows<24, 1>);
    impl ReplayStore for Watched {
        fn check(
            &mut self,
            sender: xcast_sec::ipsec::SenderKey,
            received: u32,
            esn: bool,
        ) -> Result<xcast_sec::ipsec::Unverified<'_>, xcast_sec::ipsec::ReplayError> {
            self.0.check(sender, received, esn)
        }
    }
    let mut packets = arrived(&[7, 8, 9].map(numbered));
    for packet in &mut packets {
        *packet.last_mut().unwrap() ^= 1;
    }
    let untouched = packets.clone();
    let mut windows = Watched(SenderWindows::new(64).unwrap());
    let mut buffers: Vec<_> = packets
        .iter_mut()
        .map(|storage| {
            let len = storage.len();
            PacketBuf::new(storage, 0..len).unwrap()
        })
        .collect();
    let sad = inbound().sad;
    open_batch(&sad, &mut windows, &mut Odd::new(0), Some(&code_points()), &mut buffers, |_, result| {
        assert_eq!(result.map(|(_, opened)| opened), Err(OpenError::Icv));
    });
    assert!(buffers.iter().map(PacketBuf::as_octets).eq(untouched.iter().map(Vec::as_slice)));
    assert!(windows.0.is_empty());
}

/// Dummies and padding against traffic analysis (RFC 4303 §2.6, §2.7), among packets of the plainest kind.
#[test]
fn what_hides_lengths_is_taken_off() {
    let config = SaConfig { tfc: Tfc::AtLeast(200), ..configs(3)[0] };
    let sa = odd_sa(&config);
    let mut crypto = Odd::new(0);
    let plain = numbered(1).item.packet();
    let mut storages = [[0; 500]; 3];
    let mut buffers = storages.each_mut().map(|storage| {
        storage[100..100 + plain.len()].copy_from_slice(&plain);
        PacketBuf::new(storage, 100..100 + plain.len()).unwrap()
    });
    for (sequence, buffer) in (1..).zip(&mut buffers) {
        let freshness = Freshness { sequence, iv: &[9; 16][..sa.iv_len()] };
        let sealed = if sequence == 2 {
            seal_dummy_with(&sa, freshness, &mut crypto, Some(&code_points()), buffer)
        } else {
            seal_with(&sa, freshness, &mut crypto, Some(&code_points()), buffer)
        };
        sealed.unwrap();
        assert!(buffer.len() > 220);
    }
    let mut windows = SenderWindows::<1, 1>::new(64).unwrap();
    let mut contents = Vec::new();
    open_batch(&sa, &mut windows, &mut crypto, Some(&code_points()), &mut buffers, |index, result| {
        let (packet, opened) = result.unwrap();
        assert_eq!(packet.as_octets(), if index == 1 { &[] } else { &plain[..] });
        contents.push(opened.content);
    });
    assert_eq!(contents, [Content::Packet, Content::Dummy, Content::Packet]);
}
