//! Receivers that have lost their place in extended sequence numbers (RFC 4302 §B3, RFC 4303 §A3).

use xcast_sec::ipsec::{InboundError, ModeKind, OpenError, Protection, Required, SaConfig, SaId};

use crate::ends::Receiver;
use crate::kit::*;

const ICV: InboundError = InboundError::Open(OpenError::Icv);
const SUBSPACE: u64 = 1 << 32;

/// AH and ESP, alone; the association has extended numbers or not.
fn receivers(esn: bool) -> Vec<(Receiver, SaId, SaConfig<'static>)> {
    let with = |required, protection: Protection<'static>| {
        let mut receiver = Receiver::new(protecting(TRAFFIC.received(), required));
        let config = SaConfig { esn, ..config(0x1000, protection) };
        let id = receiver.add(&config);
        (receiver, id, config)
    };
    vec![
        with(Required::Ah(ModeKind::Transport), ah()),
        with(Required::Esp(ModeKind::Transport), esp()),
        with(Required::Esp(ModeKind::Transport), esp_cbc()),
    ]
}

const TRAFFIC: Traffic = Traffic::Xcast6;

fn packet(config: &SaConfig<'_>, sequence: u64) -> Vec<u8> {
    seal(&sa(config), sequence, &TRAFFIC.packet())
}

/// RFC 4303 §A3.1: reported with just the packet that makes it enough in a row, and again after as many more; the packet is
/// then unchanged, and is what `resynchronize` finds the place with (§A3.2).
#[test]
fn out_of_step_is_reported_and_overcome() {
    for (mut receiver, id, config) in receivers(true) {
        receiver.inbound.set_resync_after(4);
        for count in 1..=12_u32 {
            let packet = packet(&config, 3 * SUBSPACE + u64::from(count));
            let arrival = receiver.receive(&packet);
            let expected = if count % 4 == 0 { InboundError::OutOfStep } else { ICV };
            assert_eq!(arrival.error(), expected, "{count}");
            assert_eq!(arrival.counter, "in_state_proto_error");
            assert_eq!(arrival.packet, packet, "unchanged");
            assert_eq!(receiver.failures(&id), count);
            let event = arrival.event.unwrap();
            assert_eq!((event.sa, event.sequence), (Some(id), Some(u64::from(count))));
        }
        assert!(receiver.inbound.replay.is_empty());
        assert_eq!(receiver.usage(&id).packets(), 0);
        // Too few tries, and just enough of them.
        let last = packet(&config, 3 * SUBSPACE + 12);
        assert_eq!(receiver.resynchronize(2, &last).error(), ICV);
        let arrival = receiver.resynchronize(3, &last);
        assert_eq!(arrival.layers()[0].sequence, 3 * SUBSPACE + 12);
        assert_eq!(arrival.packet, TRAFFIC.packet());
        assert_eq!(receiver.failures(&id), 0);
        assert_eq!(receiver.usage(&id).packets(), 1);
        // From now on it is in step, and replays are replays.
        assert!(receiver.receive(&packet(&config, 3 * SUBSPACE + 13)).has_passed());
        assert!(receiver.receive(&packet(&config, 3 * SUBSPACE + 11)).has_passed(), "within the window");
        assert_eq!(receiver.resynchronize(9, &last).counter, "in_state_seq_error");
        assert_eq!(receiver.receive(&last).counter, "in_state_seq_error");
    }
}

/// A failure to resynchronize counts as one more failure, but is no reason to try that again.
#[test]
fn resynchronizing_in_vain_is_not_out_of_step() {
    for (mut receiver, id, config) in receivers(true) {
        receiver.inbound.set_resync_after(2);
        let far = packet(&config, 100 * SUBSPACE + 1);
        assert_eq!(receiver.receive(&far).error(), ICV);
        assert_eq!(receiver.resynchronize(3, &far).error(), ICV, "the second in a row");
        assert_eq!(receiver.failures(&id), 2);
        assert_eq!(receiver.receive(&far).error(), ICV);
        assert_eq!(receiver.receive(&far).error(), InboundError::OutOfStep);
    }
}

