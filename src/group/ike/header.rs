//! The ISAKMP header (RFC 2408 §3.1).

use super::MessageError;
use crate::group::cursor::{Reader, Writer};

/// Octets of the header.
pub const HEADER_LEN: usize = 28;

/// Major 1, minor 0 (RFC 2408 §3.1).
const VERSION: u8 = 0x10;
/// The payloads are encrypted.
const ENCRYPTED: u8 = 0x01;

/// The two cookies that identify a phase 1 (RFC 2408 §2.5.3): who began it, who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "RFC 2408 has two cookies")]
pub struct Cookies {
    /// Of the phase 1's initiator.
    pub initiator: [u8; 8],
    /// Of the phase 1's responder.
    pub responder: [u8; 8],
}

/// The header of a phase 2 message, encrypted, as this module sends and takes it.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                  Initiator Cookie (8 octets)                  |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                  Responder Cookie (8 octets)                  |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | Next Payload  |MjVer=1|MnVer=0| Exchange Type |  Flags = 0x01 |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                          Message ID                           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                    Length, header included                    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub(super) cookies: Cookies,
    pub(super) next_payload: u8,
    pub(super) exchange_type: u8,
    pub(super) message_id: u32,
}

impl Header {
    /// Reads the header of a datagram and returns it with the encrypted rest.
    ///
    /// # Errors
    ///
    /// - [`MessageError::Length`] if the datagram is shorter than a header or does not have the length that it states.
    /// - [`MessageError::Version`], [`MessageError::Flags`]: the commit bit is of no use here, as in GDOI (RFC 6407 §3.2.1),
    ///   and nothing is sent in the clear.
    pub fn split(datagram: &mut [u8]) -> Result<(Self, &mut [u8]), MessageError> {
        let len = datagram.len();
        let (header, rest) = datagram.split_at_mut_checked(HEADER_LEN).ok_or(MessageError::Length)?;
        let (fields, version, flags, stated) = Self::fields(header).ok_or(MessageError::Length)?;
        if version != VERSION {
            return Err(MessageError::Version);
        }
        if flags != ENCRYPTED {
            return Err(MessageError::Flags);
        }
        if u32::try_from(len) != Ok(stated) {
            return Err(MessageError::Length);
        }
        Ok((fields, rest))
    }

    fn fields(octets: &[u8]) -> Option<(Self, u8, u8, u32)> {
        let mut reader = Reader::new(octets);
        let cookies = Cookies { initiator: reader.array()?, responder: reader.array()? };
        let (next_payload, version) = (reader.u8()?, reader.u8()?);
        let (exchange_type, flags) = (reader.u8()?, reader.u8()?);
        let (message_id, length) = (reader.u32()?, reader.u32()?);
        Some((Self { cookies, next_payload, exchange_type, message_id }, version, flags, length))
    }

    /// Writes the header of a message of `len` octets in all.
    pub(super) fn emit(&self, len: usize, writer: &mut Writer<'_>) -> Option<()> {
        writer.put(&self.cookies.initiator)?;
        writer.put(&self.cookies.responder)?;
        writer.put(&[self.next_payload, VERSION, self.exchange_type, ENCRYPTED])?;
        writer.put(&self.message_id.to_be_bytes())?;
        writer.put(&u32::try_from(len).ok()?.to_be_bytes())
    }

    /// The phase 1 it belongs to.
    #[must_use]
    pub const fn cookies(&self) -> Cookies {
        self.cookies
    }

    /// [`EXCHANGE_TYPE`](super::EXCHANGE_TYPE), [`INFORMATIONAL`](super::INFORMATIONAL) or one that is not of this module.
    #[must_use]
    pub const fn exchange_type(&self) -> u8 {
        self.exchange_type
    }

    /// The exchange it belongs to.
    #[must_use]
    pub const fn message_id(&self) -> u32 {
        self.message_id
    }
}
