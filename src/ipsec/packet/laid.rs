//! A packet laid out to be sealed: headers and trailer are in place, and what is left is to compute.

use crate::crypto::{AEAD_IV_LEN, CryptoError, CryptoProvider, EspJob, EspLengths, Icv};
use crate::ipsec::association::sa::{AhTransform, EspKeys, EspTransform, Sa, Transform, high_half};
use crate::ipsec::packet::coverage::{Coverable, Coverage};
use crate::ipsec::packet::error::SealError;
use crate::ipsec::packet::front::Front;
use crate::wire::{EspHeader, ah, esp, put};

/// What went wrong that [`Plan`](super::plan::Plan) made sure cannot: the provider gave something of another length than it said.
pub(crate) const LENGTH: SealError = SealError::Crypto(CryptoError::Length);

/// What is known of a packet laid out under an association.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Laid {
    /// Where AH or ESP stands.
    pub(super) at: usize,
    /// The full sequence number.
    pub(super) sequence: u64,
    pub(super) layer: Layer,
}

/// Which of the two, and what it takes to compute it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Layer {
    Ah { ip_header_len: usize, header_len: usize, coverable: Coverable },
    Esp,
}

/// The job of an ESP packet.
pub(crate) type EspJobOf<'j, P> = EspJob<'j, <P as CryptoProvider>::CipherKey, <P as CryptoProvider>::IntegrityKey>;

impl Laid {
    /// The full sequence number.
    pub(crate) const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Encrypts, and writes the ICV.
    pub(crate) fn compute<P: CryptoProvider>(
        &self,
        sa: &Sa<P>,
        crypto: &mut P,
        octets: &mut [u8],
    ) -> Result<(), SealError> {
        match &sa.transform {
            Transform::Ah(transform) => {
                let high = high_half(sa, self.sequence);
                let Layer::Ah { ip_header_len, .. } = self.layer else { return Err(LENGTH) };
                let mut front = Front::new();
                let parts = front.parts(octets, ip_header_len, self.at, transform.icv_len, high.as_ref());
                let icv = match parts {
                    Some(parts) => crypto.icv(&transform.key, parts),
                    None => self.icv_behind_other_headers(transform, crypto, octets, high.as_ref()),
                }?;
                self.put_icv(&icv, octets)
            }
            Transform::Esp(transform) => match &transform.keys {
                EspKeys::Separate { .. } => {
                    let mut job = self.esp_job(sa, octets).ok_or(LENGTH)?;
                    Ok(crypto.esp_seal(&mut job)?)
                }
                EspKeys::Combined(key) => self.seal_combined(sa, transform, key, crypto, octets),
            },
        }
    }

    /// The ICV of AH where not all that changes on the way stands in a plain IPv4 header.
    #[inline(never)]
    fn icv_behind_other_headers<P: CryptoProvider>(
        &self,
        transform: &AhTransform<P>,
        crypto: &mut P,
        octets: &[u8],
        high: Option<&[u8; 4]>,
    ) -> Result<Icv, CryptoError> {
        let coverage = self.coverage(transform, octets).ok_or(CryptoError::Length)?;
        match coverage.plain_parts(high) {
            Some(parts) => crypto.icv(&transform.key, parts),
            None => crypto.icv(&transform.key, coverage.parts(high)),
        }
    }

    fn seal_combined<P: CryptoProvider>(
        &self,
        sa: &Sa<P>,
        transform: &EspTransform<P>,
        key: &P::AeadKey,
        crypto: &mut P,
        octets: &mut [u8],
    ) -> Result<(), SealError> {
        let esp = octets.get_mut(self.at..).ok_or(LENGTH)?;
        let icv_at = esp.len().saturating_sub(transform.icv_len);
        let (protected, icv_field) = esp.split_at_mut_checked(icv_at).ok_or(LENGTH)?;
        let (header, data) = protected.split_at_mut_checked(transform.header_len()).ok_or(LENGTH)?;
        let iv: &[u8; AEAD_IV_LEN] = header.get(esp::HEADER_LEN..).and_then(<[u8]>::first_chunk).ok_or(LENGTH)?;
        let esp_header = EspHeader { spi: sa.spi().value(), sequence: self.sequence as u32 };
        let aad = AeadAad::new(esp_header, high_half(sa, self.sequence));
        let tag = crypto.aead_seal(key, iv, aad.as_octets(), data)?;
        put(icv_field, 0, &tag).ok_or(LENGTH)
    }

    /// The work on an ESP packet that can be done together with that on others; `None` for AH and combined modes.
    pub(super) fn esp_job<'j, P: CryptoProvider>(
        &self,
        sa: &'j Sa<P>,
        octets: &'j mut [u8],
    ) -> Option<EspJobOf<'j, P>> {
        let Transform::Esp(transform) = &sa.transform else { return None };
        let EspKeys::Separate { cipher, integrity, .. } = &transform.keys else { return None };
        let esp = octets.get_mut(self.at..)?;
        EspJob::new(
            cipher,
            integrity,
            esp,
            EspLengths { iv_len: transform.iv_len, icv_len: transform.icv_len },
            high_half(sa, self.sequence),
        )
    }

    /// What AH covers; `None` for ESP.
    pub(super) fn coverage<'p, P: CryptoProvider>(
        &self,
        transform: &AhTransform<P>,
        octets: &'p [u8],
    ) -> Option<Coverage<'p>> {
        let Layer::Ah { ip_header_len, header_len, coverable } = self.layer else { return None };
        Some(Coverage::new(octets, ip_header_len, self.at, header_len, transform.icv_len, &coverable))
    }

    /// Writes the ICV of an AH.
    pub(super) fn put_icv(&self, icv: &Icv, octets: &mut [u8]) -> Result<(), SealError> {
        put(octets, self.at.saturating_add(ah::FIXED_LEN), icv.as_octets()).ok_or(LENGTH)
    }
}

/// The additional authenticated data of a combined-mode algorithm: SPI and sequence number, 8 octets or, with ESN, 12
/// (RFC 4106 §5).
pub(crate) struct AeadAad {
    octets: [u8; 12],
    len: usize,
}

impl AeadAad {
    pub(crate) fn new(header: EspHeader, high: Option<[u8; 4]>) -> Self {
        let mut octets = [0; 12];
        put(&mut octets, 0, &header.spi.to_be_bytes());
        let low = header.sequence.to_be_bytes();
        let len = match high {
            Some(high) => {
                put(&mut octets, 4, &high);
                put(&mut octets, 8, &low);
                12
            }
            None => {
                put(&mut octets, 4, &low);
                8
            }
        };
        Self { octets, len }
    }

    pub(crate) fn as_octets(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or(&self.octets)
    }
}
