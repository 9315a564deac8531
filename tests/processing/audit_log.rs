//! What becomes of events: lines without secrets, a log that no flood fills (RFC 4301 §9), and none at all.

use std::net::IpAddr;

use xcast_sec::crypto::RustCrypto;
use xcast_sec::ipsec::{
    AnySender, AuditEvent, AuditReason, AuditSink, Direction, FixedOutboundSad, FixedSad, FixedSenders, Inbound,
    ModeKind, NoAudit, Outbound, PacketBuf, RecentEvents, Required, SaConfig, SenderWindows, Usage,
};
use xcast_sec::wire::Family;

use crate::audit::labelled;
use crate::ends::{Receiver, Rng, Sender, in_counters};
use crate::fragments::fragment;
use crate::kit::*;

/// One line that names every field, and none that is not there.
#[test]
fn an_event_is_one_line() {
    let traffic = Traffic::Unicast6;
    let config = SaConfig { policy: Some(OTHER), ..config(0x1234_5678, esp()) };
    let mut receiver = Receiver::new(protecting(traffic.received(), Required::Esp(ModeKind::Transport)));
    receiver.add(&config);
    let event = receiver.receive(&seal(&sa(&config), 77, &labelled(traffic))).event.unwrap();
    let line = event.to_string();
    assert_eq!(
        line,
        "1000000000000 us: inbound: protected otherwise than policy asks; ESP SPI 0x12345678 number 77; 2001:db8::1 to \
         2001:db8:9::9 flow 0xabcde; Ports { protocol: 17, source: 5000, destination: 4000 }; policy 8"
    );
    assert_eq!(event.direction(), Direction::Inbound);
    let event = receiver.receive(&[]).event.unwrap();
    let line = event.to_string();
    assert_eq!(line, format!("1000000000000 us: {}", AuditReason::Inbound(receiver.receive(&[]).error())));
    let event = Sender::new(spd(&[])).send(&Traffic::Unicast4.packet()).event.unwrap();
    assert_eq!(event.direction(), Direction::Outbound);
    assert_eq!(
        event.to_string(),
        "1000000000000 us: outbound: no policy; 192.0.2.1 to 198.51.100.9; \
         Ports { protocol: 17, source: 5000, destination: 4000 }"
    );
    let ah = seal(&sa(&self::config(0x1000, ah())), 1, &Traffic::Unicast4.packet());
    assert!(receiver.receive(&ah).event.unwrap().to_string().contains("; AH SPI 0x00001000 number 1; 192.0.2.1 to"));
}

/// Notes every event as text.
#[derive(Default)]
struct Log(Vec<String>);

impl AuditSink for Log {
    fn record(&mut self, event: &AuditEvent) {
        self.0.push(format!("{event}\n{event:?}"));
    }
}

/// How octets could be written.
fn spellings(octets: &[u8]) -> Vec<String> {
    let join = |each: fn(&u8) -> String, between| octets.iter().map(each).collect::<Vec<_>>().join(between);
    let mut all = vec![String::from_utf8_lossy(octets).into_owned()];
    for between in ["", " ", ":", ", "] {
        all.push(join(|octet| format!("{octet:02x}"), between));
        all.push(join(|octet| format!("{octet:02X}"), between));
        all.push(join(|octet| format!("0x{octet:02x}"), between));
    }
    all.push(join(|octet| format!("{octet}"), ", "));
    all
}

