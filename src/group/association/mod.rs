//! Security associations of a group, as key management hands them out.

pub(crate) mod group_sa;
pub(crate) mod rollover;
pub(crate) mod suite;
pub(crate) mod terms;
