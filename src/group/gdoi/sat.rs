//! The SA TEK payload: one association, but for its keys (RFC 6407 §5.5).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
//! ! Next Payload  !   RESERVED    !         Payload Length        !
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
//! ! Protocol-ID   !       TEK Protocol-Specific Payload           ~
//! +-+-+-+-+-+-+-+-+                                               ~
//! ~                                                               ~
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
//! ```
//!
//! The TEK Protocol-Specific payload of ESP and AH (RFC 6407 §5.5.1):
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
//! !    Protocol   !  SRC ID Type  !         SRC ID Port           !
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
//! !SRC ID Data Len!          SRC Identification Data              ~
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
//! ! DST ID Type   !         DST ID Port           !DST ID Data Len!
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
//! ! DST Identification Data                                       ~
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
//! ! Transform ID  !                        SPI                    !
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
//! !      SPI      !       RFC 2407 SA Attributes                  ~
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
//! ```

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::error::{GdoiError, GdoiErrorKind};
use super::numbers::{id_type, protocol_id, transform_of};
use super::octets::{Reader, Writer};
use super::payload::put_payload;
use super::sa_attributes::{SaAttributes, put_attributes};
use crate::group::SaTerms;
use crate::group::association::rollover::Rollover;
use crate::ipsec::{SecurityProtocol, Spi};

/// One association as its payload says it, with the place of its SPI for errors about keys.
pub(super) struct SaTek {
    pub(super) terms: SaTerms,
    pub(super) spi_offset: usize,
}

impl SaTek {
    /// Reads what follows the generic header. Epoch and rollover are the whole group's.
    pub(super) fn read(mut body: Reader<'_>, epoch: u32, rollover: Rollover) -> Result<Self, GdoiError> {
        let start = body;
        let protocol = match body.u8()? {
            protocol_id::ESP => SecurityProtocol::Esp,
            protocol_id::AH => SecurityProtocol::Ah,
            other => return Err(start.error(GdoiErrorKind::ProtocolId(other))),
        };
        body.expect(Reader::u8, &0, GdoiErrorKind::Selector)?;
        let source = read_source(&mut body)?;
        let id_type = read_id_type(&mut body)?;
        body.expect(Reader::u16, &0, GdoiErrorKind::Selector)?;
        let len = body;
        let destination = read_address(&mut body, id_type, len)?;
        let transform = body;
        let transform_id = body.u8()?;
        let spi_offset = body.offset();
        let reserved = body.error(GdoiErrorKind::Spi);
        let spi = Spi::new(body.u32()?).ok_or(reserved)?;
        let attributes = SaAttributes::read(body)?;
        let suite = attributes.suite(protocol, transform_id, transform.offset(), start.offset())?;
        let terms = SaTerms {
            source,
            mode: attributes.mode(start.offset())?,
            esn: attributes.esn(),
            direction: attributes.direction(),
            lifetime: attributes.lifetime(),
            epoch,
            rollover,
            ..SaTerms::new(spi, destination, suite)
        };
        terms.check().map_err(|error| start.error(GdoiErrorKind::Terms(error)))?;
        Ok(Self { terms, spi_offset })
    }
}

/// Writes the payload of an association.
pub(super) fn put_sat(writer: &mut Writer<'_>, terms: &SaTerms, next: u8) {
    put_payload(writer, next, |writer| {
        writer.u8(match terms.suite.protocol() {
            SecurityProtocol::Esp => protocol_id::ESP,
            SecurityProtocol::Ah => protocol_id::AH,
        });
        writer.u8(0);
        match terms.source {
            Some(source) => put_id(writer, source),
            None => {
                writer.u8(id_type::NONE);
                writer.u16(0);
                writer.u8(0);
            }
        }
        put_id(writer, terms.destination);
        writer.u8(transform_of(terms.suite).0);
        writer.u32(terms.spi.value());
        put_attributes(writer, terms);
    });
}

fn put_id(writer: &mut Writer<'_>, address: IpAddr) {
    let mut put = |kind: u8, len: u8, octets: &[u8]| {
        writer.u8(kind);
        writer.u16(0);
        writer.u8(len);
        writer.put(octets);
    };
    match address {
        IpAddr::V4(address) => put(id_type::IPV4_ADDR, 4, &address.octets()),
        IpAddr::V6(address) => put(id_type::IPV6_ADDR, 16, &address.octets()),
    }
}

/// An address's ID Type.
fn read_id_type(body: &mut Reader<'_>) -> Result<u8, GdoiError> {
    let start = *body;
    match body.u8()? {
        known @ (id_type::IPV4_ADDR | id_type::IPV6_ADDR) => Ok(known),
        other => Err(start.error(GdoiErrorKind::IdType(other))),
    }
}

/// SRC ID: a sender, or any. RFC 6407 says of the latter "Set to 3 octets or zero" and no more. Written is no ID Type
/// and no octet; read are also three octets of zero, with any ID Type known here (project-defined).
fn read_source(body: &mut Reader<'_>) -> Result<Option<IpAddr>, GdoiError> {
    let mut ahead = *body;
    let (kind, _) = (ahead.u8()?, ahead.u16()?);
    let len = ahead.u8()?;
    let any = matches!((kind, len), (id_type::NONE, 0 | 3) | (id_type::IPV4_ADDR | id_type::IPV6_ADDR, 3));
    let id_type = if any { body.u8()? } else { read_id_type(body)? };
    body.expect(Reader::u16, &0, GdoiErrorKind::Selector)?;
    let at = *body;
    if any {
        let len = body.u8()?;
        let data = body.split(len.into())?;
        let zero = data.error(GdoiErrorKind::AnySender);
        return if data.octets().iter().all(|&octet| octet == 0) { Ok(None) } else { Err(zero) };
    }
    read_address(body, id_type, at).map(Some)
}

/// ID Data Len, which lies at `at`, and Identification Data.
fn read_address(body: &mut Reader<'_>, id_type: u8, at: Reader<'_>) -> Result<IpAddr, GdoiError> {
    let len = body.u8()?;
    let wrong = at.error(GdoiErrorKind::IdLength);
    match (id_type, len) {
        (id_type::IPV4_ADDR, 4) => {
            let octets: [u8; 4] = body.take(4)?.try_into().map_err(|_| wrong)?;
            Ok(Ipv4Addr::from(octets).into())
        }
        (id_type::IPV6_ADDR, 16) => {
            let octets: [u8; 16] = body.take(16)?.try_into().map_err(|_| wrong)?;
            Ok(Ipv6Addr::from(octets).into())
        }
        _ => Err(wrong),
    }
}
