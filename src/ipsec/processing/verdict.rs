//! What policy says of a whole packet.

use crate::ipsec::policy::{Action, Direction, PolicyLookup, Selectors, UpperLayer};
use crate::wire::{CodePoints, ParseError, XcastPacket};

/// What policy says of `packet`, or `None` if it says nothing.
///
/// An Xcast packet with a list of ports is delivered to a port of the list, and not to the one that its transport header
/// names. Policy must say the same of all ports that it can still be delivered to, or the packet is discarded: nobody gets it
/// past a rule about ports by a list, which ESP does not cover.
pub(super) fn verdict<Q: PolicyLookup>(
    policy: &Q,
    direction: Direction,
    packet: &[u8],
    code_points: Option<&CodePoints>,
) -> Result<(Selectors, Option<Action>), ParseError> {
    let selectors = Selectors::of(packet, code_points)?;
    let action = policy.lookup(direction, &selectors);
    let UpperLayer::Ports { protocol, source, .. } = selectors.next_layer else { return Ok((selectors, action)) };
    let Some(xcast) = code_points.and_then(|points| XcastPacket::parse_structure(packet, points).ok()) else {
        return Ok((selectors, action));
    };
    let mut listed = xcast.bits().iter().filter_map(|index| xcast.port(index)).map(|destination| {
        let next_layer = UpperLayer::Ports { protocol, source, destination };
        policy.lookup(direction, &Selectors { next_layer, ..selectors })
    });
    let Some(first) = listed.next() else { return Ok((selectors, action)) };
    let agreed = if listed.all(|other| other == first) { first } else { Some(Action::Discard) };
    Ok((selectors, agreed))
}
