//! Reading: from payloads to associations.

use core::num::NonZeroU32;

use super::emit::write;
use super::error::{GdoiError, GdoiErrorKind};
use super::gap::Gap;
use super::kd::{KeyPacket, KeyPackets};
use super::numbers::{DOI, payload};
use super::octets::{Reader, Writer};
use super::payload::read_payload;
use super::sat::SaTek;
use super::{MAX_ASSOCIATIONS, Rollover};
use crate::group::GroupSa;
use crate::ipsec::SenderId;

/// Associations with their keys as they were received: an SA and a KD payload, all of which was checked.
///
/// Nothing is copied before [`iter`](Self::iter) makes an association of it. `Debug` shows no key.
#[derive(Clone, Copy)]
pub struct Download<'a> {
    octets: &'a [u8],
    gap: Gap,
    /// The SA TEK payloads.
    sats: Reader<'a>,
    keys: KeyPackets<'a>,
    len: usize,
    sender: Option<SenderId>,
}

impl<'a> Download<'a> {
    /// Reads an SA payload and the KD payload behind it, with nothing after them.
    ///
    /// It takes what RFC 6407 lets others write: attributes in any order, defaults left out. What
    /// [`emit`](super::emit()) writes is the one [canonical](Self::is_canonical) form of it.
    ///
    /// # Security
    ///
    /// The octets are believed: whoever calls this has decrypted and authenticated them, and wipes them afterwards.
    ///
    /// # Errors
    ///
    /// What [`GdoiErrorKind`] says, with the octet.
    pub fn parse(octets: &'a [u8]) -> Result<Self, GdoiError> {
        let mut reader = Reader::new(octets);
        let start = reader;
        let (next, body) = read_payload(&mut reader)?;
        if next != payload::KD {
            return Err(start.error(GdoiErrorKind::NextPayload(next)));
        }
        let (gap, sats, len) = read_sa(body)?;
        let keys = KeyPackets::read(&mut reader)?;
        if !reader.is_empty() {
            return Err(reader.error(GdoiErrorKind::TrailingOctets));
        }
        let download = Self { octets, gap, sats, keys, len, sender: keys.sender()? };
        download.check()?;
        Ok(download)
    }

    /// Every association can be made, no two have one SPI, and every key is an association's.
    fn check(&self) -> Result<(), GdoiError> {
        for (index, sat) in self.teks().enumerate() {
            let sat = sat?;
            let own = sat.terms.spi;
            if self.teks().take(index).flatten().any(|earlier| earlier.terms.spi == own) {
                return Err(GdoiError::new(GdoiErrorKind::DuplicateSpi, sat.spi_offset));
            }
            self.keys.association(sat.terms, sat.spi_offset)?;
        }
        for packet in self.keys.iter() {
            if let KeyPacket::Tek(packet) = packet?
                && !self.teks().flatten().any(|sat| sat.terms.spi.value() == packet.spi)
            {
                return Err(GdoiError::new(GdoiErrorKind::UnexpectedKey, packet.offset));
            }
        }
        Ok(())
    }

    fn teks(&self) -> impl Iterator<Item = Result<SaTek, GdoiError>> + Clone + use<'a> {
        let (mut left, epoch, rollover) = (self.sats, self.epoch(), self.rollover());
        core::iter::from_fn(move || {
            if left.is_empty() {
                return None;
            }
            Some(read_payload(&mut left).and_then(|(_, body)| SaTek::read(body, epoch, rollover)))
        })
        .take(self.len)
    }

    /// How many associations there are: 1 to [`MAX_ASSOCIATIONS`].
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "it is never empty")]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// The associations, in the order they were sent in.
    pub fn iter(&self) -> impl Iterator<Item = GroupSa> + Clone + use<'a> {
        let keys = self.keys;
        // Reading checked that there is none that cannot be made.
        self.teks().map_while(move |sat| sat.and_then(|sat| keys.association(sat.terms, sat.spi_offset)).ok())
    }

    /// The identifier the member is to use as a sender, if one came along.
    #[must_use]
    pub const fn sender(&self) -> Option<SenderId> {
        self.sender
    }

    /// Which of the group's successive keys these are.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        match self.gap.epoch {
            Some(epoch) => epoch.get(),
            None => 0,
        }
    }

    /// How the group goes over to them. A delay that is not said is none (project-defined).
    #[must_use]
    pub fn rollover(&self) -> Rollover {
        Rollover {
            activation_delay: self.gap.activation_delay.unwrap_or_default(),
            deactivation_delay: self.gap.deactivation_delay.unwrap_or_default(),
        }
    }

    /// Whether the octets are those that [`emit`](super::emit()) writes for these associations, and no others: for
    /// protocols that compare or sign them.
    #[must_use]
    pub fn is_canonical(&self) -> bool {
        let mut compared = Writer::comparing(self.octets);
        write(&mut compared, self.iter(), self.sender);
        compared.is_equal()
    }
}

impl core::fmt::Debug for Download<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        struct Terms<'d>(&'d Download<'d>);
        impl core::fmt::Debug for Terms<'_> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_list().entries(self.0.teks().flatten().map(|sat| sat.terms)).finish()
            }
        }
        f.debug_struct("Download")
            .field("associations", &Terms(self))
            .field("sender", &self.sender)
            .finish_non_exhaustive()
    }
}

/// The SA payload behind its generic header (RFC 6407 §5.2): what the group agrees on, the SA TEK payloads and their
/// number.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
/// ! Next Payload  !   RESERVED    !         Payload Length        !
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// !                              DOI                              !
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
/// !                           Situation                           !
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
/// ! SA Attribute Next Payload     !          RESERVED2            !
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
/// ```
fn read_sa(mut body: Reader<'_>) -> Result<(Gap, Reader<'_>, usize), GdoiError> {
    body.expect(Reader::u32, &DOI, GdoiErrorKind::Doi)?;
    body.expect(Reader::u32, &0, GdoiErrorKind::Situation)?;
    // The field has two octets, the numbers in it one.
    body.reserved(Reader::u8)?;
    let mut at = body;
    let mut next = body.u8()?;
    body.reserved(Reader::u16)?;
    let mut gap = Gap::default();
    if next == payload::GAP {
        at = body;
        let attributes;
        (next, attributes) = read_payload(&mut body)?;
        gap = Gap::read(attributes)?;
        if gap.sender_id_request.is_some() {
            // A member's request, and not a key server's policy (RFC 6407 §5.4.2).
            let kind = super::numbers::gap_attribute::SENDER_ID_REQUEST;
            return Err(attributes.error(GdoiErrorKind::Attribute(kind)));
        }
    }
    let sats = body;
    let (epoch, mut len) = (gap.epoch.map_or(0, NonZeroU32::get), 0_usize);
    // RFC 6407 §5.2.1 lets a payload be without an SA TEK payload; there is nothing in it to be read here then.
    while next != payload::NONE || len == 0 {
        if next != payload::SAT {
            return Err(at.error(GdoiErrorKind::NextPayload(next)));
        }
        if len == MAX_ASSOCIATIONS {
            return Err(body.error(GdoiErrorKind::TooManyAssociations));
        }
        at = body;
        let attributes;
        (next, attributes) = read_payload(&mut body)?;
        SaTek::read(attributes, epoch, Rollover::AT_ONCE)?;
        len = len.saturating_add(1);
    }
    if body.is_empty() { Ok((gap, sats, len)) } else { Err(body.error(GdoiErrorKind::TrailingOctets)) }
}
