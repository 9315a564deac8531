//! XCAST6 2.0 as it was deployed (WIRE.md §10): what its routers and hosts do with a packet, and its conversion to and from
//! RFC 5058 at the border of a network that still has them. A [`Router`](super::Router) knows nothing of it, and a
//! [`RouterV2`] nothing of RFC 5058: a node that wants either says so.
//!
//! Every packet is its own semi-permeable tunnel (RFC 5058 §11.3). Its outer header leads to the first destination that is
//! left, so that routers without Xcast are crossed without tunnels or capabilities being known. A host that gets it sends it
//! on to the rest (RFC 5058 §11.4): it runs a [`RouterV2`] too, whose own addresses are the host's.
//!
//! # What a copy is
//!
//! An Xcast [`PacketCopy`](super::PacketCopy) differs from the packet by the bitmap, which is that of its branch, the outer
//! destination, which is the first of that, the outer hop limit, which is one less, and, if the packet is anonymous, the other
//! addresses, which are zero. Outer source, ECN and ICMP offset stay as received (project-defined). A unicast copy is the inner
//! packet as the sender would have sent it to one destination alone: without the Routing header, with the outer hop limit less
//! one, and marked by congestion where the outer header was (RFC 4301 §5.1.2.1).
//!
//! # At the border
//!
//! [`to_rfc5058`] and [`from_rfc5058`] write a packet as a sender of the other side would have built it. The result is handed
//! to that side's router, which counts the hop: conversion does not. All of it is project-defined.
//!
//! | | from XCAST6 2.0 | to XCAST6 2.0 |
//! |---|---|---|
//! | sender, list, bits, anonymous, do not X2U | stay | stay |
//! | hop limit | that of the outer header | becomes that of the outer header; the inner one is 1 |
//! | traffic class, flow label | those of the inner header, marked by congestion where the outer one was | go to the inner header, ECN to the outer one too |
//! | transport checksum | follows the change of group, by delta | follows the change of group, by delta |
//! | outer source | lost | made: the sender |
//! | ICMP offset | lost | made: 0 |
//! | CHECKSUM | made | lost |
//! | channel, DSCPs, ports | made: none | lost, where the caller says that they may be ([`MayLose`]) |
//! | reserved bits | made: 0 | lost |
//! | destinations | 125 of at most 126 | all |
//! | Destination Options behind the Routing header | stay, if RFC 5058 does not take them for ports | stay, but for the ports |
//! | ESP, IP in IP | stay | stay |
//! | AH | refused: its ICV would break | refused |
//! | headers in front of the Routing header | none are there | refused |
//! | a fragment, an unknown transport | refused: a checksum could not follow | refused |

mod convert;
mod copy;
mod error;
mod policy;
mod router;

pub use convert::{ConvertError, Field, MayLose, from_rfc5058, to_rfc5058};
pub(super) use copy::CopyV2;
pub use error::ForwardErrorV2;
pub use policy::RouterPolicyV2;
pub use router::RouterV2;
