use super::{kind, parse_error, parse_error_v2};
use crate::Kind;
use xcast_sec::{forward, wire};

pub(super) fn all() -> Vec<Kind> {
    vec![
        kind!(
            "forward/error.rs",
            forward::Refusal,
            [
                E::BitmapUnderAh,
                E::AnonymousUnderAh,
                E::AhBehindXcast4,
                E::AnonymousWithSeparatedBitmap,
                E::SegmentsLeft,
                E::SourceRoute
            ]
        ),
        kind!(
            "forward/error.rs",
            forward::ForwardError,
            [
                E::Parse(parse_error()),
                E::Refused(forward::Refusal::SourceRoute),
                E::NotForUs,
                E::UnusableTunnel,
                E::NotAMember,
                E::ReversePath,
                E::UnusableSource,
                E::UnusableDestination { index: 40002, pointer: 40003 }
            ]
        ),
        kind!(
            "forward/neighbour/config.rs",
            forward::neighbour::PingConfigError,
            [E::Port, E::Timeout, E::Retry, E::Interval, E::MaxInterval, E::Losses, E::Answers]
        ),
        kind!(
            "forward/neighbour/table.rs",
            forward::neighbour::NeighbourError,
            [E::Full, E::Present, E::UnusableAddress]
        ),
        kind!("forward/table.rs", forward::RouteTableError, [E::Full, E::PrefixLength, E::HostBits]),
        kind!(
            "forward/v2/convert.rs",
            forward::v2::ConvertError,
            [
                E::Ipv4,
                E::Ah,
                E::HeadersInFront,
                E::WouldLose(forward::v2::Field::Dscps),
                E::OtherOptions,
                E::ForeignPorts,
                E::Transport,
                E::Emit(wire::EmitError::BufferTooSmall { needed: 40999 })
            ]
        ),
        kind!(
            "forward/v2/error.rs",
            forward::v2::ForwardErrorV2,
            [
                E::Parse(parse_error_v2()),
                E::UnusableSource,
                E::UnusableDestination { index: 40004, pointer: 40005 },
                E::ReversePath
            ]
        ),
    ]
}