/// `resynchronize` with 0 tries is `process`, and with tries it opens what needs none.
#[test]
fn resynchronize_also_opens_what_is_in_step() {
    for (mut receiver, _, config) in receivers(true) {
        receiver.inbound.set_resync_after(1);
        assert_eq!(receiver.resynchronize(0, &packet(&config, SUBSPACE + 1)).error(), InboundError::OutOfStep);
        assert_eq!(receiver.resynchronize(5, &packet(&config, 1)).layers()[0].sequence, 1);
    }
    for (mut receiver, _, config) in receivers(false) {
        assert!(receiver.resynchronize(5, &packet(&config, 1)).has_passed());
    }
}

/// RFC 4303 §A3.1: "Receipt of a valid packet on the SA resets the counter to zero."
#[test]
fn a_valid_packet_starts_the_count_anew() {
    for (mut receiver, id, config) in receivers(true) {
        receiver.inbound.set_resync_after(3);
        let far = packet(&config, SUBSPACE + 1000);
        for sequence in 1..=4 {
            assert_eq!(receiver.receive(&far).error(), ICV);
            assert_eq!(receiver.receive(&far).error(), ICV);
            assert_eq!(receiver.failures(&id), 2);
            assert!(receiver.receive(&packet(&config, sequence)).has_passed());
            assert_eq!(receiver.failures(&id), 0);
            // A replay is no failure, nor anything that is refused before its ICV is looked at.
            assert_eq!(receiver.receive(&packet(&config, sequence)).counter, "in_state_seq_error");
            assert_eq!(receiver.failures(&id), 0);
        }
    }
}

/// 64 in a row unless the host says otherwise; never with 0.
#[test]
fn how_many_failures_is_the_hosts_to_say() {
    for (mut receiver, _, config) in receivers(true) {
        let far = packet(&config, 5 * SUBSPACE + 9);
        for count in 1..=129 {
            let expected = if count == 64 || count == 128 { InboundError::OutOfStep } else { ICV };
            assert_eq!(receiver.receive(&far).error(), expected, "{count}");
        }
        receiver.inbound.set_resync_after(0);
        assert!((0..200).all(|_| receiver.receive(&far).error() == ICV));
        receiver.inbound.set_resync_after(1);
        assert!((0..3).all(|_| receiver.receive(&far).error() == InboundError::OutOfStep));
    }
}

/// 32-bit numbers cannot get out of step.
#[test]
fn an_association_without_extended_numbers_is_never_out_of_step() {
    for (mut receiver, id, config) in receivers(false) {
        receiver.inbound.set_resync_after(1);
        let packet = forged(&packet(&config, 1));
        assert!((0..200).all(|_| receiver.receive(&packet).error() == ICV));
        assert_eq!(receiver.failures(&id), 200);
    }
}

/// A forged packet moves no window, makes no sender known and uses nothing up, however many there are, and does not keep
/// anybody out. Another association's failures are its own.
#[test]
fn a_flood_of_forged_packets_moves_nothing() {
    for (mut receiver, id, config) in receivers(true) {
        let other = receiver.add(&SaConfig { spi: spi(0x2000), ..config });
        assert!(receiver.receive(&packet(&config, 10)).has_passed());
        let used = receiver.usage(&id);
        for count in 1..=500_u32 {
            let mut packet = forged(&packet(&config, u64::from(count + 10)));
            set_source(&mut packet, host(TRAFFIC.family(), (count % 100) as u8));
            let expected = if count % 64 == 0 { InboundError::OutOfStep } else { ICV };
            assert_eq!(receiver.receive(&packet).error(), expected);
        }
        assert_eq!(receiver.resynchronize(2, &forged(&packet(&config, 11))).error(), ICV);
        assert_eq!(receiver.inbound.replay.len(), 1);
        assert_eq!(receiver.usage(&id), used);
        assert_eq!(receiver.failures(&other), 0);
        assert!(receiver.receive(&packet(&config, 11)).has_passed());
    }
}

