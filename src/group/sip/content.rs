//! What a body says, in the clear.

use core::num::NonZeroU16;

use super::OpenError;
use crate::group::cursor::{Reader, Writer};

/// What the host offers a member.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "the body has these four fields")]
pub struct Offer<'a> {
    /// The group's name, as host and members know it: at most 65535 octets, and so are the next two.
    pub group: &'a [u8],
    /// Which of the group's associations, one after the other.
    pub epoch: u32,
    /// What describes them. Not looked at here.
    pub sa: &'a [u8],
    /// Their keys. Not looked at here. Secret.
    pub kd: &'a [u8],
}

impl core::fmt::Debug for Offer<'_> {
    /// It holds keys.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Offer").field("group", &self.group).field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

/// Why a member rejects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// 1: against the member's policy.
    Policy,
    /// 2: an algorithm or mode that it does not have.
    Unsupported,
    /// 3: the SPI is in use by another association that it cannot stand beside.
    SpiInUse,
    /// 4: not a group that it wants to be in.
    UnknownGroup,
    /// 5: not newer than what it has.
    StaleEpoch,
    /// 6: SA or KD cannot be read.
    Malformed,
    /// Any other number. 0 accepts.
    Other(NonZeroU16),
}

impl Reason {
    /// `None` for 0, which accepts.
    #[must_use]
    pub fn new(number: u16) -> Option<Self> {
        Some(match number {
            1 => Self::Policy,
            2 => Self::Unsupported,
            3 => Self::SpiInUse,
            4 => Self::UnknownGroup,
            5 => Self::StaleEpoch,
            6 => Self::Malformed,
            other => Self::Other(NonZeroU16::new(other)?),
        })
    }

    /// The number that is sent.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Policy => 1,
            Self::Unsupported => 2,
            Self::SpiInUse => 3,
            Self::UnknownGroup => 4,
            Self::StaleEpoch => 5,
            Self::Malformed => 6,
            Self::Other(other) => other.get(),
        }
    }
}

/// What a member says to an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "the body has these three fields")]
pub struct Answer {
    /// The counter of the offer's body.
    pub offer: u64,
    /// The offer's epoch.
    pub epoch: u32,
    /// Why it is rejected; `None` accepts.
    pub rejection: Option<Reason>,
}

impl Answer {
    /// The status code of the response that carries it: 200, or 488 Not Acceptable Here (RFC 3261 §21.4.26).
    #[must_use]
    pub const fn status_code(&self) -> u16 {
        if self.rejection.is_none() { 200 } else { 488 }
    }
}

/// A kind of body.
pub(super) trait Content<'a>: Sized {
    /// In the body's header.
    const KIND: u8;

    fn encoded_len(&self) -> usize;
    fn emit(&self, writer: &mut Writer<'_>) -> Option<()>;
    fn parse(octets: &'a [u8]) -> Result<Self, OpenError>;
}

impl<'a> Content<'a> for Offer<'a> {
    const KIND: u8 = 1;

    fn encoded_len(&self) -> usize {
        [self.group, self.sa, self.kd].iter().fold(10, |len, field| len.saturating_add(field.len()))
    }

    fn emit(&self, writer: &mut Writer<'_>) -> Option<()> {
        writer.put(&self.epoch.to_be_bytes())?;
        [self.group, self.sa, self.kd].iter().try_for_each(|field| {
            writer.put_len(field.len())?;
            writer.put(field)
        })
    }

    fn parse(octets: &'a [u8]) -> Result<Self, OpenError> {
        fn field<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
            let len = reader.u16()?;
            reader.take(len.into())
        }
        let mut reader = Reader::new(octets);
        let mut parse = || {
            let epoch = reader.u32()?;
            let (group, sa, kd) = (field(&mut reader)?, field(&mut reader)?, field(&mut reader)?);
            reader.rest().is_empty().then_some(Self { group, epoch, sa, kd })
        };
        parse().ok_or(OpenError::Content)
    }
}

impl<'a> Content<'a> for Answer {
    const KIND: u8 = 2;

    fn encoded_len(&self) -> usize {
        16
    }

    fn emit(&self, writer: &mut Writer<'_>) -> Option<()> {
        writer.put(&self.offer.to_be_bytes())?;
        writer.put(&self.epoch.to_be_bytes())?;
        writer.put(&self.rejection.map_or(0, Reason::number).to_be_bytes())?;
        writer.put(&[0, 0])
    }

    fn parse(octets: &'a [u8]) -> Result<Self, OpenError> {
        let mut reader = Reader::new(octets);
        let mut parse = || {
            let offer = u64::from_be_bytes(reader.array()?);
            let epoch = reader.u32()?;
            let rejection = Reason::new(reader.u16()?);
            let sound = reader.u16()? == 0 && reader.rest().is_empty();
            sound.then_some(Self { offer, epoch, rejection })
        };
        parse().ok_or(OpenError::Content)
    }
}
