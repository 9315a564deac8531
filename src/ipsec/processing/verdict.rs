//! What policy, and associations, say of a whole packet.

use crate::ipsec::policy::{Action, Direction, PolicyLookup, SelectorSet, Selectors, UpperLayer};
use crate::wire::{CodePoints, Family, ParseError, XcastPacket};

/// Shows `see` everything that a packet may be taken for, and returns what its IP and transport headers say.
///
/// Those are one thing and the same, but for an Xcast packet, as neither decides who gets it: members take it whatever its
/// destination address is, so that it is shown as one to All_Xcast_Routers too; and with a list of ports it is delivered to a
/// port of the list, so that it is shown with each that it can still be delivered to.
fn show(
    packet: &[u8],
    code_points: Option<&CodePoints>,
    mut see: impl FnMut(&Selectors),
) -> Result<Selectors, ParseError> {
    let selectors = Selectors::of(packet, code_points)?;
    let Some((points, xcast)) =
        code_points.and_then(|points| Some((points, XcastPacket::parse_structure(packet, points).ok()?)))
    else {
        see(&selectors);
        return Ok(selectors);
    };
    let group = points.routers(Family::of(&selectors.destination));
    let mut see_both = |next_layer| {
        see(&Selectors { next_layer, ..selectors });
        see(&Selectors { next_layer, destination: group, ..selectors });
    };
    let mut has_list = false;
    if let UpperLayer::Ports { protocol, source, .. } = selectors.next_layer {
        for destination in xcast.bits().iter().filter_map(|index| xcast.port(index)) {
            has_list = true;
            see_both(UpperLayer::Ports { protocol, source, destination });
        }
    }
    if !has_list {
        see_both(selectors.next_layer);
    }
    Ok(selectors)
}

/// What `packet` is judged by, and what policy says of it: `None` if nothing.
///
/// Policy must say the same of everything that an Xcast packet may be taken for, or it is discarded: nobody gets past a rule
/// about the group by writing another address, nor past one about ports by a list, which ESP does not cover.
pub(crate) fn verdict<Q: PolicyLookup>(
    policy: &Q,
    direction: Direction,
    packet: &[u8],
    code_points: Option<&CodePoints>,
) -> Result<(Selectors, Option<Action>), ParseError> {
    let mut agreed: Option<Option<Action>> = None;
    let selectors = show(packet, code_points, |seen| {
        let action = policy.lookup(direction, seen);
        agreed = Some(match agreed {
            Some(agreed) if agreed != action => Some(Action::Discard),
            _ => action,
        });
    })?;
    Ok((selectors, agreed.flatten()))
}

/// Whether an association for `selectors` is for `packet`, whatever that may be taken for (RFC 4301 §5.2 step 5).
pub(super) fn is_for(
    selectors: &SelectorSet,
    direction: Direction,
    packet: &[u8],
    code_points: Option<&CodePoints>,
) -> bool {
    let mut all = true;
    let read = show(packet, code_points, |seen| all &= selectors.admits(direction, seen));
    read.is_ok() && all
}
