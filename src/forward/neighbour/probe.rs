//! A ping on its way to the link.

use core::net::IpAddr;

use super::ping::Ping;
use crate::wire::{CodePoints, EmitError};

/// A ping to be sent to one neighbour, now. One that the host fails to send counts as unanswered.
#[derive(Clone, Copy, Debug)]
#[must_use = "its neighbour is waited for until it times out"]
pub struct Probe<H> {
    pub(super) neighbour: H,
    pub(super) ping: Ping,
    pub(super) code_points: CodePoints,
}

impl<H: Copy> Probe<H> {
    /// Whom to send it to. By its link-layer address alone: a ping sent to everybody on a link is answered by anybody.
    #[must_use]
    pub const fn neighbour(&self) -> H {
        self.neighbour
    }

    /// The address it is sent from, and should come back to.
    #[must_use]
    pub const fn own_address(&self) -> IpAddr {
        self.ping.own
    }

    /// Writes the packet, from its IP header on, to the start of `buffer`, and returns its length: at most
    /// [`MAX_PING_LEN`](super::MAX_PING_LEN).
    ///
    /// # Errors
    ///
    /// - [`EmitError::BufferTooSmall`]; `buffer` is unchanged.
    pub fn emit(&self, buffer: &mut [u8]) -> Result<usize, EmitError> {
        self.ping.emit(&self.code_points, buffer)
    }
}
