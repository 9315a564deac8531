//! State as octets, to be kept by the host and restored after a restart.
//!
//! ```text
//!  0                   1                   2                   3
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |      'X'      |      'S'      |  Version = 1  |     Kind      |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                    Length of the state                        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                 Number of the save (64 bits)                  |
//! |                     Group (64 bits)                           |
//! |                   Start of the host                           |
//! |                      State ...                                |
//! |                       MAC ...                                 |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! Kind is 1 for a controller, 2 for a key server, 3 for a member; the MAC covers all in front of it.

use super::association::Octets;
use super::message::{Change, ChangeKind, Entry};
use super::numbers::Numbers;
use super::octets::{Reader, Writer};
use super::{Boot, Epoch, GroupId};
use crate::crypto::{CryptoProvider, MAX_ICV_LEN};

const MAGIC: [u8; 2] = *b"XS";
const FORMAT: u8 = 1;
const HEADER_LEN: usize = 28;

/// Octets around the state itself: header and the longest MAC.
pub const SAVED_OVERHEAD: usize = HEADER_LEN + MAX_ICV_LEN;

/// With what a state is saved, or restored.
///
/// # Security
///
/// The key is the host's own, used for nothing else. What is saved holds the keys of associations in the clear: keep it as
/// secret as those, or encrypt it. The MAC tells whether it was changed, and `number` whether it is the newest: keep the number
/// of the last save apart from the octets, where whoever can put old octets back cannot lower it.
#[allow(clippy::exhaustive_structs, reason = "built field by field by callers")]
pub struct Saved<'a, P: CryptoProvider> {
    /// Computes the MAC.
    pub crypto: &'a mut P,
    /// Its key.
    pub key: &'a P::IntegrityKey,
    /// When saving the number of this save, higher each time; when restoring that of the last one.
    pub number: u64,
}

impl<P: CryptoProvider> core::fmt::Debug for Saved<'_, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Saved").field("number", &self.number).finish_non_exhaustive()
    }
}

/// Why a state was not saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SaveError {
    /// The buffer has fewer octets than are needed.
    BufferTooSmall {
        /// Octets needed.
        needed: usize,
    },
    /// The crypto provider failed.
    Provider,
}

impl core::fmt::Display for SaveError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::BufferTooSmall { needed } => write!(f, "{needed} octets needed"),
            Self::Provider => f.write_str("the crypto provider failed"),
        }
    }
}

impl core::error::Error for SaveError {}

/// Why a state was not restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SavedError {
    /// It is no saved state, or one of another machine.
    Format,
    /// A format this version does not know.
    UnsupportedVersion(u8),
    /// The MAC does not verify.
    Mac,
    /// It is not the newest one: it has another number.
    Stale {
        /// The number it has.
        number: u64,
    },
    /// It is of another group.
    OtherGroup,
    /// The host's count of starts is not higher than when it was saved.
    Boot,
    /// It does not fit: the machine that was saved had more room.
    NoRoom,
    /// What it says cannot be, although the MAC verifies.
    Content,
}

impl core::fmt::Display for SavedError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Format => f.write_str("not a saved state of this machine"),
            Self::UnsupportedVersion(version) => write!(f, "unknown format version {version}"),
            Self::Mac => f.write_str("saved state was changed, or saved with another key"),
            Self::Stale { number } => write!(f, "save {number} is not the newest"),
            Self::OtherGroup => f.write_str("saved state of another group"),
            Self::Boot => f.write_str("count of starts did not rise"),
            Self::NoRoom => f.write_str("saved state needs more room"),
            Self::Content => f.write_str("saved state contradicts itself"),
        }
    }
}

impl core::error::Error for SavedError {}

/// Which machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Controller = 1,
    KeyServer = 2,
    Member = 3,
}

