//! What the group's owner decides.

pub(super) mod admission;
pub(super) mod anonymity;
pub(super) mod rekey;
