//! What policy says of a whole packet.

use core::net::IpAddr;

use crate::ipsec::policy::{Action, Direction, PolicyLookup, Selectors, UpperLayer};
use crate::wire::{CodePoints, ParseError, XcastPacket};

/// What `packet` is judged by, and what policy says of it: `None` if nothing.
///
/// An Xcast packet is held to more than its IP and transport headers say, as neither decides who gets it:
///
/// - Its members take it whatever its destination address is. Policy must say the same of it as of one to All_Xcast_Routers,
///   or it is discarded: nobody gets past a rule about the group by writing another address.
/// - With a list of ports it is delivered to a port of the list. Policy must say the same of all ports that it can still be
///   delivered to, or it is discarded: nobody gets past a rule about ports by a list, which ESP does not cover.
pub(super) fn verdict<Q: PolicyLookup>(
    policy: &Q,
    direction: Direction,
    packet: &[u8],
    code_points: Option<&CodePoints>,
) -> Result<(Selectors, Option<Action>), ParseError> {
    let selectors = Selectors::of(packet, code_points)?;
    let Some((points, xcast)) =
        code_points.and_then(|points| Some((points, XcastPacket::parse_structure(packet, points).ok()?)))
    else {
        let action = policy.lookup(direction, &selectors);
        return Ok((selectors, action));
    };
    let group: IpAddr = match selectors.destination {
        IpAddr::V4(_) => points.fields().routers_v4.into(),
        IpAddr::V6(_) => points.fields().routers_v6.into(),
    };
    let mut agreed: Option<Option<Action>> = None;
    let mut hold = |next_layer| {
        for destination in [selectors.destination, group] {
            let action = policy.lookup(direction, &Selectors { destination, next_layer, ..selectors });
            agreed = Some(match agreed {
                Some(agreed) if agreed != action => Some(Action::Discard),
                _ => action,
            });
        }
    };
    let mut has_list = false;
    if let UpperLayer::Ports { protocol, source, .. } = selectors.next_layer {
        for destination in xcast.bits().iter().filter_map(|index| xcast.port(index)) {
            has_list = true;
            hold(UpperLayer::Ports { protocol, source, destination });
        }
    }
    if !has_list {
        hold(selectors.next_layer);
    }
    Ok((selectors, agreed.flatten()))
}