/// "No key, ICV or payload is in it": whatever is wrong, and also where ESP had been decrypted before that was found.
#[test]
fn events_hold_no_secret() {
    let traffic = Traffic::Unicast6;
    let mut senders = FixedSenders::<1>::new();
    senders.allow(OWN, traffic.source()).unwrap();
    let windows = SenderWindows::<1, 1>::new(64).unwrap();
    let policy = protecting(traffic.received(), Required::Ah(ModeKind::Tunnel));
    let mut inbound = Inbound::new(FixedSad::<_, 16>::new(), windows, policy, senders, Log::default());
    let mut secrets: Vec<Vec<u8>> = vec![AH_KEY.to_vec(), ESP_KEY.to_vec(), CBC_KEY.to_vec(), PAYLOAD.to_vec()];
    let mut packets = Vec::new();
    for (number, protection) in [(0x1000, ah()), (0x1001, esp()), (0x1002, esp_cbc())] {
        for (offset, mode) in [(0, mode(ModeKind::Transport, Family::V6)), (0x100, tunnel(Family::V4))] {
            let config = SaConfig { mode, ..config(number + offset, protection) };
            inbound.sad.insert(sa(&config), Usage::new(NOW)).ok().unwrap();
            for (source, known) in [(1, true), (2, true), (1, false)] {
                let plain = traffic.packet_of(host(Family::V6, source), PAYLOAD);
                let config = SaConfig { spi: if known { config.spi } else { spi(0x999) }, ..config };
                let sealed = seal(&sa(&config), u64::from(source), &plain);
                let secret_at = if number == 0x1000 {
                    sealed.len() - plain.len() - 16..sealed.len() - plain.len()
                } else {
                    sealed.len() - 16..sealed.len()
                };
                secrets.push(if offset == 0 && number == 0x1000 { vec![] } else { sealed[secret_at].to_vec() });
                packets.extend([sealed.clone(), forged(&sealed), fragment_of(&sealed)]);
            }
        }
    }
    packets.push(traffic.packet());
    for packet in &packets {
        for _ in 0..2 {
            let mut octets = packet.clone();
            let mut buffer = PacketBuf::new(&mut octets, 0..packet.len()).unwrap();
            assert!(inbound.process(&mut RustCrypto, Some(&code_points()), NOW, &mut buffer).is_err());
        }
    }
    let mut reasons: Vec<_> = in_counters(inbound.counters());
    reasons.retain(|(_, count)| *count > 0);
    assert!(reasons.len() >= 4, "{reasons:?}");
    assert_eq!(inbound.audit.0.len(), 2 * packets.len());
    for text in &inbound.audit.0 {
        for secret in secrets.iter().flat_map(|secret| secret.windows(4)) {
            for spelling in spellings(secret) {
                assert!(!text.contains(&spelling), "{spelling} is in {text}");
            }
        }
    }
}

fn fragment_of(packet: &[u8]) -> Vec<u8> {
    fragment(packet, 0, true)
}

/// A clear packet that an empty policy refuses, of this source.
fn clear_from(source: IpAddr) -> Vec<u8> {
    Traffic::Unicast6.packet_of(source, PAYLOAD)
}

/// However many come, the first of them are kept, in order; the others are counted.
#[test]
fn a_flood_of_events_takes_no_more_room() {
    let windows = SenderWindows::<1, 1>::new(64).unwrap();
    let sad = FixedSad::<RustCrypto, 1>::new();
    let mut inbound = Inbound::new(sad, windows, spd(&[]), AnySender, RecentEvents::<4>::new());
    let mut flood = |audit: &mut dyn FnMut(&mut RecentEvents<4>), from: u8, to: u8| {
        for number in from..=to {
            let mut octets = clear_from(host(Family::V6, number));
            let len = octets.len();
            let mut buffer = PacketBuf::new(&mut octets, 0..len).unwrap();
            let now = NOW.after(std::time::Duration::from_secs(number.into()));
            assert!(inbound.process(&mut RustCrypto, None, now, &mut buffer).is_err());
        }
        audit(&mut inbound.audit);
        assert_eq!(inbound.counters().packets, inbound.counters().in_no_pols);
    };
    let sources = |events: &RecentEvents<4>| events.iter().map(|event| event.source).collect::<Vec<_>>();
    let hosts = |numbers: &[u8]| numbers.iter().map(|&number| Some(host(Family::V6, number))).collect::<Vec<_>>();
    flood(
        &mut |events| {
            assert_eq!(sources(events), hosts(&[1, 2, 3]));
            assert_eq!(events.take_missed(), 0);
        },
        1,
        3,
    );
    flood(
        &mut |events| {
            assert_eq!(sources(events), hosts(&[1, 2, 3, 4]));
            assert_eq!(events.take_missed(), 196);
            assert_eq!(events.take_missed(), 0, "told once");
            assert_eq!(events.pop().unwrap().source, hosts(&[1])[0]);
            assert_eq!(events.pop().unwrap().time, NOW.after(std::time::Duration::from_secs(2)));
        },
        4,
        200,
    );
    flood(
        &mut |events| {
            assert_eq!(sources(events), hosts(&[3, 4, 201, 202]));
            assert_eq!(events.take_missed(), 1);
            while events.pop().is_some() {}
            assert_eq!((events.iter().count(), events.take_missed()), (0, 0));
        },
        201,
        203,
    );
    assert_eq!(inbound.counters().packets, 203);
}

