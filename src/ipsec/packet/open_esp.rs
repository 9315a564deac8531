//! Opening ESP (RFC 4303 §3.4).

use crate::crypto::{AEAD_TAG_LEN, CryptoError, CryptoProvider, EspJob, EspLengths};
use crate::ipsec::association::config::{Mode, SecurityProtocol};
use crate::ipsec::association::sa::{EspKeys, EspTransform, Sa, high_half};
use crate::ipsec::packet::arrived::{Arrived, check_x2u_forbidden};
use crate::ipsec::packet::buffer::PacketBuf;
use crate::ipsec::packet::construction::{Refusal, check_any, check_behind};
use crate::ipsec::packet::error::OpenError;
use crate::ipsec::packet::laid::AeadAad;
use crate::ipsec::packet::open::Content;
use crate::ipsec::packet::placement::take_out;
use crate::ipsec::packet::plan::udp_end;
use crate::wire::{CodePoints, EspHeader, esp, protocol};

/// What ESP held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inside {
    next_header: u8,
    /// Octets of payload, padding taken off, and TFC padding where it can be told (RFC 4303 §2.7).
    len: usize,
}

impl Arrived {
    /// Octets that ESP encrypts.
    pub(crate) fn encrypted_len<P: CryptoProvider>(&self, transform: &EspTransform<P>) -> Result<usize, OpenError> {
        self.place
            .packet_len
            .checked_sub(self.place.at)
            .and_then(|len| len.checked_sub(transform.icv_len)?.checked_sub(transform.header_len()))
            .filter(|&len| len >= esp::TRAILER_LEN)
            .ok_or(OpenError::EspLength)
    }

    /// Authenticates and decrypts `encrypted_len` octets, in place, unless it is `known` how that ended, and then judges the
    /// construction; the headers stay.
    #[allow(clippy::too_many_arguments, reason = "one packet, and everything that has a say in it")]
    pub(crate) fn decrypt_esp<P: CryptoProvider>(
        &self,
        sa: &Sa<P>,
        transform: &EspTransform<P>,
        encrypted_len: usize,
        sequence: u64,
        known: Option<Result<(), CryptoError>>,
        crypto: &mut P,
        code_points: Option<&CodePoints>,
        octets: &mut [u8],
    ) -> Result<Inside, OpenError> {
        let high = high_half(sa, sequence);
        let esp = octets.get_mut(self.place.at..).ok_or(OpenError::EspLength)?;
        let header_len = transform.header_len();
        let icv_at = header_len.saturating_add(encrypted_len);
        match &transform.keys {
            EspKeys::Separate { cipher, integrity, .. } => {
                let (iv_len, icv_len) = (transform.iv_len, transform.icv_len);
                let result = match known {
                    Some(result) => result,
                    None => {
                        let job = EspJob::new(cipher, integrity, esp, EspLengths { iv_len, icv_len }, high);
                        crypto.esp_open(&mut job.ok_or(OpenError::EspLength)?)
                    }
                };
                result.map_err(|error| match error {
                    CryptoError::Length if !encrypted_len.is_multiple_of(transform.block_len) => OpenError::BlockLength,
                    error => error.into(),
                })?;
            }
            EspKeys::Combined(key) => {
                let (protected, tag) = esp.split_at_mut_checked(icv_at).ok_or(OpenError::EspLength)?;
                let (header, data) = protected.split_at_mut_checked(header_len).ok_or(OpenError::EspLength)?;
                let esp_header = EspHeader { spi: self.spi.value(), sequence: self.sequence };
                let aad = AeadAad::new(esp_header, high);
                let iv = header.get(esp::HEADER_LEN..).and_then(<[u8]>::first_chunk).ok_or(OpenError::EspLength)?;
                let tag: &[u8; AEAD_TAG_LEN] = tag.first_chunk().ok_or(OpenError::EspLength)?;
                crypto.aead_open(key, iv, aad.as_octets(), data, tag)?;
            }
        }
        let data = esp.get(header_len..icv_at).ok_or(OpenError::EspLength)?;
        let (payload, next_header) = esp::split_trailer(data).ok_or(OpenError::Padding)?;
        let mut len = payload.len();
        match sa.mode() {
            // A dummy has no inner header to preserve addresses of; none is built (RFC 5374 §3.1).
            Mode::Tunnel(outer) if next_header == protocol::NO_NEXT_HEADER && outer.fixed_ends().is_none() => {
                return Err(Refusal::NotPreserved.into());
            }
            _ if next_header == protocol::NO_NEXT_HEADER => {}
            Mode::Tunnel(outer) => self.check_inner(outer, next_header, payload)?,
            Mode::Transport => {
                check_behind(SecurityProtocol::Esp, self.place.family, next_header, payload, 0, code_points)?;
                len = udp_end(self.place.family, payload, next_header, 0).unwrap_or(len);
            }
        }
        if let Some(xcast) = self.as_xcast(octets, code_points).as_ref().map_err(|unfit| *unfit)? {
            check_any(xcast)?;
            check_x2u_forbidden(sa.mode(), xcast)?;
        }
        Ok(Inside { next_header, len })
    }

    /// Takes the ESP header and what stands behind the payload off a decrypted packet.
    pub(crate) fn take_out_esp<P: CryptoProvider>(
        &self,
        mode: &Mode,
        transform: &EspTransform<P>,
        inside: Inside,
        packet: &mut PacketBuf<'_>,
    ) -> Content {
        let payload_at = self.place.at.saturating_add(transform.header_len());
        if inside.next_header == protocol::NO_NEXT_HEADER {
            packet.truncate(0);
            return Content::Dummy;
        }
        packet.truncate(payload_at.saturating_add(inside.len));
        match mode {
            Mode::Tunnel(_) => self.leave_tunnel(packet, payload_at),
            Mode::Transport => take_out(packet, &self.place, transform.header_len(), inside.next_header),
        }
        Content::Packet
    }
}
