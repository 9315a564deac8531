//! The controller's side.

use rand_core::TryCryptoRng;
use zeroize::Zeroize;

use super::error::ControllerError;
use super::key::{NodeKey, Suite};
use super::member::Seat;
use super::message::{Header, entry_data, entry_len, message_len};
use crate::crypto::CryptoProvider;
use crate::group::cursor::Writer;

/// The whole tree, with room for `LEAVES` members: 2, 4, 8, 16, 32, 64 or 128.
///
/// Nodes are numbered from the root, 1; below node n are 2n and 2n + 1, and the leaves are the last.
pub struct Controller<const LEAVES: usize> {
    suite: Suite,
    epoch: u32,
    leaves: [Option<NodeKey>; LEAVES],
    /// By number; the first is not used.
    inner: [Option<NodeKey>; LEAVES],
    /// The nodes, by number, whose keys must change.
    dirty: u128,
}

impl<const LEAVES: usize> core::fmt::Debug for Controller<LEAVES> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Controller").field("epoch", &self.epoch).field("members", &self.len()).finish_non_exhaustive()
    }
}

impl<const LEAVES: usize> Controller<LEAVES> {
    const SIZE: () = assert!(LEAVES.is_power_of_two() && LEAVES >= 2 && LEAVES <= 128, "2, 4, 8, 16, 32, 64 or 128");

    /// A tree without members.
    #[must_use]
    pub fn new(suite: Suite) -> Self {
        let () = Self::SIZE;
        Self { suite, epoch: 0, leaves: [const { None }; LEAVES], inner: [const { None }; LEAVES], dirty: 0 }
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.leaves.iter().flatten().count()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The epoch of the last message, 0 before the first.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Whether members came or went since the last message: until the next, who has left can still read.
    #[must_use]
    pub const fn is_pending(&self) -> bool {
        self.dirty != 0
    }

    /// Puts a member on a free leaf. `key` is what it shares with the controller alone (RFC 2627 §5.4), for this tree alone. The
    /// seat is to be told to the member, under that key or another; the next message gives it everything else.
    ///
    /// # Errors
    ///
    /// - [`ControllerError::Full`], [`ControllerError::KeyLength`].
    pub fn join(&mut self, key: &[u8]) -> Result<Seat, ControllerError> {
        if key.len() != self.suite.key_len {
            return Err(ControllerError::KeyLength);
        }
        let version = self.epoch;
        let free = self.leaves.iter_mut().enumerate().find(|(_, leaf)| leaf.is_none());
        let (index, place) = free.ok_or(ControllerError::Full)?;
        *place = Some(NodeKey::new(key, version).ok_or(ControllerError::KeyLength)?);
        let leaf = u8::try_from(index).map_err(|_| ControllerError::Full)?;
        self.mark(index);
        Ok(Seat { leaf, version, depth: Self::depth() })
    }

    /// Removes the member on leaf `leaf`. With the next message it is out, and not before. Several may go, and come, before one
    /// message (RFC 2627 §5.4.2.5).
    ///
    /// # Errors
    ///
    /// - [`ControllerError::NoMember`].
    pub fn leave(&mut self, leaf: u8) -> Result<(), ControllerError> {
        let index = usize::from(leaf);
        let place = self.leaves.get_mut(index).filter(|leaf| leaf.is_some()).ok_or(ControllerError::NoMember)?;
        // Dropped where it lies: taken out of there, its octets would stay.
        *place = None;
        self.mark(index);
        Ok(())
    }

    /// Octets that the next message will have.
    #[must_use]
    pub fn message_len(&self, payload_len: usize) -> usize {
        message_len(self.suite, self.wraps(self.to_change()).count(), payload_len)
    }

    /// Changes the keys of every node above a leaf that was taken or left (RFC 2627 §5.4.1), or, if there is none, of the root
    /// alone, and writes the message that tells them to the members: each new key wrapped under the keys of the node's two
    /// children, from the bottom up, and `payload` sealed under the new key of the root. Returns its length.
    ///
    /// # Errors
    ///
    /// - [`ControllerError::Empty`], [`ControllerError::TooLong`], [`ControllerError::EpochsExhausted`]: nothing has changed.
    /// - [`ControllerError::Random`], [`ControllerError::Key`], [`ControllerError::Crypto`]: the epoch is used up, the changes
    ///   are still to be made, and what is in `buffer` is not to be sent.
    pub fn rekey<P, G>(
        &mut self,
        crypto: &mut P,
        rng: &mut G,
        payload: &[u8],
        buffer: &mut [u8],
    ) -> Result<usize, ControllerError>
    where
        P: CryptoProvider,
        G: TryCryptoRng + ?Sized,
    {
        if self.is_empty() {
            return Err(ControllerError::Empty);
        }
        let payload_len = u16::try_from(payload.len()).map_err(|_| ControllerError::TooLong)?;
        let changing = self.to_change();
        let entries = self.wraps(changing).count();
        let len = message_len(self.suite, entries, payload.len());
        let message = buffer.get_mut(..len).ok_or(ControllerError::TooLong)?;
        // The epoch is the nonce: it is used up, whatever comes.
        self.epoch = self.epoch.checked_add(1).ok_or(ControllerError::EpochsExhausted)?;
        self.dirty = changing;
        self.renew(rng)?;
        let entries = u8::try_from(entries).map_err(|_| ControllerError::TooLong)?;
        let header = Header { epoch: self.epoch, depth: Self::depth(), entries, payload_len };
        let written = self.write(crypto, header, payload, message);
        if written.is_err() {
            message.zeroize();
        }
        written?;
        self.dirty = 0;
        Ok(len)
    }

    const fn depth() -> u8 {
        // At most 7.
        LEAVES.trailing_zeros() as u8
    }

    /// All nodes above a leaf must change.
    fn mark(&mut self, leaf: usize) {
        let mut node = LEAVES.saturating_add(leaf) >> 1;
        while node > 0 {
            self.dirty |= bit(node);
            node >>= 1;
        }
    }

    fn to_change(&self) -> u128 {
        if self.dirty == 0 { bit(1) } else { self.dirty }
    }

    fn key(&self, node: usize) -> Option<&NodeKey> {
        match node.checked_sub(LEAVES) {
            Some(leaf) => self.leaves.get(leaf)?.as_ref(),
            None => self.inner.get(node)?.as_ref(),
        }
    }

    /// Whether there is a member at or below a node.
    fn is_occupied(&self, node: usize) -> bool {
        // The leaves below are next to each other.
        let (mut first, mut last) = (node, node);
        while first < LEAVES {
            first = first.saturating_mul(2);
            last = last.saturating_mul(2).saturating_add(1);
        }
        let range = first.saturating_sub(LEAVES)..=last.saturating_sub(LEAVES);
        self.leaves.get(range).is_some_and(|leaves| leaves.iter().any(Option::is_some))
    }

    /// The children under whose keys new keys are wrapped, from the bottom up.
    fn wraps(&self, changing: u128) -> impl Iterator<Item = usize> + '_ {
        let children = (2..LEAVES.saturating_mul(2)).rev();
        children.filter(move |child| changing & bit(child >> 1) != 0 && self.is_occupied(*child))
    }

