//! A value of every variant.

mod crypto_errors;
mod forward_errors;
mod group_errors;
mod ipsec_errors;
mod stack_errors;
mod wire_errors;

use std::time::Duration;

use xcast_sec::time::Instant;
use xcast_sec::{group, ipsec, stack, wire};

use crate::Kind;

/// The values of one type, from the file that has it.
macro_rules! kind {
    ($file:literal, $type:ty, [$($value:expr),+ $(,)?]) => {{
        #[allow(dead_code, reason = "structs are not named by it")]
        type E = $type;
        let name = stringify!($type).rsplit("::").next().unwrap().trim();
        $crate::Kind { file: $file, name, values: vec![$(Box::new($value) as Box<dyn std::error::Error>),+] }
    }};
}

pub(crate) use kind;

pub(crate) fn all() -> Vec<Kind> {
    [
        crypto_errors::all(),
        forward_errors::all(),
        group_errors::all(),
        ipsec_errors::all(),
        stack_errors::all(),
        wire_errors::all(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn parse_error() -> wire::ParseError {
    wire::XcastPacket::parse(&[], &wire::CodePoints::rfc4727_experiment(), wire::ChecksumPolicy::Verify).unwrap_err()
}

fn parse_error_v2() -> wire::xcast6_v2::ParseErrorV2 {
    use wire::xcast6_v2::{CodePointsV2, PacketV2};
    PacketV2::parse(&[], &CodePointsV2::xcast_jp_deployment()).unwrap_err()
}

fn gdoi_error() -> group::gdoi::GdoiError {
    group::gdoi::Download::parse(&[]).unwrap_err()
}

fn manual_error() -> group::manual::ManualError {
    group::manual::Config::new("member 192.0.2.1").find_map(Result::err).unwrap()
}

/// A message that gets no room at all.
fn membership_buffer() -> group::membership::BufferTooSmall {
    use group::membership::message::{Body, Header, Message};
    use group::membership::{Epoch, GroupId, Incarnation, Version};
    let header = Header {
        group: GroupId::new(1),
        version: Version::new(1),
        epoch: Epoch::new(1),
        incarnation: Incarnation::new(1),
    };
    Message { header, body: Body::Invite }.emit(&mut []).unwrap_err()
}

fn senders_full() -> ipsec::SendersFull {
    ipsec::FixedSenders::<0>::new().allow(ipsec::PolicyId::new(1), [192, 0, 2, 1].into()).unwrap_err()
}

fn too_many_members() -> group::membership::TooManyMembers {
    use group::membership::{Boot, Delays, Entry, GroupId, Incarnation, KeyServer, KeyServerConfig, Roles, Version};
    let delays = Delays::new(Duration::from_secs(1), Duration::from_secs(2)).unwrap();
    let config = KeyServerConfig::new(GroupId::new(1), delays);
    let mut server = KeyServer::<0, 64>::new(config, Boot::new(1), 1);
    let entry = Entry::new([192, 0, 2, 1].into(), Roles::RECEIVER, Incarnation::new(1));
    server.set_members(Instant::START, Version::new(1), std::iter::once(entry)).unwrap_err()
}

fn session() -> stack::Session<2> {
    let origin = stack::Origin::without_channel([192, 0, 2, 1].into());
    let mut session = stack::Session::new(stack::SessionConfig::new(origin)).unwrap();
    session.add(stack::Member::new([192, 0, 2, 2].into())).unwrap();
    session
}

fn member_id() -> stack::MemberId {
    session().find([192, 0, 2, 2].into(), None).unwrap()
}

fn nothing_fits() -> stack::NothingFits {
    session().packets(&stack::Limits::new(1280, 40_995)).map(drop).unwrap_err()
}

fn entry() -> ipsec::PolicyEntry {
    let (directionality, selectors) = (ipsec::Directionality::Symmetric, ipsec::SelectorSet::ANY);
    ipsec::PolicyEntry { directionality, selectors, action: ipsec::Action::Discard }
}
