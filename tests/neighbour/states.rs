//! What answers and silence make of a neighbour.

use xcast_sec::forward::neighbour::{Capability, MIN_PING_TIME, NeighbourError, Neighbours, PingConfigError, Received};
use xcast_sec::time::Instant;
use xcast_sec::wire::{Family, IpHeader};

use crate::kit::{FAMILIES, Host, Peer, code_points, config, micros, own, secs, table};

fn answer(neighbour: u8, family: Family, capability: Capability) -> Received<u8> {
    Received::Answer { neighbour, family, capability }
}

/// A host with one capable neighbour, just answered.
fn capable(seed: u64, family: Family) -> Host<4> {
    let mut host = Host::new(seed);
    host.join(Peer::router(true), family);
    for _ in 0..2 {
        let (name, ping) = host.next_ping();
        let back = host.peers[0].answer(&ping).unwrap();
        assert!(matches!(host.receive(&back, name), Received::Answer { .. }));
    }
    assert_eq!(host.capability(0), Some(Capability::Capable));
    host
}

#[test]
fn a_router_becomes_capable_in_both_forms_of_the_answer() {
    for family in FAMILIES {
        for x2u in [true, false] {
            let mut host = Host::<4>::new(7);
            let start = host.now;
            host.join(Peer::router(x2u), family);
            assert_eq!(host.capability(0), Some(Capability::Unknown));
            for expected in [Capability::Unknown, Capability::Capable, Capability::Capable] {
                let (name, ping) = host.next_ping();
                let (ip, _) = IpHeader::split(&ping).unwrap();
                assert_eq!((ip.source(), ip.hop_limit()), (own(family), 2));
                let back = host.peers[0].answer(&ping).unwrap();
                let (ip, _) = IpHeader::split(&back).unwrap();
                assert_eq!(ip.destination() == own(family), x2u, "unicast or Xcast");
                assert_eq!(host.receive(&back, name), answer(0, family, expected));
                assert_eq!(host.capability(0), Some(expected));
            }
            // Two first pings within `retry` each, then one at leisure.
            assert!(host.now.since(start) <= secs(12) && host.now.since(start) >= micros(7_500_000));
            assert_eq!(host.asked.len(), 3);
            let counters = host.table.counters();
            assert_eq!((counters.sent, counters.answered, counters.became_capable), (3, 3, 1));
            assert_eq!((counters.timed_out, counters.stray, counters.became_not_capable), (0, 0, 0));
        }
    }
}

#[test]
fn a_neighbour_without_xcast_becomes_not_capable() {
    for family in FAMILIES {
        let mut host = Host::<4>::new(8);
        host.join(Peer::Legacy, family);
        for lost in 1..=3 {
            assert_eq!(host.capability(0), Some(Capability::Unknown));
            host.next_ping();
            let deadline = host.now.after(secs(1));
            assert_eq!(host.table.next_timeout(), Some(deadline));
            host.now = deadline;
            assert!(host.pings().is_empty());
            assert_eq!(host.table.counters().timed_out, lost);
        }
        assert_eq!(host.capability(0), Some(Capability::NotCapable));
        assert_eq!(host.table.counters().became_not_capable, 1);
        host.run(secs(10_000));
        assert_eq!(host.capability(0), Some(Capability::NotCapable));
        assert_eq!(host.table.counters().became_not_capable, 1, "once");
    }
}

/// Each run of losses shorter than three leaves it as it is, whatever the order.
#[test]
fn a_lossy_link_keeps_its_verdict() {
    let mut host = capable(9, Family::V6);
    for answered in [false, true, false, false, true, false, false, true, true, false, true] {
        let (name, ping) = host.next_ping();
        if answered {
            let back = host.peers[0].answer(&ping).unwrap();
            assert_eq!(host.receive(&back, name), answer(0, Family::V6, Capability::Capable));
        }
        assert_eq!(host.capability(0), Some(Capability::Capable));
    }
    for _ in 0..3 {
        assert_eq!(host.capability(0), Some(Capability::Capable));
        host.next_ping();
    }
    host.now = host.now.after(secs(1));
    assert!(host.pings().is_empty());
    assert_eq!(host.capability(0), Some(Capability::NotCapable));
}

/// One answer does not make a neighbour capable that was not, and a loss in between begins anew.
#[test]
fn answers_count_in_a_row() {
    let mut host = capable(10, Family::V4);
    host.peers[0] = Peer::Legacy;
    host.run(secs(60));
    assert_eq!(host.capability(0), Some(Capability::NotCapable));
    host.peers[0] = Peer::router(true);
    for (answered, expected) in [
        (true, Capability::NotCapable),
        (false, Capability::NotCapable),
        (true, Capability::NotCapable),
        (true, Capability::Capable),
    ] {
        let (name, ping) = host.next_ping();
        if answered {
            let back = host.peers[0].answer(&ping).unwrap();
            assert_eq!(host.receive(&back, name), answer(0, Family::V4, expected));
        }
    }
}

