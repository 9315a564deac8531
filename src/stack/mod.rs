//! What a host drives to send and to receive Xcast.

mod limits;
mod link;
mod member;
mod packets;
mod protection;
mod report;
mod segment;
mod sender;
mod session;
mod template;

pub use limits::Limits;
pub use link::{FnLink, Link, Recipients};
pub use member::{Member, MemberId, Origin};
pub use packets::{NothingFits, Packets, SessionPacket};
pub use protection::Plan;
pub use report::{PacketError, SendError, SendReport, SenderCounters};
pub use segment::{Datagram, Ends, FnSegment, Segment};
pub use sender::{Means, Sender};
pub use session::{MemberError, Session, SessionConfig, SessionError};
pub use template::{HeaderTemplate, MAX_HEADERS_LEN};
