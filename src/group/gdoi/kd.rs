//! The Key Download payload: the keys of associations, and a sender's identifier (RFC 6407 §5.6).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
//! ! Next Payload  !   RESERVED    !         Payload Length        !
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
//! ! Number of Key Packets         !            RESERVED2          !
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
//! ~                    Key Packets                                ~
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
//! ```
//!
//! Each key packet:
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
//! !   KD Type     !   RESERVED    !            KD Length          !
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
//! !    SPI Size   !                   SPI (variable)              ~
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
//! ~                    Key Packet Attributes                      ~
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
//! ```

use core::borrow::Borrow;

use super::attribute::{Attribute, put_basic, put_variable, set_once};
use super::error::{GdoiError, GdoiErrorKind};
use super::numbers::{key_type, payload, sid_attribute, tek_attribute};
use super::octets::{Reader, Writer};
use super::payload::{put_payload, read_payload};
use crate::group::{GroupSa, GroupSaError, SaTerms};
use crate::ipsec::SenderId;

/// Octets of an SPI of AH or ESP.
const SPI_SIZE: u8 = 4;
/// Octets in front of KD Length.
const BEFORE_LENGTH: usize = 2;

/// The key packets of a payload, not yet read.
#[derive(Clone, Copy)]
pub(super) struct KeyPackets<'a> {
    packets: Reader<'a>,
}

/// A key packet.
pub(super) enum KeyPacket<'a> {
    /// The keys of the association with an SPI.
    Tek(TekPacket<'a>),
    /// A sender's identifier.
    Sid(Reader<'a>),
}

pub(super) struct TekPacket<'a> {
    pub(super) spi: u32,
    pub(super) offset: usize,
    attributes: Reader<'a>,
}

impl<'a> KeyPackets<'a> {
    /// Reads the payload, which is to be the last, and every packet's header.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, GdoiError> {
        let start = *reader;
        let (next, mut body) = read_payload(reader)?;
        if next != payload::NONE {
            return Err(start.error(GdoiErrorKind::NextPayload(next)));
        }
        let count_at = body;
        let count = body.u16()?;
        body.reserved(Reader::u16)?;
        let packets = Self { packets: body };
        let mut found = 0_u16;
        for packet in packets.iter() {
            packet?;
            found = found.saturating_add(1);
        }
        if found == count { Ok(packets) } else { Err(count_at.error(GdoiErrorKind::KeyCount)) }
    }

    /// The packets; after an error there are no more.
    pub(super) fn iter(self) -> impl Iterator<Item = Result<KeyPacket<'a>, GdoiError>> {
        let mut left = Some(self.packets);
        core::iter::from_fn(move || {
            let mut reader = left.take().filter(|reader| !reader.is_empty())?;
            let packet = KeyPacket::read(&mut reader);
            if packet.is_ok() {
                left = Some(reader);
            }
            Some(packet)
        })
    }

    pub(super) fn teks(self) -> impl Iterator<Item = TekPacket<'a>> {
        self.iter().filter_map(|packet| match packet {
            Ok(KeyPacket::Tek(tek)) => Some(tek),
            _ => None,
        })
    }

    /// The one sender identifier, if there is one. Several in one payload, as RFC 6407 §5.6.4 lets a member have that
    /// asked for them, are refused (project-defined).
    pub(super) fn sender(self) -> Result<Option<SenderId>, GdoiError> {
        let mut sender = None;
        for packet in self.iter() {
            if let KeyPacket::Sid(attributes) = packet? {
                let duplicate = attributes.error(GdoiErrorKind::SenderId);
                if sender.replace(read_sender(attributes)?).is_some() {
                    return Err(duplicate);
                }
            }
        }
        Ok(sender)
    }

    /// The association of `terms`, with its keys. `spi_offset` is where an error points if they are missing.
    pub(super) fn association(self, terms: SaTerms, spi_offset: usize) -> Result<GroupSa, GdoiError> {
        let mut own = self.teks().filter(|packet| packet.spi == terms.spi.value());
        let packet = own.next().ok_or(GdoiError::new(GdoiErrorKind::MissingKey, spi_offset))?;
        if let Some(second) = own.next() {
            return Err(GdoiError::new(GdoiErrorKind::UnexpectedKey, second.offset));
        }
        packet.association(terms)
    }
}

impl<'a> KeyPacket<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, GdoiError> {
        let start = *reader;
        let kind = reader.u8()?;
        reader.reserved(Reader::u8)?;
        let mut body = reader.counted(BEFORE_LENGTH)?;
        match kind {
            key_type::TEK => {
                body.expect(Reader::u8, &SPI_SIZE, GdoiErrorKind::SpiSize)?;
                Ok(Self::Tek(TekPacket { spi: body.u32()?, offset: start.offset(), attributes: body }))
            }
            key_type::SID => {
                // RFC 6407 §5.6.4: it has no SPI.
                body.expect(Reader::u8, &0, GdoiErrorKind::SpiSize)?;
                Ok(Self::Sid(body))
            }
            other => Err(start.error(GdoiErrorKind::KeyType(other))),
        }
    }
}

