//! What a controller sends.

use super::{Controller, Peer, Reply, Standing};
use crate::group::membership::message::{self, Acknowledged, Body, BufferTooSmall, Change, Header, Message};
use crate::group::membership::{Epoch, Incarnation, Transmit, Version};
use crate::time::Instant;

impl<const N: usize> Controller<N> {
    /// Writes the next message to be sent at the start of `out`, whose
    /// [`MAX_LIST_MESSAGE_LEN`](message::MAX_LIST_MESSAGE_LEN) octets always suffice; `None` if there is none.
    ///
    /// # Errors
    ///
    /// - [`BufferTooSmall`]: the message waits.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Result<Option<Transmit>, BufferTooSmall> {
        if let Some(&(to, incarnation, reply)) = self.replies.front() {
            let len = self.emit_reply(incarnation, reply, out)?;
            self.replies.pop_front();
            return Ok(Some(Transmit { to, len }));
        }
        let Some(peer) = self.peers.iter().find(|peer| peer.retry.is_due()).copied() else { return Ok(None) };
        let len = self.emit_due(&peer, out)?;
        let policy = self.config.retry;
        if let Some(peer) = self.peers.find_mut(peer.address) {
            peer.retry.sent(now, &policy, &mut self.jitter);
        }
        Ok(Some(Transmit { to: peer.address, len }))
    }

    fn header(&self, incarnation: Incarnation) -> Header {
        Header { group: self.config.group, version: self.version, epoch: Epoch::NONE, incarnation }
    }

    fn emit_reply(&self, incarnation: Incarnation, reply: Reply, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let header = self.header(incarnation);
        let body = match reply {
            Reply::Refuse(reason) => Body::Refuse(reason),
            Reply::Left => Body::Acknowledge(Acknowledged::Leave),
            Reply::Answer => return message::emit_list(&header, None, self.members().map(Change::joined), out),
        };
        Message { header, body }.emit(out)
    }

    fn emit_due(&self, peer: &Peer, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let header = self.header(peer.incarnation);
        let body = match peer.standing {
            Standing::Invited => Body::Invite,
            Standing::Expelled(reason) => Body::Expelled(reason),
            Standing::Member { roles, confirmed: false, .. } => Body::Accept { roles },
            Standing::Member { told, .. } => return self.emit_update(&header, told, out),
        };
        Message { header, body }.emit(out)
    }

    /// The changes since `told`, or the whole list if it is shorter or the changes are not known any more.
    fn emit_update(&self, header: &Header, told: Version, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        if told > Version::NONE
            && let Some(changes) = self.since(told)
            && changes.clone().count() <= self.members().count()
        {
            return message::emit_list(header, Some(told), changes.map(|(_, change)| change), out);
        }
        message::emit_list(header, Some(Version::NONE), self.members().map(Change::joined), out)
    }
}
