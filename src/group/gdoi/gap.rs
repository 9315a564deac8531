//! Group Associated Policy.

use core::num::NonZeroU32;

use super::attribute::{Attribute, put_basic, put_variable, set_once};
use super::error::{GdoiEmitError, GdoiError, GdoiErrorKind};
use super::numbers::{gap_attribute as attribute, payload};
use super::octets::{Reader, Writer};
use super::payload::{put_payload, read_payload};

/// The Group Associated Policy payload (RFC 6407 §5.4).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
/// ! Next Payload  !   RESERVED    !        Payload Length         !
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
/// !               Group Associated Policy Attributes              ~
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
/// ```
///
/// [`emit`](super::emit()) and [`Download`](super::Download) write and read the one of a key server by themselves. On its
/// own it is how a member asks for sender identifiers (RFC 6407 §5.4.2):
///
/// ```
/// use xcast_sec::group::gdoi::Gap;
///
/// let request = Gap { sender_id_request: Some(2), ..Gap::default() };
/// let mut buffer = [0; 8];
/// assert_eq!(request.emit(&mut buffer)?, 8);
/// assert_eq!(buffer, [0, 0, 0, 8, 0x80, 3, 0, 2]);
/// assert_eq!(Gap::parse(&buffer)?, request);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "built field by field by callers")]
pub struct Gap {
    /// ACTIVATION_TIME_DELAY, in seconds (RFC 6407 §5.4.1).
    pub activation_delay: Option<u16>,
    /// DEACTIVATION_TIME_DELAY, in seconds (RFC 6407 §5.4.1).
    pub deactivation_delay: Option<u16>,
    /// SENDER_ID_REQUEST: how many sender identifiers a member asks for (RFC 6407 §5.4.2).
    pub sender_id_request: Option<u16>,
    /// Which of the group's successive keys the associations are; `None` for the first, number 0. Project-defined:
    /// attribute 128, variable, four octets.
    pub epoch: Option<NonZeroU32>,
}

impl Gap {
    /// Octets that [`emit`](Self::emit) writes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let mut count = Writer::new(&mut []);
        self.write(&mut count, payload::NONE);
        count.len()
    }

    /// Writes the payload at the start of `buffer`, with no payload after it, and returns its length.
    ///
    /// # Errors
    ///
    /// - [`GdoiEmitError::BufferTooSmall`]
    pub fn emit(&self, buffer: &mut [u8]) -> Result<usize, GdoiEmitError> {
        let needed = self.encoded_len();
        let buffer = buffer.get_mut(..needed).ok_or(GdoiEmitError::BufferTooSmall { needed })?;
        self.write(&mut Writer::new(buffer), payload::NONE);
        Ok(needed)
    }

    /// Reads a payload with no payload after it.
    ///
    /// # Errors
    ///
    /// What [`GdoiErrorKind`] says, with the octet. An attribute that is not known is an error (RFC 6407 §5.4).
    pub fn parse(octets: &[u8]) -> Result<Self, GdoiError> {
        let mut reader = Reader::new(octets);
        let next = reader.error(GdoiErrorKind::NextPayload(octets.first().copied().unwrap_or_default()));
        let (kind, body) = read_payload(&mut reader)?;
        if kind != payload::NONE {
            return Err(next);
        }
        if !reader.is_empty() {
            return Err(reader.error(GdoiErrorKind::TrailingOctets));
        }
        Self::read(body)
    }

    /// Reads the attributes.
    pub(super) fn read(mut body: Reader<'_>) -> Result<Self, GdoiError> {
        let mut gap = Self::default();
        while !body.is_empty() {
            let read = Attribute::read(&mut body)?;
            match read.kind {
                attribute::ACTIVATION_TIME_DELAY => set_once(&mut gap.activation_delay, read.basic()?, &read)?,
                attribute::DEACTIVATION_TIME_DELAY => set_once(&mut gap.deactivation_delay, read.basic()?, &read)?,
                attribute::SENDER_ID_REQUEST => set_once(&mut gap.sender_id_request, read.basic()?, &read)?,
                attribute::EPOCH => {
                    let epoch = read.variable()?.try_into().map(u32::from_be_bytes).ok().and_then(NonZeroU32::new);
                    set_once(&mut gap.epoch, epoch.ok_or(read.bad_value())?, &read)?;
                }
                kind => return Err(read.error(GdoiErrorKind::Attribute(kind))),
            }
        }
        Ok(gap)
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>, next: u8) {
        put_payload(writer, next, |writer| {
            for (kind, value) in [
                (attribute::ACTIVATION_TIME_DELAY, self.activation_delay),
                (attribute::DEACTIVATION_TIME_DELAY, self.deactivation_delay),
                (attribute::SENDER_ID_REQUEST, self.sender_id_request),
            ] {
                if let Some(value) = value {
                    put_basic(writer, kind, value);
                }
            }
            if let Some(epoch) = self.epoch {
                put_variable(writer, attribute::EPOCH, &epoch.get().to_be_bytes());
            }
        });
    }
}
