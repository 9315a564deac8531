use super::{kind, member_id, nothing_fits, parse_error};
use crate::Kind;
use xcast_sec::{ipsec, stack, wire};

pub(super) fn all() -> Vec<Kind> {
    vec![
        kind!("stack/packets.rs", stack::NothingFits, [nothing_fits()]),
        kind!(
            "stack/refused.rs",
            stack::ReceiveError,
            [
                E::Unreadable(parse_error()),
                E::NotForThisHost,
                E::NotServed,
                E::Fragment,
                E::UnusableSource,
                E::AnonymousWithSeparatedBitmap,
                E::RoutingHeader { pointer: 40040 },
                E::UnrecognisedOption { pointer: 40041 },
                E::Ipsec(ipsec::InboundError::Discarded),
                E::StillProtected,
                E::EchoRequest,
                E::TransportLength { protocol: 178 },
                E::TransportChecksum { protocol: 179 },
                E::PortBesideList { port: 40044 },
                E::NoPort
            ]
        ),
        kind!(
            "stack/report.rs",
            stack::SendError,
            [
                E::NothingFits(nothing_fits()),
                E::ScratchTooSmall { needed: 40045 },
                E::Build(wire::EmitError::BufferTooSmall { needed: 40999 }),
                E::Unreadable(parse_error())
            ]
        ),
        kind!(
            "stack/report.rs",
            stack::PacketError,
            [
                E::Build(wire::EmitError::BufferTooSmall { needed: 40999 }),
                E::OtherProtocol,
                E::ScratchTooSmall { needed: 40046 },
                E::Protect(ipsec::OutboundError::NoPolicy),
                E::ProtectedToRouter,
                E::TooLong { len: 40047, mtu: 40048 },
                E::Link
            ]
        ),
        kind!(
            "stack/session.rs",
            stack::SessionError,
            [E::UnusableSource, E::AnonymousWithSeparatedBitmap, E::UnusableRouter]
        ),
        kind!(
            "stack/session.rs",
            stack::MemberError,
            [
                E::Family,
                E::UnusableAddress,
                E::PortZero,
                E::PortMissing,
                E::PortUnexpected,
                E::Duplicate(member_id()),
                E::Full
            ]
        ),
    ]
}
