//! What a host drives to send and to receive Xcast: sessions, their packets, and the two ends.
//!
//! | to | there is |
//! |---|---|
//! | keep a list of members, serve some of them, split it into packets | [`Session`], [`SessionPacket`] |
//! | know how many members fit, with which protection | [`Limits`], [`wire::destinations_that_fit`](crate::wire::destinations_that_fit) |
//! | write headers once and change only bits and lengths per packet | [`HeaderTemplate`] |
//! | build, protect and send a segment | [`Sender`], with a [`Link`] to the device |
//! | pick, open, check and hand up | [`Receiver`] |
//!
//! Like everything in this crate both ends are driven: they hold no socket, no clock and no generator, and work in buffers of
//! the caller. A session is apart from the sender, as one sender serves many. The order of calls, and what to do with each
//! error: [the guide](crate::guide).

mod delivery;
mod limits;
mod link;
mod member;
mod packets;
mod protection;
mod receiver;
mod receiver_batch;
mod refused;
mod report;
mod segment;
mod sender;
mod session;
mod template;
mod upper_layer;

pub use delivery::{Delivery, Incoming, Listed};
pub use limits::Limits;
pub use link::{FnLink, Link, Recipients};
pub use member::{Member, MemberId, Origin};
pub use packets::{NothingFits, Packets, SessionPacket};
pub use protection::Plan;
pub use receiver::{Receiver, ReceiverPolicy};
pub use refused::{ReceiveError, ReceiverCounters};
pub use report::{PacketError, SendError, SendReport, SenderCounters};
pub use segment::{Datagram, Ends, FnSegment, Segment};
pub use sender::{Means, Sender};
pub use session::{MemberError, Session, SessionConfig, SessionError};
pub use template::{HeaderTemplate, MAX_HEADERS_LEN};