/// RFC 4302 §4, RFC 4303 §4: audit can be turned off. Nothing else changes.
#[test]
fn audit_off_changes_nothing_else() {
    let traffic = Traffic::Xcast6;
    let required = Required::AhAroundEsp { esp: ModeKind::Transport };
    let configs = configs_of(required, traffic.family());
    let sealed = |sequence| configs.iter().rev().fold(traffic.packet(), |p, config| seal(&sa(config), sequence, &p));
    let arriving = [
        sealed(1),
        sealed(1),
        forged(&sealed(2)),
        traffic.packet(),
        vec![],
        fragment(&sealed(2), 0, true),
        sealed(2),
        Traffic::Unicast4.packet(),
        seal(&sa(&configs[1]), 9, &traffic.packet()),
        sealed(1000),
        sealed(3),
    ];
    macro_rules! run_inbound {
        ($audit:expr) => {{
            let windows = SenderWindows::<4, 1>::new(64).unwrap();
            let policy = protecting(traffic.received(), required);
            let mut inbound = Inbound::new(FixedSad::<_, 2>::new(), windows, policy, AnySender, $audit);
            configs.iter().for_each(|config| inbound.sad.insert(sa(config), Usage::new(NOW)).unwrap());
            let mut results = Vec::new();
            for packet in &arriving {
                let mut octets = packet.clone();
                let mut buffer = PacketBuf::new(&mut octets, 0..packet.len()).unwrap();
                let result = inbound.process(&mut RustCrypto, Some(&code_points()), NOW, &mut buffer);
                results.push((result, buffer.as_octets().to_vec()));
            }
            let states: Vec<_> = inbound.sad.iter().map(|(_, state)| *state).collect();
            (results, *inbound.counters(), states, inbound.replay.len())
        }};
    }
    let (with, without) = (run_inbound!(RecentEvents::<2>::new()), run_inbound!(NoAudit));
    assert_eq!(with, without);
    assert!(with.1.protected >= 3 && with.1.packets == 11);

    let leaving = [traffic.packet(), Traffic::Unicast4.packet(), vec![], fragment(&traffic.packet(), 0, true)];
    macro_rules! run_outbound {
        ($audit:expr) => {{
            let mut outbound =
                Outbound::new(FixedOutboundSad::<_, 2>::new(), spd(&[(traffic.sent(), protect(required))]), $audit);
            configs.iter().for_each(|config| outbound.sad.insert(sender_of(config)).unwrap());
            let mut results = Vec::new();
            for packet in leaving.iter().cycle().take(9) {
                let mut storage = vec![0; 600];
                storage[200..200 + packet.len()].copy_from_slice(packet);
                let mut buffer = PacketBuf::new(&mut storage, 200..200 + packet.len()).unwrap();
                let result = outbound.process(&mut RustCrypto, &mut Rng(0), Some(&code_points()), NOW, &mut buffer);
                results.push((result, buffer.as_octets().to_vec()));
            }
            (results, *outbound.counters(), outbound.sad.iter().map(|sa| *sa.usage()).collect::<Vec<_>>())
        }};
    }
    let (with, without) = (run_outbound!(RecentEvents::<2>::new()), run_outbound!(NoAudit));
    assert_eq!(with, without);
    assert_eq!((with.1.protected, with.1.packets), (3, 9));
}
