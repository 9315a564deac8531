//! What a sender keeps of an association: numbers, use, and the path's MTU.

pub(crate) mod outbound;
pub(crate) mod outbound_batch;
pub(crate) mod packet_too_big;
pub(crate) mod path_mtu;
pub(crate) mod quoted;
pub(crate) mod sender_id;
pub(crate) mod sequence;