    /// Gives each node that changes a new key, or none if nobody is below it.
    fn renew<G: TryCryptoRng + ?Sized>(&mut self, rng: &mut G) -> Result<(), ControllerError> {
        for node in 1..LEAVES {
            if self.dirty & bit(node) == 0 {
                continue;
            }
            let mut key = self.is_occupied(node).then(|| NodeKey::blank(self.epoch));
            if let Some(key) = &mut key {
                rng.try_fill_bytes(key.octets_mut(self.suite)).map_err(|_| ControllerError::Random)?;
            }
            if let Some(place) = self.inner.get_mut(node) {
                *place = key;
            }
        }
        Ok(())
    }

    fn write<P: CryptoProvider>(
        &self,
        crypto: &mut P,
        header: Header,
        payload: &[u8],
        message: &mut [u8],
    ) -> Result<(), ControllerError> {
        let head = header.to_octets();
        let (place, mut rest) = message.split_at_mut_checked(head.len()).ok_or(ControllerError::TooLong)?;
        place.copy_from_slice(&head);
        for child in self.wraps(self.dirty) {
            let (wrapping, wrapped) = self.key(child).zip(self.key(child >> 1)).ok_or(ControllerError::Empty)?;
            let (entry, behind) = rest.split_at_mut_checked(entry_len(self.suite)).ok_or(ControllerError::TooLong)?;
            rest = behind;
            let child = u8::try_from(child).map_err(|_| ControllerError::TooLong)?;
            let data = entry_data(&head, child, wrapping.version);
            let mut writer = Writer::new(entry);
            let written = data.get(head.len()..).and_then(|fields| writer.put(fields));
            written.and_then(|()| writer.put(wrapped.octets(self.suite))).ok_or(ControllerError::TooLong)?;
            self.seal(crypto, wrapping, header, &data, entry, super::message::ENTRY_HEADER_LEN)?;
        }
        let (data, _) = rest.split_at_mut_checked(payload.len()).ok_or(ControllerError::TooLong)?;
        data.copy_from_slice(payload);
        let root = self.key(1).ok_or(ControllerError::Empty)?;
        self.seal(crypto, root, header, &head, rest, 0)
    }

    /// Encrypts all from `start` to the tag, which is the last of `octets`.
    fn seal<P: CryptoProvider>(
        &self,
        crypto: &mut P,
        key: &NodeKey,
        header: Header,
        associated: &[u8],
        octets: &mut [u8],
        start: usize,
    ) -> Result<(), ControllerError> {
        let key = crypto.aead_key(self.suite.algorithm, key.octets(self.suite)).map_err(ControllerError::Key)?;
        let (data, tag) = octets.split_last_chunk_mut().ok_or(ControllerError::TooLong)?;
        let data = data.get_mut(start..).ok_or(ControllerError::TooLong)?;
        *tag = crypto.aead_seal(&key, &header.iv(), associated, data).map_err(ControllerError::Crypto)?;
        Ok(())
    }
}

/// The bit of an inner node; nodes are below 128.
fn bit(node: usize) -> u128 {
    u32::try_from(node).ok().and_then(|node| 1_u128.checked_shl(node)).unwrap_or(0)
}