#[test]
fn a_restarted_neighbour_is_found_again() {
    for family in FAMILIES {
        let mut host = capable(11, family);
        let gone = host.now;
        host.peers[0] = Peer::Legacy;
        while host.capability(0) == Some(Capability::Capable) {
            host.run(micros(1_000));
        }
        assert!(host.now.since(gone) <= secs(15), "as the documentation of `interval` says");
        host.run(secs(3_600));
        assert_eq!(host.capability(0), Some(Capability::NotCapable));
        let back = host.now;
        host.peers[0] = Peer::router(true);
        while host.capability(0) != Some(Capability::Capable) {
            host.run(micros(10_000));
            assert!(host.now.since(back) <= secs(300 + 3), "the longest wait, two pings");
        }
        // A short absence goes unnoticed.
        host.peers[0] = Peer::Legacy;
        host.run(micros(10_500_000));
        host.peers[0] = Peer::router(true);
        host.run(secs(100));
        assert_eq!(host.capability(0), Some(Capability::Capable));
        assert_eq!(host.table.counters().became_not_capable, 1);
    }
}

#[test]
fn an_answer_counts_once() {
    for family in FAMILIES {
        let mut host = Host::<4>::new(12);
        host.join(Peer::router(true), family);
        let (name, ping) = host.next_ping();
        let back = host.peers[0].answer(&ping).unwrap();
        assert_eq!(host.receive(&back, name), answer(0, family, Capability::Unknown));
        for _ in 0..3 {
            assert_eq!(host.receive(&back, name), Received::Stray);
        }
        assert_eq!(host.capability(0), Some(Capability::Unknown), "two answers are needed, not one twice");
        let (_, second) = host.next_ping();
        assert_ne!(second[second.len() - 16..], ping[ping.len() - 16..], "a fresh token");
        assert_eq!(host.receive(&back, name), Received::Stray, "nor does it answer the next ping");
        let back = host.peers[0].answer(&second).unwrap();
        assert_eq!(host.receive(&back, name), answer(0, family, Capability::Capable));
        let counters = host.table.counters();
        assert_eq!((counters.answered, counters.stray), (2, 4));
    }
}

#[test]
fn answers_of_several_neighbours_arrive_in_any_order() {
    let mut host = Host::<4>::new(13);
    for family in [Family::V4, Family::V6, Family::V4, Family::V6] {
        host.join(Peer::router(true), family);
    }
    // A second after they were added all are due.
    host.now = host.now.after(secs(1));
    let pings = host.pings();
    assert_eq!(pings.len(), 4);
    for (name, ping) in pings.iter().rev() {
        let back = host.peers[usize::from(*name)].answer(ping).unwrap();
        let family = FAMILIES[usize::from(*name) % 2];
        assert_eq!(host.receive(&back, *name), answer(*name, family, Capability::Unknown));
    }
}

/// The last moment that counts is the one before the deadline, whether somebody polls in between or not.
#[test]
fn late_answers_are_stray() {
    for family in FAMILIES {
        for polled in [true, false] {
            let mut host = Host::<4>::new(14);
            host.join(Peer::router(true), family);
            let (name, ping) = host.next_ping();
            let late = host.peers[0].answer(&ping).unwrap();
            host.now = host.now.after(secs(1));
            if polled {
                assert!(host.pings().is_empty());
            }
            assert_eq!(host.receive(&late, name), Received::Stray);
            assert_eq!((host.table.counters().timed_out, host.table.counters().stray), (1, 1));

            let (name, ping) = host.next_ping();
            assert_eq!(host.receive(&late, name), Received::Stray, "nor while the next is outstanding");
            let back = host.peers[0].answer(&ping).unwrap();
            host.now = host.now.after(micros(999_999));
            assert_eq!(host.receive(&back, name), answer(0, family, Capability::Unknown));
            assert_eq!((host.table.counters().timed_out, host.table.counters().answered), (1, 1));
        }
    }
}

#[test]
fn a_neighbour_is_asked_in_each_family_apart() {
    let mut host = Host::<2>::new(15);
    let name = host.join(Peer::router(true), Family::V4);
    host.table.insert(host.now, name, own(Family::V6)).unwrap();
    let mut rounds = 0;
    while host.table.counters().timed_out < 3 {
        let (_, ping) = host.next_ping();
        // It understands Xcast4 alone.
        if IpHeader::split(&ping).unwrap().0.family() == Family::V4 {
            let back = host.peers[0].answer(&ping).unwrap();
            assert!(matches!(host.receive(&back, name), Received::Answer { family: Family::V4, .. }));
        }
        rounds += 1;
        assert!(rounds < 20);
    }
    assert_eq!(host.table.capability(name, Family::V4), Some(Capability::Capable));
    assert_eq!(host.table.capability(name, Family::V6), Some(Capability::NotCapable));
}

