//! What must hold of all nodes together, and a table of what was counted.

use xcast_sec::forward::Counters;
use xcast_sec::ipsec::InboundCounters;
use xcast_sec::stack::ReceiverCounters;

use crate::senders::TestSender;
use crate::soak::Soak;

/// The fields of a structure of counters, from its `Debug`.
fn fields(counters: &impl std::fmt::Debug) -> Vec<(String, u64)> {
    let text = format!("{counters:?}");
    let (_, text) = text.split_once('{').unwrap();
    let fields = text.trim_end_matches('}').split(',');
    let pair = |field: &str| {
        let (name, value) = field.split_once(':').unwrap();
        (name.trim().to_owned(), value.trim().parse().unwrap())
    };
    fields.map(pair).collect()
}

/// Every counter of one kind of node, added up.
fn add_up<T: std::fmt::Debug>(nodes: impl Iterator<Item = T>) -> Vec<(String, u64)> {
    let mut sums: Vec<(String, u64)> = Vec::new();
    for node in nodes {
        for (place, (name, value)) in fields(&node).into_iter().enumerate() {
            if place == sums.len() {
                sums.push((name, value));
            } else {
                sums[place].1 += value;
            }
        }
    }
    sums
}

fn table(soak: &Soak) -> Vec<(&'static str, Vec<(String, u64)>)> {
    let Soak { network, senders, .. } = soak;
    vec![
        ("senders", add_up(senders.iter().map(TestSender::counters))),
        ("senders, IPsec", add_up(senders.iter().map(|sender| sender.outbound.counters()))),
        ("routers", add_up(network.routers.iter().map(|router| router.counters))),
        ("receivers", add_up(network.receivers.iter().map(|receiver| receiver.counters()))),
        ("receivers, IPsec", add_up(network.receivers.iter().map(|receiver| receiver.inbound.counters()))),
    ]
}

pub(crate) fn print(soak: &Soak) {
    for (name, counters) in table(soak) {
        let nonzero = counters.iter().filter(|(_, value)| *value > 0).map(|(name, value)| format!("{name} {value}"));
        println!("{name}: {}", nonzero.collect::<Vec<_>>().join(", "));
    }
    let links = &soak.network.links;
    println!("links: {:?}, at most {} in flight", links.tally, links.most_in_flight);
    println!("{} rollovers, {} dummies", soak.rollovers, soak.dummies);
}

/// Counters that no packet of this run can move.
const NEVER: [(&str, &str); 25] = [
    ("senders", "not_built"),
    ("senders", "no_scratch"),
    ("senders", "too_long"),
    ("senders, IPsec", "out_error"),
    ("senders, IPsec", "out_hdr_error"),
    ("senders, IPsec", "out_fragment"),
    ("senders, IPsec", "out_no_states"),
    ("senders, IPsec", "out_state_proto_error"),
    ("senders, IPsec", "out_state_mode_error"),
    ("senders, IPsec", "out_refused"),
    ("senders, IPsec", "out_too_big"),
    ("routers", "refused"),
    ("routers", "unusable_tunnel"),
    ("routers", "not_a_member"),
    ("routers", "semi_permeable"),
    ("routers", "semi_permeable_copies"),
    ("routers", "reports_suppressed"),
    ("receivers", "unusable_source"),
    ("receivers", "refused"),
    ("receivers", "still_protected"),
    ("receivers", "transport_length"),
    ("receivers, IPsec", "in_error"),
    ("receivers, IPsec", "in_hdr_error"),
    ("receivers, IPsec", "in_state_mode_error"),
    ("receivers, IPsec", "in_refused"),
];

fn check_router(c: &Counters) {
    let errors = [c.not_xcast, c.unsupported, c.checksum, c.malformed, c.not_for_us, c.refused, c.unusable_tunnel];
    let others = [c.not_a_member, c.reverse_path, c.unusable_source, c.unusable_destination];
    let idle = [c.echo_requests, c.nothing_to_do];
    let without: u64 = errors.iter().chain(&others).chain(&idle).sum();
    assert!(without <= c.packets, "{c:?}");
    let dropped = [c.local, c.duplicate, c.hop_limit, c.no_route, c.not_capable, c.too_big, c.over_copy_limit];
    let sent = [c.egress_failed, c.forwarded, c.unicast, c.tunnelled, c.semi_permeable];
    assert_eq!(c.destinations, dropped.iter().chain(&sent).sum::<u64>(), "{c:?}");
}

fn check_receiver(c: &ReceiverCounters, ipsec: &InboundCounters) {
    let all = |counters: Vec<(String, u64)>| counters.into_iter().skip(1).map(|(_, value)| value).sum::<u64>();
    assert_eq!(c.packets, all(fields(c)), "{c:?}");
    assert_eq!(ipsec.packets, all(fields(ipsec)), "{ipsec:?}");
    let passed = ipsec.protected + ipsec.bypassed + ipsec.dummies;
    assert_eq!(c.ipsec, ipsec.packets - passed);
    assert_eq!(c.dummies, ipsec.dummies);
}

/// Each packet and each destination in exactly one counter; what nodes sent, others got.
pub(crate) fn check(soak: &Soak) {
    let Soak { network, senders, .. } = soak;
    let mut sent = soak.dummies;
    let mut arrived = 0;
    for sender in senders {
        let (c, ipsec) = (sender.counters(), sender.outbound.counters());
        let ends = c.sent + c.idle + c.not_built + c.no_scratch + c.not_protected + c.too_long + c.link_failed;
        assert_eq!(c.packets, ends, "{c:?}");
        assert_eq!(ipsec.packets, fields(ipsec).into_iter().skip(1).map(|(_, value)| value).sum::<u64>(), "{ipsec:?}");
        assert_eq!(ipsec.protected + ipsec.bypassed, c.sent + c.link_failed);
        sent += c.sent;
    }
    // Each dummy began as a packet of the forger's.
    sent -= soak.dummies;
    for router in &network.routers {
        let c = &router.counters;
        check_router(c);
        // What is not Xcast goes on plainly.
        sent += c.xcast_copies + c.tunnel_copies + c.semi_permeable_copies + c.unicast + c.not_xcast;
        arrived += c.packets;
    }
    for receiver in &network.receivers {
        check_receiver(receiver.counters(), receiver.inbound.counters());
        arrived += receiver.counters().packets;
    }
    let tally = &network.links.tally;
    assert_eq!(sent - tally.unroutable, tally.sent);
    assert_eq!(arrived, tally.sent + tally.repeated + tally.injected - tally.lost);

    for (name, counters) in table(soak) {
        for (counter, value) in counters {
            assert_eq!(value == 0, NEVER.contains(&(name, counter.as_str())), "{name}: {counter} {value}");
        }
    }
}
