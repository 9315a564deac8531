//! Octets of RAM that a device keeps for each thing.

use core::fmt::Write;
use core::mem::size_of;

use bare_metal::board::Console;
use bare_metal::provider::{AhSha256, CbcSha256, EspGcm};
use xcast_sec::crypto::RustCrypto;
use xcast_sec::forward::neighbour::Neighbours;
use xcast_sec::forward::{RouteTable, Router};
use xcast_sec::group::{GroupSa, lkh, membership};
use xcast_sec::ipsec::{
    AnySender, FixedOutboundSad, FixedSad, FixedSpd, NoAudit, OutboundSa, PathMtu, PolicyEntry, ReplayWindow, Sa,
    SenderKey, SenderWindows,
};
use xcast_sec::stack::{HeaderTemplate, MAX_HEADERS_LEN, Receiver, Sender, Session};

/// What one sender of `SenderWindows` takes, with a window of `64 * WORDS` numbers.
const fn entry<const WORDS: usize>() -> usize {
    size_of::<SenderWindows<2, WORDS>>() - size_of::<SenderWindows<1, WORDS>>()
}

type Gcm = EspGcm;

/// Prints all of it.
pub(crate) fn print() {
    let sizes: &[(&str, usize)] = &[
        ("`Sa<RustCrypto>`", size_of::<Sa<RustCrypto>>()),
        ("`OutboundSa<RustCrypto>`", size_of::<OutboundSa<RustCrypto>>()),
        ("`Sa` of a provider with HMAC-SHA2-256-128 alone", size_of::<Sa<AhSha256>>()),
        ("`Sa` of a provider with AES-GCM-16 alone, keys of 128 bits", size_of::<Sa<EspGcm>>()),
        ("`Sa` of a provider with AES-CBC and HMAC-SHA2-256-128 alone, keys of 128 bits", size_of::<Sa<CbcSha256>>()),
        ("a sender in `SenderWindows`, window of 64", entry::<1>()),
        ("a sender in `SenderWindows`, window of 1024", entry::<16>()),
        ("a sender in `SenderWindows`, window of 4096", entry::<64>()),
        ("`FixedSad<RustCrypto, 1>`", size_of::<FixedSad<RustCrypto, 1>>()),
        ("`FixedOutboundSad<RustCrypto, 1>`", size_of::<FixedOutboundSad<RustCrypto, 1>>()),
        ("`PolicyEntry`", size_of::<PolicyEntry>()),
        ("`Session<10>`", size_of::<Session<10>>()),
        ("`Session<127>`", size_of::<Session<127>>()),
        ("`HeaderTemplate<256>`", size_of::<HeaderTemplate<256>>()),
        ("`HeaderTemplate<MAX_HEADERS_LEN>`", size_of::<HeaderTemplate<MAX_HEADERS_LEN>>()),
        ("`GroupSa`: a group's association with its keys", size_of::<GroupSa>()),
        ("a group of 16 at a member, `membership::Member<16, 2, 24>`", size_of::<membership::Member<16, 2, 24>>()),
        ("a group of 16 at its controller, `membership::Controller<16>`", size_of::<membership::Controller<16>>()),
        (
            "a group of 16 at its key server, `membership::KeyServer<16, 24>`",
            size_of::<membership::KeyServer<16, 24>>(),
        ),
        ("a group of 16 at both in one, `membership::Gcks<16, 24>`", size_of::<membership::Gcks<16, 24>>()),
        ("a key tree of 16 at a member, `lkh::Member`", size_of::<lkh::Member>()),
        ("a key tree of 16 at its controller, `lkh::Controller<16>`", size_of::<lkh::Controller<16>>()),
        ("`Router`", size_of::<Router>()),
        ("`RouteTable<u8, 8>`", size_of::<RouteTable<u8, 8>>()),
        ("`Neighbours<u8, 8>`", size_of::<Neighbours<u8, 8>>()),
        (
            "`Sender`, one association (AES-GCM-16 alone), one policy entry",
            size_of::<Sender<FixedOutboundSad<Gcm, 1>, FixedSpd<1>, NoAudit>>(),
        ),
        (
            "`Receiver`, one association (AES-GCM-16 alone), 16 senders, one policy entry",
            size_of::<Receiver<FixedSad<Gcm, 1>, SenderWindows<16, 1>, FixedSpd<1>, AnySender, NoAudit>>(),
        ),
    ];
    for (name, size) in sizes {
        let _ = writeln!(Console, "RAM {name} | {size}");
    }
    // A window does not say it holds less than its numbers take.
    const { assert!(entry::<1>() >= size_of::<SenderKey>() + size_of::<ReplayWindow<[u64; 1]>>()) };
    const { assert!(size_of::<OutboundSa<RustCrypto>>() > size_of::<Sa<RustCrypto>>() + size_of::<PathMtu>()) };
}