#[test]
fn removed_while_outstanding() {
    for family in FAMILIES {
        let mut host = Host::<4>::new(16);
        host.join(Peer::router(true), family);
        host.join(Peer::router(true), family);
        host.now = host.now.after(secs(1));
        let pings = host.pings();
        assert_eq!(pings.len(), 2);
        let back: Vec<_> = (0..2).map(|n| host.peers[n].answer(&pings[n].1).unwrap()).collect();
        assert_eq!(host.table.remove(0, family), Some(Capability::Unknown));
        assert_eq!(host.table.remove(0, family), None);
        assert_eq!(host.capability(0), None);
        assert_eq!(host.receive(&back[0], 0), Received::Stray);
        assert_eq!(host.receive(&back[1], 1), answer(1, family, Capability::Unknown), "the other is unharmed");
        assert_eq!(host.table.counters().abandoned, 1);

        // Added again, it is a new one.
        host.table.insert(host.now, 0, own(family)).unwrap();
        assert_eq!(host.receive(&back[0], 0), Received::Stray);
        assert_eq!(host.capability(0), Some(Capability::Unknown));

        // Without any neighbour it is nobody's ping.
        host.table.remove(0, family);
        host.table.remove(1, family);
        assert_eq!(host.table.counters().abandoned, 1, "none was outstanding");
        assert_eq!(host.receive(&back[0], 0), Received::NotOurs);
        assert_eq!(host.table.next_timeout(), None);
        assert!(host.pings().is_empty());
    }
}

#[test]
fn what_is_not_added() {
    let mut table = table::<2>();
    let now = Instant::START;
    for unusable in ["224.0.0.1", "0.0.0.0", "127.0.0.1", "255.255.255.255", "169.254.0.1", "fe80::1", "::", "ff02::1"]
    {
        assert_eq!(table.insert(now, 1, unusable.parse().unwrap()), Err(NeighbourError::UnusableAddress), "{unusable}");
    }
    table.insert(now, 1, own(Family::V4)).unwrap();
    assert_eq!(table.insert(now, 1, "198.51.100.1".parse().unwrap()), Err(NeighbourError::Present));
    table.insert(now, 1, own(Family::V6)).unwrap();
    assert_eq!(table.insert(now, 2, own(Family::V4)), Err(NeighbourError::Full));
    assert_eq!(table.insert(now, 1, own(Family::V4)), Err(NeighbourError::Present), "said before that it is full");
    assert_eq!(table.iter().count(), 2);
    table.remove(1, Family::V4).unwrap();
    table.insert(now, 2, own(Family::V4)).unwrap();
    let mut names: Vec<_> = table.iter().collect();
    names.sort_by_key(|(name, ..)| *name);
    let expected = [(1, own(Family::V6), Capability::Unknown), (2, own(Family::V4), Capability::Unknown)];
    assert_eq!(names, expected);
    for error in [NeighbourError::Full, NeighbourError::Present, NeighbourError::UnusableAddress] {
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn a_table_of_none_is_always_full() {
    let mut table = table::<0>();
    assert_eq!(table.insert(Instant::START, 1, own(Family::V4)), Err(NeighbourError::Full));
    assert_eq!(table.next_timeout(), None);
}

#[test]
fn a_bad_configuration_makes_no_table() {
    let mut bad = config();
    bad.timeout = MIN_PING_TIME - micros(1);
    assert_eq!(Neighbours::<u8, 1>::new(code_points(), bad).unwrap_err(), PingConfigError::Timeout);
}

/// With a threshold of one, one is enough; with 255, 254 are not.
#[test]
fn thresholds_are_those_configured() {
    for threshold in [1_u8, 4, 255] {
        let mut config = config();
        (config.answers, config.losses) = (threshold, threshold);
        let mut host = Host::<1>::new(17);
        host.table = Neighbours::new(code_points(), config).unwrap();
        host.join(Peer::router(true), Family::V4);
        for round in 1..=u16::from(threshold) {
            let (name, ping) = host.next_ping();
            let back = host.peers[0].answer(&ping).unwrap();
            let expected = if round == u16::from(threshold) { Capability::Capable } else { Capability::Unknown };
            assert_eq!(host.receive(&back, name), answer(0, Family::V4, expected));
        }
        for _ in 1..threshold {
            host.next_ping();
        }
        host.next_ping();
        assert_eq!(host.capability(0), Some(Capability::Capable), "the last one is still waited for");
        host.now = host.now.after(secs(1));
        host.pings();
        assert_eq!(host.capability(0), Some(Capability::NotCapable));
    }
}
