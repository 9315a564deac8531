//! What a member sends.

use super::{Answer, Member, MemberState, Reply};
use crate::group::membership::message::{Body, BufferTooSmall, Header, Message};
use crate::group::membership::{Epoch, Incarnation, Transmit};
use crate::time::Instant;

impl<const N: usize, const K: usize, const S: usize> Member<N, K, S> {
    /// Writes the next message to be sent at the start of `out`, for which 44 octets always suffice; `None` if there is none.
    ///
    /// # Errors
    ///
    /// - [`BufferTooSmall`]: the message waits.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Result<Option<Transmit>, BufferTooSmall> {
        if let Some(&Answer { to, epoch, incarnation, reply }) = self.answers.front() {
            let body = match reply {
                Reply::Acknowledge(what) => Body::Acknowledge(what),
                Reply::Refuse(reason) => Body::Refuse(reason),
                Reply::Reject(reason) => Body::Reject(reason),
            };
            let len = Message { header: self.header(epoch, incarnation), body }.emit(out)?;
            self.answers.pop_front();
            return Ok(Some(Transmit { to, len }));
        }
        let header = self.header(Epoch::NONE, self.incarnation);
        let policy = self.config.retry;
        let body = match self.state {
            MemberState::Joining => Body::Join { roles: self.roles },
            _ => Body::Leave,
        };
        let to = self.config.controller;
        if self.retry.is_due() {
            let len = Message { header, body }.emit(out)?;
            self.retry.sent(now, &policy, &mut self.jitter);
            return Ok(Some(Transmit { to, len }));
        }
        if self.query.is_due() {
            let len = Message { header, body: Body::Query }.emit(out)?;
            self.query.sent(now, &policy, &mut self.jitter);
            return Ok(Some(Transmit { to, len }));
        }
        Ok(None)
    }

    const fn header(&self, epoch: Epoch, incarnation: Incarnation) -> Header {
        Header { group: self.config.group, version: self.version, epoch, incarnation }
    }
}