impl<P: CryptoProvider> Saved<'_, P> {
    /// Writes what `state` writes.
    pub(super) fn write(
        self,
        kind: Kind,
        group: GroupId,
        numbers: &Numbers,
        out: &mut [u8],
        state: impl FnOnce(&mut Writer<'_>),
    ) -> Result<usize, SaveError> {
        let mut writer = Writer::new(out);
        writer.put(&MAGIC);
        writer.u8(FORMAT);
        writer.u8(kind as u8);
        writer.u32(0);
        writer.u64(self.number);
        writer.u64(group.value());
        writer.u32(numbers.boot());
        state(&mut writer);
        let end = writer.len();
        // No state is that long.
        let len = u32::try_from(end.saturating_sub(HEADER_LEN)).unwrap_or(u32::MAX);
        writer.patch(4, &len.to_be_bytes());
        let mac_len = MAX_ICV_LEN;
        let written =
            writer.finish().map_err(|needed| SaveError::BufferTooSmall { needed: needed.saturating_add(mac_len) })?;
        let mac = self.crypto.icv(self.key, [&*written]).map_err(|_| SaveError::Provider)?;
        let mac = mac.as_octets();
        let total = end.saturating_add(mac.len());
        match out.get_mut(end..).and_then(|rest| rest.get_mut(..mac.len())) {
            Some(place) => place.copy_from_slice(mac),
            None => {
                zeroize::Zeroize::zeroize(out);
                return Err(SaveError::BufferTooSmall { needed: total });
            }
        }
        Ok(total)
    }

    /// The state in `octets`, once all around it is in order.
    pub(super) fn read<'o>(
        self,
        kind: Kind,
        group: GroupId,
        boot: Boot,
        octets: &'o [u8],
    ) -> Result<Reader<'o>, SavedError> {
        let mut reader = Reader::new(octets);
        if reader.array().ok_or(SavedError::Format)? != MAGIC {
            return Err(SavedError::Format);
        }
        match reader.u8().ok_or(SavedError::Format)? {
            FORMAT => {}
            other => return Err(SavedError::UnsupportedVersion(other)),
        }
        let own_kind = reader.u8().ok_or(SavedError::Format)?;
        let len = usize::try_from(reader.u32().ok_or(SavedError::Format)?).map_err(|_| SavedError::Format)?;
        let end = HEADER_LEN.checked_add(len).ok_or(SavedError::Format)?;
        let (covered, mac) = octets.split_at_checked(end).ok_or(SavedError::Format)?;
        // Nothing is believed before.
        self.crypto.verify_icv(self.key, [covered], mac).map_err(|_| SavedError::Mac)?;
        if own_kind != kind as u8 {
            return Err(SavedError::Format);
        }
        let number = reader.u64().ok_or(SavedError::Format)?;
        if number != self.number {
            return Err(SavedError::Stale { number });
        }
        if reader.u64() != Some(group.value()) {
            return Err(SavedError::OtherGroup);
        }
        if reader.u32().ok_or(SavedError::Format)? >= boot.count() {
            return Err(SavedError::Boot);
        }
        reader.take(len).map(Reader::new).ok_or(SavedError::Format)
    }
}

/// One of a list of members.
pub(super) fn take_member(state: &mut Reader<'_>) -> Result<Entry, SavedError> {
    let change = Change::parse(state).filter(|change| change.kind == ChangeKind::Joined);
    change.map(|change| change.entry).ok_or(SavedError::Content)
}

/// The number of an epoch.
pub(super) fn take_epoch(state: &mut Reader<'_>) -> Result<Epoch, SavedError> {
    let epoch = state.u64().map(Epoch::new).filter(|epoch| ![Epoch::NONE, Epoch::ALL].contains(epoch));
    epoch.ok_or(SavedError::Content)
}

/// An association, its length in front of it.
pub(super) fn take_association<const S: usize>(state: &mut Reader<'_>) -> Result<Octets<S>, SavedError> {
    let len = state.u16().map(usize::from).filter(|len| *len > 0);
    let octets = len.and_then(|len| state.take(len)).ok_or(SavedError::Content)?;
    Octets::new(octets).ok_or(SavedError::NoRoom)
}
