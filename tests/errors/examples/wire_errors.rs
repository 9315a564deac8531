use super::{kind, parse_error, parse_error_v2};
use crate::Kind;
use xcast_sec::wire;

pub(super) fn all() -> Vec<Kind> {
    vec![
        kind!(
            "wire/code_points.rs",
            wire::CodePointError,
            [
                E::Xcast4Protocol,
                E::Xcast6RoutingType,
                E::RoutersNotMulticast,
                E::PortsOption,
                E::TunnelOption,
                E::BitmapOptionV4,
                E::BitmapOptionV6
            ]
        ),
        kind!("wire/error.rs", wire::ParseError, [parse_error()]),
        kind!(
            "wire/error.rs",
            wire::EmitError,
            [
                E::BufferTooSmall { needed: 40049 },
                E::PacketTooLong { len: 40050 },
                E::NoDestination,
                E::TooManyDestinations { max: 40051 },
                E::BitBeyondCount,
                E::DscpCount,
                E::PortCount,
                E::UnusableSource,
                E::UnusableRouter,
                E::UnusableDestination { index: 40052 },
                E::DuplicateDestination { index: 40053 },
                E::DscpsDoNotMerge,
                E::AnonymousWithSeparatedBitmap,
                E::AhBehindXcast4
            ]
        ),
        kind!("wire/icmp.rs", wire::IcmpError, [E::Parse(parse_error()), E::NotPacketTooBig, E::Checksum]),
        kind!(
            "wire/xcast6_v2/code_points.rs",
            wire::xcast6_v2::CodePointErrorV2,
            [E::Mark, E::RoutingType, E::GroupNotMulticast]
        ),
        kind!("wire/xcast6_v2/error.rs", wire::xcast6_v2::ParseErrorV2, [parse_error_v2()]),
    ]
}
