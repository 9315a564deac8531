//! Deletion of associations (RFC 2408 §3.15, RFC 6407 §5.9).

use super::payload::{Payloads, payload_type};
use super::phase1::Phase1;
use super::seal::{Frame, seal};
use super::{DOI, INFORMATIONAL, PayloadError, SendError};
use crate::crypto::PrfProvider;
use crate::group::cursor::Reader;
use crate::ipsec::Spi;

/// What an SPI belongs to: the Protocol-ID of an SA TEK payload (RFC 6407 §5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// GDOI_PROTO_IPSEC_ESP, 1.
    Esp,
    /// GDOI_PROTO_IPSEC_AH, 2.
    Ah,
}

impl Protocol {
    const fn number(self) -> u8 {
        match self {
            Self::Esp => 1,
            Self::Ah => 2,
        }
    }
}

const SPI_LEN: usize = 4;

/// Writes the message that tells the peer which associations the sender no longer uses, and returns its length. It is
/// sent once, or a few times with the same octets: there is no answer (RFC 2408 §3.15).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |       0       |       0       |        Payload Length         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |             Domain of Interpretation = 2 (GDOI)               |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  Protocol-Id  | SPI Size = 4  |           # of SPIs           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                        SPIs, 4 octets each                    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
///
/// # Errors
///
/// - [`SendError::Spis`], [`SendError::MessageIdsExhausted`], [`SendError::Crypto`].
/// - [`SendError::TooLong`] if `buffer` is too short. What is in it then is not to be sent.
pub fn emit_delete<P: PrfProvider>(
    phase1: &mut Phase1<P>,
    crypto: &mut P,
    protocol: Protocol,
    spis: &[Spi],
    buffer: &mut [u8],
) -> Result<usize, SendError> {
    let count = u16::try_from(spis.len()).ok().filter(|count| *count > 0).ok_or(SendError::Spis)?;
    let len = spis.len().checked_mul(SPI_LEN).and_then(|len| len.checked_add(12)).ok_or(SendError::TooLong)?;
    let message_id = phase1.draw_message_id()?;
    let iv = phase1.first_iv(crypto, message_id)?;
    let frame = Frame { exchange_type: INFORMATIONAL, message_id, iv, covered: &[&message_id.to_be_bytes()] };
    let (len, ..) = seal(buffer, phase1, crypto, &frame, payload_type::DELETE, |writer| {
        writer.put(&[payload_type::NONE, 0])?;
        writer.put_len(len)?;
        writer.put(&DOI.to_be_bytes())?;
        writer.put(&[protocol.number(), 4])?;
        writer.put(&count.to_be_bytes())?;
        spis.iter().try_for_each(|spi| writer.put(&spi.value().to_be_bytes()))
    })?;
    Ok(len)
}

/// The SPIs that the peer deleted. [`iter`](Self::iter) leaves out those that no association can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeletedSpis<'a> {
    protocol: Protocol,
    spis: &'a [u8],
}

impl<'a> DeletedSpis<'a> {
    /// What they belong to.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The SPIs.
    pub fn iter(&self) -> impl Iterator<Item = Spi> + Clone + use<'a> {
        let (spis, _) = self.spis.as_chunks::<SPI_LEN>();
        spis.iter().filter_map(|spi| Spi::new(u32::from_be_bytes(*spi)))
    }

    /// Reads the payloads behind the HASH.
    pub(super) fn parse(mut payloads: Payloads<'a>) -> Result<Self, PayloadError> {
        let mut reader = Reader::new(payloads.expect(payload_type::DELETE)?);
        if payloads.next().is_some() {
            return Err(PayloadError::Unexpected);
        }
        let doi = reader.u32().ok_or(PayloadError::Length)?;
        let [protocol, spi_len] = reader.array().ok_or(PayloadError::Length)?;
        let count = reader.u16().ok_or(PayloadError::Length)?;
        let protocol = match protocol {
            1 => Protocol::Esp,
            2 => Protocol::Ah,
            _ => return Err(PayloadError::Value),
        };
        if doi != DOI || usize::from(spi_len) != SPI_LEN || count == 0 {
            return Err(PayloadError::Value);
        }
        let spis = reader.rest();
        if Some(spis.len()) != usize::from(count).checked_mul(SPI_LEN) {
            return Err(PayloadError::Length);
        }
        Ok(Self { protocol, spis })
    }
}
