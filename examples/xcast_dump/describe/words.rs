//! Parts of a packet's one line.

use std::net::IpAddr;

use xcast_sec::wire::{Family, IpHeader};

use super::super::names::{dscp_name, ecn_name, octets as count_octets, with_port};

/// Destinations shown in a packet's one line; the tree has all.
const SHOWN: usize = 8;

/// A destination as shown.
pub(super) struct Target {
    pub(super) address: IpAddr,
    pub(super) port: Option<u16>,
    pub(super) dscp: Option<String>,
    pub(super) set: bool,
    pub(super) anonymous: bool,
}

/// The destinations: with '+' those still to be served, with '-' the others.
pub(super) fn list(targets: impl Iterator<Item = Target>) -> String {
    let (mut words, mut set, mut count) = (Vec::new(), 0, 0);
    for target in targets {
        count += 1;
        set += usize::from(target.set);
        if count > SHOWN {
            continue;
        }
        let sign = if target.set { '+' } else { '-' };
        let name = if target.anonymous && target.address.is_unspecified() {
            "erased".into()
        } else {
            with_port(target.address, target.port)
        };
        let dscp = target.dscp.map_or_else(String::new, |dscp| format!("/{dscp}"));
        words.push(format!("{sign}{name}{dscp}"));
    }
    let more = if count > SHOWN { format!(" and {} more", count - SHOWN) } else { String::new() };
    format!("{}{more} ({set} of {count})", words.join(" "))
}

/// Family and source.
pub(super) fn start(ip: &IpHeader<'_>) -> String {
    format!("{} {}", family_name(ip.family()), ip.source())
}

fn family_name(family: Family) -> &'static str {
    match family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    }
}

/// Hop limit, DSCP, and ECN where it says something.
pub(super) fn hop(ip: &IpHeader<'_>) -> String {
    let ecn = match ecn_name(ip.traffic_class()) {
        "Not-ECT" => "",
        name => &format!(" {name}"),
    };
    format!("hop {}, {}{ecn}", ip.hop_limit(), dscp_name(ip.dscp()))
}

/// What can be said of a packet that cannot be read.
pub(super) fn outline(octets: &[u8], name: &str) -> String {
    let space = if name.is_empty() { "" } else { " " };
    let start = match octets.first().map(|first| first >> 4) {
        Some(4) => octets.get(12..16).and_then(|at| <[u8; 4]>::try_from(at).ok()).map(|at| ("IPv4", IpAddr::from(at))),
        Some(6) => octets.get(8..24).and_then(|at| <[u8; 16]>::try_from(at).ok()).map(|at| ("IPv6", IpAddr::from(at))),
        _ => None,
    };
    match start {
        Some((family, source)) => format!("{family} {source}{space}{name}"),
        None => format!("{}{space}{name}", count_octets(octets.len())),
    }
}
