//! A member's side.

use super::error::{ApplyError, ControllerError};
use super::key::{NodeKey, Suite};
use super::message::{ENTRY_HEADER_LEN, HEADER_LEN, Header, entry_data, entry_len, message_len};
use crate::crypto::{AEAD_TAG_LEN, CryptoProvider};
use crate::group::cursor::Reader;

/// The deepest leaf: of 128.
const MAX_DEPTH: usize = 7;

/// Where a member is, for the controller to tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "it is told to the member in the host's own way")]
pub struct Seat {
    /// The leaf, counted from 0.
    pub leaf: u8,
    /// The version of the leaf's key.
    pub version: u32,
    /// How deep the leaves are: the tree has room for 2^depth members.
    pub depth: u8,
}

/// What a message brought.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied<'m> {
    /// Its epoch.
    pub epoch: u32,
    /// What the controller sealed under the new key of the root: the group's new association. Secret.
    pub payload: &'m [u8],
}

impl core::fmt::Debug for Applied<'_> {
    /// It holds keys.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Applied").field("epoch", &self.epoch).field("len", &self.payload.len()).finish_non_exhaustive()
    }
}

/// A member: the keys from its leaf to the root, and no other (RFC 2627 §5.4).
pub struct Member {
    suite: Suite,
    /// The number of its leaf's node.
    leaf: u8,
    pub(super) depth: u8,
    epoch: u32,
    /// From the leaf up.
    pub(super) path: Path,
}

pub(super) type Path = [Option<NodeKey>; MAX_DEPTH + 1];

/// A constant, so that what was on the stack before does not get into the places without a key.
const EMPTY: Path = [const { None }; MAX_DEPTH + 1];

impl core::fmt::Debug for Member {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Member").field("leaf", &self.leaf).field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

impl Member {
    /// Takes a seat with the key that was given to [`join`](super::Controller::join). It knows no other key yet.
    ///
    /// # Errors
    ///
    /// - [`ControllerError::KeyLength`].
    /// - [`ControllerError::NoMember`] if there is no such seat in any tree.
    pub fn new(suite: Suite, seat: Seat, key: &[u8]) -> Result<Self, ControllerError> {
        if key.len() != suite.key_len() {
            return Err(ControllerError::KeyLength);
        }
        let leaves = 1_u8.checked_shl(seat.depth.into()).filter(|_| (1..=7).contains(&seat.depth));
        let leaves = leaves.filter(|leaves| seat.leaf < *leaves).ok_or(ControllerError::NoMember)?;
        let key = NodeKey::new(key, seat.version).ok_or(ControllerError::KeyLength)?;
        let mut path = EMPTY;
        path[0] = Some(key);
        Ok(Self { suite, leaf: leaves | seat.leaf, depth: seat.depth, epoch: seat.version, path })
    }

    /// The epoch of the last message taken.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Takes a message of the controller, decrypting in place.
    ///
    /// # Errors
    ///
    /// - [`ApplyError`]. Nothing has changed then but the message's octets.
    pub fn apply<'m, P: CryptoProvider>(
        &mut self,
        crypto: &mut P,
        message: &'m mut [u8],
    ) -> Result<Applied<'m>, ApplyError> {
        let len = message.len();
        let (head, rest) = message.split_first_chunk_mut::<HEADER_LEN>().ok_or(ApplyError::Length)?;
        let head = &*head;
        let header = Header::parse(head).filter(|header| header.depth == self.depth).ok_or(ApplyError::Header)?;
        if len != message_len(self.suite, header.entries.into(), header.payload_len.into()) {
            return Err(ApplyError::Length);
        }
        if header.epoch <= self.epoch {
            return Err(ApplyError::Stale);
        }
        let entries_len = usize::from(header.entries).saturating_mul(entry_len(self.suite));
        let (entries, sealed) = rest.split_at_mut_checked(entries_len).ok_or(ApplyError::Length)?;
        // Taken over only if all of it is sound.
        let mut path = EMPTY;
        for (to, from) in path.iter_mut().zip(&self.path) {
            if let Some(key) = from {
                *to = Some(key.clone());
            }
        }
        self.unwrap(crypto, head, header, entries, &mut path)?;

        let root = path.get(usize::from(self.depth)).and_then(Option::as_ref).ok_or(ApplyError::Excluded)?;
        let key = crypto.aead_key(self.suite.algorithm, root.octets(self.suite)).map_err(ApplyError::Key)?;
        let (payload, tag) = sealed.split_last_chunk_mut::<AEAD_TAG_LEN>().ok_or(ApplyError::Length)?;
        crypto.aead_open(&key, &header.iv(), head, payload, tag)?;
        // The old keys, which are dropped next, are wiped where the new ones were.
        core::mem::swap(&mut self.path, &mut path);
        self.epoch = header.epoch;
        Ok(Applied { epoch: header.epoch, payload })
    }

    /// Takes the new keys of the path out of the entries.
    fn unwrap<P: CryptoProvider>(
        &self,
        crypto: &mut P,
        head: &[u8; HEADER_LEN],
        header: Header,
        entries: &mut [u8],
        path: &mut Path,
    ) -> Result<(), ApplyError> {
        let mut missed = false;
        for entry in entries.chunks_exact_mut(entry_len(self.suite)) {
            let mut reader = Reader::new(entry);
            let (child, version) = reader.u8().zip(reader.u32()).ok_or(ApplyError::Length)?;
            let Some(level) = self.level(child) else { continue };
            let (lower, upper) = path.split_at_mut_checked(level.saturating_add(1)).ok_or(ApplyError::Malformed)?;
            let Some(wrapping) = lower.last().and_then(Option::as_ref).filter(|key| key.version == version) else {
                // A key that this very message brings, and not to us, was not missed.
                missed |= version != header.epoch;
                continue;
            };
            let place = upper.first_mut().ok_or(ApplyError::Malformed)?;
            if place.as_ref().is_some_and(|key| key.version == header.epoch) {
                return Err(ApplyError::Malformed);
            }
            let key = crypto.aead_key(self.suite.algorithm, wrapping.octets(self.suite)).map_err(ApplyError::Key)?;
            let (data, tag) = entry.split_last_chunk_mut::<AEAD_TAG_LEN>().ok_or(ApplyError::Length)?;
            let wrapped = data.get_mut(ENTRY_HEADER_LEN..).ok_or(ApplyError::Length)?;
            crypto.aead_open(&key, &header.iv(), &entry_data(head, child, version), wrapped, tag)?;
            *place = NodeKey::new(wrapped, header.epoch);
            // The caller's buffer is no place for a key.
            zeroize::Zeroize::zeroize(wrapped);
        }
        let root = path.get(usize::from(self.depth)).and_then(Option::as_ref);
        match root {
            Some(root) if root.version == header.epoch => Ok(()),
            _ if missed => Err(ApplyError::Missed),
            _ => Err(ApplyError::Excluded),
        }
    }

    /// How far above its leaf a node of its path is, the root excluded, which is nobody's child.
    fn level(&self, node: u8) -> Option<usize> {
        let levels = 0..self.depth;
        let level = levels.into_iter().find(|level| self.leaf.checked_shr(u32::from(*level)) == Some(node))?;
        Some(level.into())
    }
}
