//! Arbitrary octets through the router, as what came from a link, what the host itself made and what it passes on: it never
//! panics, never sends more copies than there are destinations, and never sends what it would itself take for malformed.
//! Shared by the fuzz target and the test that replays its corpus. Its user includes `copies` and `routes` beside it.

use core::time::Duration;

use xcast_sec::forward::{
    ForwardError, HostTunnel, OwnAddress, ReportLimit, ReversePath, Router, RouterPolicy, SemiPermeable, TunnelUse,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{ChecksumPolicy, CodePoints, Encapsulated, XcastPacket};

use super::copies::{Format, Inspector};
use super::routes::{Octets, check_counters};

/// A policy for every value of `choices`.
fn policy(choices: [u8; 2]) -> RouterPolicy {
    let [choice, more] = choices;
    let mut policy = RouterPolicy::default();
    policy.checksum = if choice & 2 == 0 { ChecksumPolicy::Verify } else { ChecksumPolicy::Ignore };
    policy.x2u = choice & 4 == 0;
    policy.premature_x2u = choice & 8 == 0;
    policy.allow_echo = choice & 16 != 0;
    policy.max_copies = (choice & 32 != 0).then_some(3);
    policy.tunnels = if more & 1 == 0 { TunnelUse::LastResort } else { TunnelUse::Routes };
    let source = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xf].into();
    policy.semi_permeable = [
        SemiPermeable::Ignore,
        SemiPermeable::PassOn,
        SemiPermeable::PassOn,
        SemiPermeable::Initiate { source, hop_limit: more },
    ][usize::from(more >> 1 & 3)];
    policy.own_address = [OwnAddress::AsGroup, OwnAddress::AsGroup, OwnAddress::MakeUnicast, OwnAddress::Refuse]
        [usize::from(more >> 3 & 3)];
    policy.reverse_path = [ReversePath::Unchecked, ReversePath::Unchecked, ReversePath::Loose, ReversePath::Strict]
        [usize::from(more >> 5 & 3)];
    policy.reports = ReportLimit { burst: u32::from(more >> 7), interval: Duration::from_millis(1) };
    policy
}

/// Checks a packet; the first two octets choose policy and routes. A finding panics.
pub(crate) fn check(data: &[u8]) {
    let Some((&choices, packet)) = data.split_first_chunk::<2>() else { return };
    let code_points = CodePoints::rfc4727_experiment();
    let policy = policy(choices);
    let routes = Octets { choice: choices[0] };
    // Where the Xcast packet is, whoever it is for.
    let tunnel = Encapsulated::parse(packet, &code_points).ok().flatten();
    let (inner, outer_limit) = match &tunnel {
        Some(tunnel) => (tunnel.inner(), tunnel.outer().hop_limit()),
        None => (packet, 0),
    };
    let read = XcastPacket::parse(inner, &code_points, ChecksumPolicy::Ignore).ok();
    let hop_limits = (read.map_or(0, |read| read.ip().hop_limit()), outer_limit);
    let now = Instant::START;
    for call in 0..5 {
        let checksum = if matches!(call, 1..=3) { ChecksumPolicy::Verify } else { policy.checksum };
        let mut egress = Inspector::new(Format::Rfc5058(checksum), hop_limits, matches!(call, 1..=3));
        let mut router = Router::new(code_points, policy);
        let result = match call {
            0 => router.forward(now, Some(1), packet, &routes, &mut egress),
            1 => router.originate(now, packet, &routes, &mut egress),
            2 => router.originate_through(now, HostTunnel::Plain, packet, &routes, &mut egress),
            3 => router.originate_through(now, HostTunnel::SemiPermeable, packet, &routes, &mut egress),
            _ => router.relay(now, packet, &routes, &mut egress),
        };
        check_counters(&router.counters, result.as_ref().ok());
        match result {
            Ok(outcome) => {
                let read = read.expect("it was read before");
                assert_eq!((outcome.copies, outcome.sent), (egress.copies, egress.served));
                assert!(outcome.copies <= if call >= 2 { 1 } else { read.bits().len() });
                assert!(egress.served.union(outcome.local_destinations).is_subset(read.bits()));
                assert!(outcome.local_destinations.intersection(egress.served).is_empty());
                assert_eq!(outcome.packet_at, packet.len().min(tunnel.map_or(0, |tunnel| tunnel.inner_at())));
            }
            Err(error) => {
                assert_eq!(egress.copies, 0);
                let shown = format!("{error} {error:?}");
                assert!(!shown.is_empty() && error != ForwardError::NotAMember || call == 4);
            }
        }
    }
}
