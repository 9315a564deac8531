//! The header and the entries of a message.

use super::key::Suite;
use crate::crypto::{AEAD_IV_LEN, AEAD_TAG_LEN};
use crate::group::cursor::{Reader, Writer};

/// Octets of the header.
pub const HEADER_LEN: usize = 12;
/// Octets of an entry before the wrapped key: child and version.
pub(super) const ENTRY_HEADER_LEN: usize = 5;

const MAGIC: [u8; 4] = [b'X', b'L', b'K', 1];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) epoch: u32,
    /// How deep the leaves are: 1 to 7.
    pub(super) depth: u8,
    pub(super) entries: u8,
    pub(super) payload_len: u16,
}

impl Header {
    pub(super) fn to_octets(self) -> [u8; HEADER_LEN] {
        let mut octets = [0; HEADER_LEN];
        let mut writer = Writer::new(&mut octets);
        // It fits: the lengths below add up to that of the header, which a test holds.
        let _ = writer.put(&MAGIC);
        let _ = writer.put(&self.epoch.to_be_bytes());
        let _ = writer.put(&[self.depth, self.entries]);
        let _ = writer.put(&self.payload_len.to_be_bytes());
        octets
    }

    pub(super) fn parse(octets: &[u8; HEADER_LEN]) -> Option<Self> {
        let mut reader = Reader::new(octets);
        if reader.array() != Some(MAGIC) {
            return None;
        }
        let epoch = reader.u32()?;
        Some(Self { epoch, depth: reader.u8()?, entries: reader.u8()?, payload_len: reader.u16()? })
    }

    /// The nonce of everything in the message: each key there is used once in it.
    pub(super) fn iv(self) -> [u8; AEAD_IV_LEN] {
        u64::from(self.epoch).to_be_bytes()
    }
}

/// What is authenticated with a wrapped key: the header, then child and version.
pub(super) fn entry_data(header: &[u8; HEADER_LEN], child: u8, version: u32) -> [u8; HEADER_LEN + ENTRY_HEADER_LEN] {
    let mut data = [0; HEADER_LEN + ENTRY_HEADER_LEN];
    let fields = header.iter().copied().chain([child]).chain(version.to_be_bytes());
    for (to, from) in data.iter_mut().zip(fields) {
        *to = from;
    }
    data
}

pub(super) const fn entry_len(suite: Suite) -> usize {
    ENTRY_HEADER_LEN.saturating_add(suite.key_len).saturating_add(AEAD_TAG_LEN)
}

/// Octets of a message.
pub(super) const fn message_len(suite: Suite, entries: usize, payload_len: usize) -> usize {
    HEADER_LEN
        .saturating_add(entries.saturating_mul(entry_len(suite)))
        .saturating_add(payload_len)
        .saturating_add(AEAD_TAG_LEN)
}
