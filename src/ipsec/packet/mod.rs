//! One packet: sealing and opening it under one association.

pub(crate) mod arrived;
pub(crate) mod batch;
pub(crate) mod buffer;
pub(crate) mod construction;
pub(crate) mod coverage;
pub(crate) mod error;
pub(crate) mod front;
pub(crate) mod laid;
pub(crate) mod open;
pub(crate) mod open_ah;
pub(crate) mod open_batch;
pub(crate) mod open_esp;
pub(crate) mod placement;
pub(crate) mod plain;
pub(crate) mod plan;
pub(crate) mod seal;
pub(crate) mod seal_batch;
pub(crate) mod tried;
