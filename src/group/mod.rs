//! What a group agrees on, and how its members come to know it (draft §2.1, §4).
//!
//! | to | there is |
//! |---|---|
//! | describe an association of a group, make its keys, make an [`Sa`](crate::ipsec::Sa) of it | [`GroupSa`], [`SaTerms`], [`Suite`] |
//! | go over to new keys without losing packets (RFC 5374 §4.2.1) | [`Rollover`] |
//! | put associations into octets and take them out again (RFC 6407) | [`gdoi`] |
//! | read a group, its members and associations from a text (draft §4.2.1) | [`manual`] |

mod association;
pub mod gdoi;
pub mod manual;

pub use association::group_sa::{GroupSa, GroupSaError};
pub use association::rollover::Rollover;
pub use association::suite::Suite;
pub use association::terms::{GroupLifetime, GroupMode, Preservation, SaTerms, TermsError};
