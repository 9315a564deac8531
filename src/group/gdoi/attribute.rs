//! Data attributes (RFC 2408 §3.3).
//!
//! ```text
//!                      1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! !A!       Attribute Type        !    AF=0  Attribute Length     !
//! !F!                             !    AF=1  Attribute Value      !
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! .                   AF=0  Attribute Value                       .
//! .                   AF=1  Not Transmitted                       .
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use super::error::{GdoiError, GdoiErrorKind};
use super::octets::{Reader, Writer};

/// The Attribute Format bit: basic, as type and value.
const BASIC: u16 = 0x8000;

#[derive(Clone, Copy)]
enum Value<'a> {
    Basic(u16),
    Variable(&'a [u8]),
}

/// One attribute. It may hold a key, and has no `Debug` therefore.
#[derive(Clone, Copy)]
pub(super) struct Attribute<'a> {
    pub(super) kind: u16,
    value: Value<'a>,
    offset: usize,
}

impl<'a> Attribute<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, GdoiError> {
        let offset = reader.offset();
        let format_and_kind = reader.u16()?;
        let kind = format_and_kind & !BASIC;
        let value = if format_and_kind & BASIC != 0 {
            Value::Basic(reader.u16()?)
        } else {
            let wrong = reader.error(GdoiErrorKind::Length);
            let len = reader.u16()?;
            Value::Variable(reader.take(len.into()).map_err(|_| wrong)?)
        };
        Ok(Self { kind, value, offset })
    }

    /// An error about this attribute.
    pub(super) const fn error(&self, kind: GdoiErrorKind) -> GdoiError {
        GdoiError::new(kind, self.offset)
    }

    /// That it has a value it cannot have.
    pub(super) const fn bad_value(&self) -> GdoiError {
        self.error(GdoiErrorKind::AttributeValue(self.kind))
    }

    /// The value of a basic attribute, which MUST NOT be encoded as variable (RFC 2407 §4.5).
    pub(super) const fn basic(&self) -> Result<u16, GdoiError> {
        match self.value {
            Value::Basic(value) => Ok(value),
            Value::Variable(_) => Err(self.error(GdoiErrorKind::AttributeFormat(self.kind))),
        }
    }

    /// The octets of a variable attribute.
    pub(super) const fn variable(&self) -> Result<&'a [u8], GdoiError> {
        match self.value {
            Value::Variable(octets) => Ok(octets),
            Value::Basic(_) => Err(self.error(GdoiErrorKind::AttributeFormat(self.kind))),
        }
    }

    /// A number in a variable attribute, which MAY be encoded as basic if it fits there (RFC 2407 §4.5).
    pub(super) fn number(&self) -> Result<u64, GdoiError> {
        match self.value {
            Value::Basic(value) => Ok(value.into()),
            Value::Variable(octets) if (1..=8).contains(&octets.len()) => {
                Ok(octets.iter().fold(0, |number, &octet| (number << 8) | u64::from(octet)))
            }
            Value::Variable(_) => Err(self.bad_value()),
        }
    }
}

/// What attributes a payload has had, each at most once.
pub(super) fn set_once<T>(place: &mut Option<T>, value: T, attribute: &Attribute<'_>) -> Result<(), GdoiError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(attribute.error(GdoiErrorKind::DuplicateAttribute(attribute.kind))),
    }
}

pub(super) fn put_basic(writer: &mut Writer<'_>, kind: u16, value: u16) {
    writer.u16(kind | BASIC);
    writer.u16(value);
}

/// A variable attribute; what is written here has at most 64 octets.
pub(super) fn put_variable(writer: &mut Writer<'_>, kind: u16, value: &[u8]) {
    writer.u16(kind);
    writer.u16(u16::try_from(value.len()).unwrap_or(u16::MAX));
    writer.put(value);
}
