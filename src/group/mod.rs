//! How the members of a group come by its associations (draft §4).

mod cursor;
pub mod ike;
pub mod lkh;
pub mod sip;
