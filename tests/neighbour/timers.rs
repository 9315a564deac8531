//! When neighbours are asked, and what a strange clock does to it.

use std::time::Duration;

use xcast_sec::forward::neighbour::{Capability, Received};
use xcast_sec::time::Instant;
use xcast_sec::wire::Family;

use crate::kit::{Dry, FAMILIES, Host, Peer, micros, own, secs, table};

/// Waits as multiples of `wait`, from the end of each ping of neighbour 0 to the next; `end` after it was sent.
fn waits(host: &Host<4>, end: Duration) -> Vec<Duration> {
    let times: Vec<_> = host.asked.iter().map(|(at, _)| *at).collect();
    times.windows(2).map(|pair| pair[1].since(pair[0].after(end))).collect()
}

fn within_a_quarter(wait: Duration, nominal: Duration) -> bool {
    wait <= nominal && wait >= nominal * 3 / 4
}

/// Two retries, then 10 s, doubled up to 5 min.
#[test]
fn silence_is_asked_ever_less_often() {
    for seed in 0..20 {
        let mut host = Host::<4>::new(seed);
        host.join(Peer::Legacy, Family::V4);
        host.run(secs(3_000));
        let waits = waits(&host, secs(1));
        let nominal = [1, 1, 10, 20, 40, 80, 160, 300, 300, 300];
        assert!(waits.len() > nominal.len());
        for (wait, nominal) in waits.into_iter().zip(nominal) {
            assert!(within_a_quarter(wait, secs(nominal)), "{wait:?} for {nominal} s");
        }
    }
}

#[test]
fn answers_are_asked_for_every_interval() {
    let mut host = Host::<4>::new(3);
    host.join(Peer::router(true), Family::V6);
    host.run(secs(1_000));
    let waits = waits(&host, crate::kit::ROUND_TRIP);
    assert!(within_a_quarter(waits[0], secs(1)), "the second at once");
    assert!(waits.len() > 90);
    assert!(waits[1..].iter().all(|wait| within_a_quarter(*wait, secs(10))));
    // They are spread over the whole range: no two routers stay in step.
    let (least, most) = (waits[1..].iter().min().unwrap(), waits[1..].iter().max().unwrap());
    assert!(*least < micros(7_700_000) && *most > micros(9_800_000), "{least:?} {most:?}");
    // The backoff of an earlier silence is forgotten.
    host.peers[0] = Peer::Legacy;
    host.run(secs(600));
    host.peers[0] = Peer::router(true);
    host.run(secs(600));
    assert_eq!(host.capability(0), Some(Capability::Capable));
    host.peers[0] = Peer::Legacy;
    host.asked.clear();
    host.run(secs(100));
    let nominal = [1, 1, 10, 20];
    let waits = self::waits(&host, secs(1));
    assert!(waits.len() >= nominal.len());
    for (wait, nominal) in waits.into_iter().zip(nominal) {
        assert!(within_a_quarter(wait, secs(nominal)), "{wait:?} for {nominal} s");
    }
}

/// The first pings of routers that start together are spread over a second.
#[test]
fn first_pings_are_spread() {
    let first: Vec<_> = (0..200)
        .map(|seed| {
            let mut host = Host::<4>::new(seed);
            let start = host.now;
            host.join(Peer::Legacy, Family::V4);
            host.next_ping();
            host.now.since(start)
        })
        .collect();
    assert!(first.iter().all(|wait| *wait < secs(1)));
    assert!(*first.iter().min().unwrap() < micros(50_000) && *first.iter().max().unwrap() > micros(950_000));
}

/// Whatever was missed, each neighbour is asked once, and one ping of it is lost.
#[test]
fn a_clock_that_jumps_asks_each_neighbour_once() {
    for jump in [secs(3_600), secs(365 * 86_400), Duration::MAX] {
        for outstanding in [false, true] {
            let mut host = Host::<8>::new(20);
            for index in 0..8 {
                host.join(Peer::router(true), FAMILIES[index % 2]);
            }
            host.run(secs(100));
            if outstanding {
                host.now = host.now.after(secs(12));
                assert_eq!(host.pings().len(), 8);
            }
            let before = *host.table.counters();
            host.now = host.now.after(jump);
            let pings = host.pings();
            assert_eq!(pings.len(), 8);
            assert_eq!(host.table.counters().sent - before.sent, 8);
            assert_eq!(host.table.counters().timed_out - before.timed_out, if outstanding { 8 } else { 0 });
            assert!(host.pings().is_empty());
            for (name, ping) in pings {
                let back = host.peers[usize::from(name)].answer(&ping).unwrap();
                assert!(matches!(host.receive(&back, name), Received::Answer { capability: Capability::Capable, .. }));
            }
        }
    }
}

/// At the clock's end no time passes: a ping is sent, and nothing is given up, again or anew.
#[test]
fn the_end_of_time() {
    let mut table = table::<2>();
    let mut rng = crate::kit::Rng::new(21);
    let end = Instant::from_micros(u64::MAX);
    table.insert(end, 1, own(Family::V4)).unwrap();
    assert!(table.poll(end, &mut rng).unwrap().is_some());
    for _ in 0..10 {
        assert!(table.poll(end, &mut rng).unwrap().is_none());
    }
    assert_eq!(table.next_timeout(), None);
    assert_eq!((table.counters().sent, table.counters().timed_out), (1, 0));
    // Shortly before, one ends at the last moment.
    let mut table = self::table::<2>();
    let before = Instant::from_micros(u64::MAX - 2_000);
    table.insert(before, 1, own(Family::V4)).unwrap();
    while table.poll(before, &mut rng).unwrap().is_none() && table.next_timeout() == Some(before) {}
    let mut sent = table.counters().sent;
    for _ in 0..10 {
        sent += u64::from(table.poll(end, &mut rng).unwrap().is_some());
    }
    assert!(sent <= 2, "{sent}");
}

/// The clock must not do this; if it does, what is outstanding stays so.
#[test]
fn a_clock_that_runs_backwards_ends_nothing() {
    let mut host = Host::<1>::new(22);
    host.join(Peer::router(true), Family::V4);
    let (name, ping) = host.next_ping();
    let sent = host.now;
    host.now = Instant::START;
    assert!(host.pings().is_empty());
    let back = host.peers[0].answer(&ping).unwrap();
    assert!(matches!(host.receive(&back, name), Received::Answer { .. }));
    assert!(host.table.next_timeout() < Some(sent));
    host.pings();
    assert_eq!(host.table.counters().timed_out, 0);
}

/// Without random numbers there are no pings; nothing is lost by that but time.
#[test]
fn a_dry_generator_changes_nothing() {
    let mut host = Host::<1>::new(23);
    host.join(Peer::router(true), Family::V4);
    let added = host.now;
    let mut failures = 0;
    // The draws are: when to begin (1), a token (2), jitter (1).
    for enough in [0, 1, 2, 3] {
        host.rng.left = enough;
        host.now = host.now.after(secs(1));
        let before = *host.table.counters();
        match host.table.poll(host.now, &mut host.rng) {
            Err(Dry) => failures += 1,
            Ok(probe) => assert!(probe.is_some()),
        }
        if enough == 0 {
            assert_eq!(host.table.next_timeout(), Some(added));
        }
        if enough < 3 {
            assert_eq!(*host.table.counters(), before);
        }
    }
    assert_eq!(failures, 3);
    assert_eq!(host.table.counters().sent, 1);
    assert_eq!(host.table.next_timeout(), Some(host.now.after(secs(1))), "its answer is waited for");
}
