//! Choices of the administrator that concern more than one packet: how DSCPs merge, and how often errors are reported.

use core::time::Duration;

use xcast_sec::forward::{CopyKind, ReportLimit, Route, Router, RouterPolicy};
use xcast_sec::time::Instant;
use xcast_sec::wire::{Dscp, DscpMerge, EmitError, EqualMerge, Family, StandardMerge};

use crate::kit::*;

/// What a network might agree on that gives gold (8) to whoever is sent a packet together with gold, and merges nothing else.
struct Gold;

impl DscpMerge for Gold {
    fn merge(&self, a: Dscp, b: Dscp) -> Option<Dscp> {
        let gold = Dscp::new(8).unwrap();
        (a == b || a == gold || b == gold).then(|| if a == b { a } else { gold })
    }
}

fn branches<M: DscpMerge>(rule: M, dscps: &[u8]) -> Vec<(Vec<usize>, u8)> {
    let packet = plain(Family::V6, dscps.len()).with_lists(true, false);
    let mut router = Router::with_merge(code_points(), policy(|policy| policy.x2u = false), rule);
    let mut log = Log::default();
    let net = Net::uniform(&packet, route(1));
    assert!(router.forward(Instant::START, None, &with_dscps(&packet, dscps), &net, &mut log).is_ok());
    let dscp = |octets: &[u8]| parse(octets).ip().dscp().value();
    log.sent.iter().map(|sent| (sent.destinations.iter().collect(), dscp(&sent.octets))).collect()
}

#[test]
fn the_rule_is_the_routers() {
    let dscps = [0, 46, 8, 0, 10, 46, 8];
    assert_eq!(branches(EqualMerge, &dscps), [(vec![0, 3], 0), (vec![1, 5], 46), (vec![2, 6], 8), (vec![4], 10),]);
    let standard = [(vec![0, 1, 2, 3, 5, 6], 46), (vec![4], 10)];
    assert_eq!(branches(StandardMerge, &dscps), standard);
    let lent: &dyn DscpMerge = &StandardMerge;
    assert_eq!(branches(lent, &dscps), standard);
    assert_eq!(branches(Gold, &dscps), [(vec![0, 2, 3, 6], 8), (vec![1, 5], 46), (vec![4], 10)]);
}

#[test]
fn the_rule_is_the_senders() {
    for family in FAMILIES {
        let mut packet = plain(family, 3);
        packet.dscps = Some([0, 8, 0].map(|value| Dscp::new(value).unwrap()).to_vec());
        let len = packet.encoded_len();
        let payload_len = packet.payload.len();
        let emit = |rule: &dyn DscpMerge| {
            let mut buffer = vec![0x55; len];
            let written = packet.with_repr(|repr| {
                let payload = repr.emit_with(rule, &code_points(), payload_len, &mut buffer);
                payload.map(|payload| payload.copy_from_slice(&packet.payload))
            });
            written.map(|()| buffer)
        };
        assert_eq!(emit(&StandardMerge).unwrap(), packet.octets());
        assert_eq!(parse(&emit(&Gold).unwrap()).ip().dscp().value(), 8);
        assert_eq!(emit(&EqualMerge), Err(EmitError::DscpsDoNotMerge));
    }
}

/// Too big, again and again, over ten seconds: what is not reported is counted all the same.
#[test]
fn reports_are_rationed() {
    let packet = plain(Family::V4, 2);
    let octets = packet.octets();
    let net = Net::new(&packet, &[Route { mtu: 60, ..route(1) }, Route { mtu: 60, ..route(1) }]);
    for (limit, reports) in [
        (ReportLimit::default(), 10 + 99),
        (ReportLimit { burst: 0, interval: Duration::ZERO }, 0),
        (ReportLimit { burst: 1, interval: Duration::ZERO }, 1_000),
        (ReportLimit { burst: 3, interval: Duration::from_secs(4) }, 3 + 2),
    ] {
        let mut router = Router::new(code_points(), policy(|policy| (policy.reports, policy.x2u) = (limit, false)));
        let mut log = Log::default();
        for packet in 0..1_000 {
            assert!(router.forward(Instant::from_millis(50_000 + 10 * packet), None, &octets, &net, &mut log).is_ok());
        }
        let counters = router.counters;
        assert_eq!((log.too_big.len(), counters.reports), (reports, reports as u64), "{limit:?}");
        assert_eq!((counters.too_big, counters.reports_suppressed), (2_000, 1_000 - reports as u64));
    }
}

#[test]
fn reports_are_off_the_copies_way() {
    let packet = plain(Family::V4, 2);
    let net = Net::new(&packet, &[route(1), Route { mtu: 20, ..route(2) }]);
    let mut router = Router::new(code_points(), RouterPolicy::default());
    for _ in 0..100 {
        let mut log = Log::default();
        let outcome = router.forward(Instant::START, None, &packet.octets(), &net, &mut log).unwrap();
        assert_eq!((outcome.copies, log.sent[0].kind), (1, CopyKind::Unicast));
    }
    assert_eq!((router.counters.reports, router.counters.reports_suppressed), (10, 90));
}