/// RFC 4302 §B3 and RFC 4303 §A3.2: AH and the ESP in it may both have lost their place; one packet brings both back.
#[test]
fn both_layers_find_their_place_with_one_packet() {
    let required = Required::AhAroundEsp { esp: ModeKind::Transport };
    let mut receiver = Receiver::new(protecting(TRAFFIC.received(), required));
    receiver.inbound.set_resync_after(2);
    let configs = configs_of(required, TRAFFIC.family());
    let configs: Vec<_> = configs.iter().map(|config| SaConfig { esn: true, ..*config }).collect();
    let ids: Vec<_> = configs.iter().map(|config| receiver.add(config)).collect();
    let packet =
        |sequence| configs.iter().rev().fold(TRAFFIC.packet(), |packet, config| seal(&sa(config), sequence, &packet));
    let sealed = packet(2 * SUBSPACE + 1);
    assert_eq!(receiver.receive(&sealed).error(), ICV);
    let arrival = receiver.receive(&sealed);
    assert_eq!(arrival.error(), InboundError::OutOfStep);
    assert_eq!(arrival.packet, sealed);
    assert_eq!((receiver.failures(&ids[0]), receiver.failures(&ids[1])), (2, 0), "the outer one failed");
    let arrival = receiver.resynchronize(2, &arrival.packet);
    assert!(arrival.layers().iter().all(|layer| layer.sequence == 2 * SUBSPACE + 1));
    assert_eq!(arrival.packet, TRAFFIC.packet());
    assert_eq!((receiver.failures(&ids[0]), receiver.failures(&ids[1])), (0, 0));
    assert!(receiver.receive(&packet(2 * SUBSPACE + 2)).has_passed());
}

/// `InboundError::OutOfStep`: AH that stood around the ESP is off. What is left moves nothing; the packet as it arrived does.
#[test]
fn esp_out_of_step_in_ah_is_overcome_with_the_whole_packet() {
    for kind in [ModeKind::Transport, ModeKind::Tunnel] {
        let required = Required::AhAroundEsp { esp: kind };
        let mut receiver = Receiver::new(protecting(TRAFFIC.received(), required));
        receiver.inbound.set_resync_after(1);
        let mut configs = configs_of(required, TRAFFIC.family());
        configs[1].esn = true;
        let ids: Vec<_> = configs.iter().map(|config| receiver.add(config)).collect();
        let inner = |sequence| seal(&sa(&configs[1]), sequence, &TRAFFIC.packet());
        let sealed = |sequence: u32| seal(&sa(&configs[0]), sequence.into(), &inner(SUBSPACE + u64::from(sequence)));
        let arrival = receiver.receive(&sealed(1));
        assert_eq!(arrival.error(), InboundError::OutOfStep);
        assert_eq!(arrival.packet, inner(SUBSPACE + 1));
        assert_eq!(arrival.event.unwrap().sa, Some(ids[1]));
        assert_eq!([ids[0], ids[1]].map(|id| receiver.failures(&id)), [0, 1]);
        assert_eq!(receiver.resynchronize(1, &arrival.packet).error(), InboundError::WrongProtection);
        assert_eq!(receiver.failures(&ids[1]), 1);
        assert!(receiver.resynchronize(1, &sealed(1)).has_passed());
        assert_eq!(receiver.failures(&ids[1]), 0);
        let arrival = receiver.receive(&sealed(2));
        assert_eq!(arrival.layers().iter().map(|layer| layer.sequence).collect::<Vec<_>>(), [2, SUBSPACE + 2]);
        assert_eq!(arrival.packet, TRAFFIC.packet());
    }
}
