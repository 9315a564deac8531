//! The generic payload header (RFC 2408 §3.2).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ! Next Payload  !   RESERVED    !         Payload Length        !
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use super::error::GdoiError;
use super::octets::{Reader, Writer};

/// Octets in front of Payload Length.
const BEFORE_LENGTH: usize = 2;

/// Next Payload and what follows the header.
pub(super) fn read_payload<'a>(reader: &mut Reader<'a>) -> Result<(u8, Reader<'a>), GdoiError> {
    let next = reader.u8()?;
    reader.reserved(Reader::u8)?;
    Ok((next, reader.counted(BEFORE_LENGTH)?))
}

pub(super) fn put_payload(writer: &mut Writer<'_>, next: u8, body: impl FnOnce(&mut Writer<'_>)) {
    writer.u8(next);
    writer.u8(0);
    writer.counted(BEFORE_LENGTH, body);
}
