//! A controller that survives restarts.

use super::peers::{Peer, Standing};
use super::{Controller, ControllerConfig};
use crate::crypto::CryptoProvider;
use crate::group::membership::message::Change;
use crate::group::membership::policy::anonymity::Contradiction;
use crate::group::membership::retry::Retry;
use crate::group::membership::saved::{Kind, SaveError, Saved, SavedError, take_member};
use crate::group::membership::{Boot, MAX_MEMBERS, Version};

impl<const N: usize> Controller<N> {
    /// Writes the membership at the start of `out`; [`SAVED_OVERHEAD`](crate::group::membership::SAVED_OVERHEAD) octets, 9 and
    /// 26 for each member always suffice. Invitations, and who is still to be told that it was expelled, are not kept.
    ///
    /// # Errors
    ///
    /// - Every [`SaveError`]. It then still [needs to be saved](Self::needs_save).
    pub fn save<P: CryptoProvider>(&mut self, saved: Saved<'_, P>, out: &mut [u8]) -> Result<usize, SaveError> {
        let len = saved.write(Kind::Controller, self.config.group, &self.numbers, out, |writer| {
            writer.u64(self.version.value());
            // At most 127.
            writer.u8(u8::try_from(self.members().count()).unwrap_or(u8::MAX));
            for peer in self.peers.iter() {
                if let (Some(entry), Standing::Member { confirmed, .. }) = (peer.entry(), peer.standing) {
                    writer.flag(confirmed);
                    Change::joined(entry).emit(writer);
                }
            }
        })?;
        self.unsaved = false;
        Ok(len)
    }

    /// A controller with the membership that was saved. Every sender is told it anew.
    ///
    /// # Errors
    ///
    /// - Every [`SavedError`]; [`SavedError::Content`] also if `config` contradicts itself, which [`new`](Self::new) tells
    ///   more precisely.
    pub fn restore<P: CryptoProvider>(
        config: ControllerConfig,
        boot: Boot,
        seed: u64,
        saved: Saved<'_, P>,
        octets: &[u8],
    ) -> Result<Self, SavedError> {
        let mut state = saved.read(Kind::Controller, config.group, boot, octets)?;
        let mut controller = Self::new(config, boot, seed).map_err(|_: Contradiction| SavedError::Content)?;
        controller.version = Version::new(state.u64().ok_or(SavedError::Content)?);
        controller.journal_base = controller.version;
        let count = usize::from(state.u8().ok_or(SavedError::Content)?);
        if count > N.min(MAX_MEMBERS) {
            return Err(SavedError::NoRoom);
        }
        // Whoever comes in makes a version, and the next one is higher.
        let none_made = count > 0 && controller.version == Version::NONE;
        if none_made || !controller.numbers.is_past(controller.version.value()) {
            return Err(SavedError::Content);
        }
        for _ in 0..count {
            let confirmed = state.flag().ok_or(SavedError::Content)?;
            let entry = take_member(&mut state)?;
            if controller.member(entry.address).is_some() {
                return Err(SavedError::Content);
            }
            let standing = Standing::Member { roles: entry.roles, confirmed, told: Version::NONE };
            let mut peer = Peer::new(entry.address, entry.incarnation, standing);
            if confirmed && !peer.is_behind(controller.version) {
                peer.retry = Retry::Idle;
            }
            controller.peers.set(peer);
        }
        if state.rest().is_empty() { Ok(controller) } else { Err(SavedError::Content) }
    }
}
