//! Groups: who belongs to one, and how its members come by keys (draft §2.1, §4).

pub mod membership;