impl TekPacket<'_> {
    /// RFC 6407 §5.6.1: exactly one attribute for each key the association has, and no other.
    fn association(&self, terms: SaTerms) -> Result<GroupSa, GdoiError> {
        let (mut encryption, mut integrity) = (None, None);
        let mut body = self.attributes;
        while !body.is_empty() {
            let read = Attribute::read(&mut body)?;
            let (place, len) = match read.kind {
                tek_attribute::ALGORITHM_KEY => (&mut encryption, terms.suite.encryption_key_len()),
                tek_attribute::INTEGRITY_KEY => (&mut integrity, terms.suite.integrity_key_len()),
                kind => return Err(read.error(GdoiErrorKind::Attribute(kind))),
            };
            let key = read.variable()?;
            if len == 0 {
                return Err(read.error(GdoiErrorKind::AttributeConflict(read.kind)));
            }
            if key.len() != len {
                return Err(read.error(GdoiErrorKind::KeyLength));
            }
            set_once(place, key, &read)?;
        }
        let required = |key: Option<_>, len: usize, kind: u16| match key {
            Some(key) => Ok(key),
            None if len == 0 => Ok(&[][..]),
            None => Err(GdoiError::new(GdoiErrorKind::MissingAttribute(kind), self.offset)),
        };
        let encryption = required(encryption, terms.suite.encryption_key_len(), tek_attribute::ALGORITHM_KEY)?;
        let integrity = required(integrity, terms.suite.integrity_key_len(), tek_attribute::INTEGRITY_KEY)?;
        GroupSa::new(terms, encryption, integrity).map_err(|error| {
            let kind = match error {
                GroupSaError::Terms(error) => GdoiErrorKind::Terms(error),
                _ => GdoiErrorKind::KeyLength,
            };
            GdoiError::new(kind, self.offset)
        })
    }
}

/// The attributes of a SID key packet. RFC 6407 does not say how long SID_VALUE is: as few octets as hold its bits
/// (project-defined).
fn read_sender(attributes: Reader<'_>) -> Result<SenderId, GdoiError> {
    let (mut bits, mut value) = (None, None);
    let mut body = attributes;
    while !body.is_empty() {
        let read = Attribute::read(&mut body)?;
        match read.kind {
            sid_attribute::NUMBER_OF_SID_BITS => set_once(&mut bits, (read.basic()?, read), &read)?,
            sid_attribute::SID_VALUE => set_once(&mut value, (read.variable()?, read), &read)?,
            kind => return Err(read.error(GdoiErrorKind::Attribute(kind))),
        }
    }
    let missing = |kind| attributes.error(GdoiErrorKind::MissingAttribute(kind));
    let (bits, _) = bits.ok_or(missing(sid_attribute::NUMBER_OF_SID_BITS))?;
    let (octets, read) = value.ok_or(missing(sid_attribute::SID_VALUE))?;
    if octets.len() != sid_len(bits.into()) {
        return Err(read.bad_value());
    }
    let number = octets.iter().fold(0, |number: u16, &octet| (number << 8) | u16::from(octet));
    SenderId::new(number, bits.into()).ok_or(read.error(GdoiErrorKind::SenderId))
}

/// Octets of SID_VALUE.
const fn sid_len(bits: u32) -> usize {
    if bits <= 8 { 1 } else { 2 }
}

/// Writes the payload, the last one.
pub(super) fn put_kd<S: Borrow<GroupSa>>(
    writer: &mut Writer<'_>,
    associations: impl Iterator<Item = S> + Clone,
    sender: Option<SenderId>,
) {
    put_payload(writer, payload::NONE, |writer| {
        let count = associations.clone().count().saturating_add(sender.iter().len());
        writer.u16(u16::try_from(count).unwrap_or(u16::MAX));
        writer.u16(0);
        for association in associations {
            put_tek(writer, association.borrow());
        }
        if let Some(sender) = sender {
            put_sid(writer, sender);
        }
    });
}

fn put_tek(writer: &mut Writer<'_>, association: &GroupSa) {
    put_packet(writer, key_type::TEK, |writer| {
        writer.u8(SPI_SIZE);
        writer.u32(association.terms().spi.value());
        for (kind, key) in [
            (tek_attribute::ALGORITHM_KEY, association.encryption_key()),
            (tek_attribute::INTEGRITY_KEY, association.integrity_key()),
        ] {
            if !key.as_octets().is_empty() {
                put_variable(writer, kind, key.as_octets());
            }
        }
    });
}

fn put_sid(writer: &mut Writer<'_>, sender: SenderId) {
    put_packet(writer, key_type::SID, |writer| {
        writer.u8(0);
        let bits = sender.bits();
        put_basic(writer, sid_attribute::NUMBER_OF_SID_BITS, u16::try_from(bits).unwrap_or(u16::MAX));
        let octets = sender.value().to_be_bytes();
        let skipped = octets.len().saturating_sub(sid_len(bits));
        put_variable(writer, sid_attribute::SID_VALUE, octets.get(skipped..).unwrap_or_default());
    });
}

fn put_packet(writer: &mut Writer<'_>, kind: u8, body: impl FnOnce(&mut Writer<'_>)) {
    writer.u8(kind);
    writer.u8(0);
    writer.counted(BEFORE_LENGTH, body);
}
