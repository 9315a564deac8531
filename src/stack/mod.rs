//! What a host drives to send and to receive Xcast.

mod limits;
mod member;
mod packets;
mod session;
mod template;

pub use limits::Limits;
pub use member::{Member, MemberId, Origin};
pub use packets::{NothingFits, Packets, SessionPacket};
pub use session::{MemberError, Session, SessionConfig, SessionError};
pub use template::HeaderTemplate;
