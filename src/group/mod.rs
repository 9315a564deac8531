//! What a group agrees on, and how its members come to know it (draft §2.1, §3.1.1, §4).
//!
//! | to | there is |
//! |---|---|
//! | describe an association of a group, make its keys, make an [`Sa`](crate::ipsec::Sa) of it | [`GroupSa`], [`SaTerms`], [`Suite`] |
//! | go over to new keys without losing packets (RFC 5374 §4.2.1) | [`Rollover`] |
//! | choose SPIs that do not conflict (draft §3.1.1) | [`spi`] |
//! | put associations into octets and take them out again (RFC 6407) | [`gdoi`] |
//! | read a group, its members and associations from a text (draft §4.2.1) | [`manual`] |
//! | join, invite, leave, expel; push keys to members and renew them (draft §2.1, §4.2.2) | [`membership`] |
//! | make what is pushed of terms, and read it (the seams of `membership`) | [`GroupSaSource`], [`read_association`] |
//! | push them over IKE, in SIP bodies, or down a tree of keys (draft §4.2.3, §4.2.4; RFC 2627 §5.4) | [`ike`], [`sip`], [`lkh`] |
//! | sign joins, leaves and invitations (draft §2.1.5) | [`signature`] |
//! | prove which member sent a packet (draft §2.2.4) | [`source_auth`] |

mod association;
mod cursor;
pub mod gdoi;
mod handout;
pub mod ike;
pub mod lkh;
pub mod manual;
pub mod membership;
pub mod signature;
pub mod sip;
pub mod source_auth;
pub mod spi;

pub use association::group_sa::{GroupSa, GroupSaError};
pub use association::rollover::Rollover;
pub use association::suite::Suite;
pub use association::terms::{GroupLifetime, GroupMode, Preservation, SaTerms, TermsError};
pub use handout::{GroupSaSource, read_association};
