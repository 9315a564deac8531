//! Work handed to a provider in one piece, so that it can do a packet's two algorithms at the same time, and several packets
//! side by side.

use super::constant_time::same_octets;
use super::{CryptoError, Icv};

/// How a job went that nobody has done.
const NOT_DONE: Result<(), CryptoError> = Err(CryptoError::Provider);

/// Octets of SPI and Sequence Number (RFC 4303 §2.1, §2.2).
const ESP_HEADER_LEN: usize = 8;

/// One packet under ESP with a cipher and an integrity algorithm of their own, in place (RFC 4303 §3.3.2, §3.4.4).
///
/// Its octets are those of the packet from SPI to ICV. The cipher is applied to the data; the ICV covers everything in front of
/// itself and, with extended sequence numbers, the upper half, which is not transmitted (RFC 4303 §2.2.1):
///
/// ```text
/// +-----+-----------------+----+-----------------------------+-----+ +-------------+
/// | SPI | Sequence Number | IV | payload, padding, trailer   | ICV | | upper half  |
/// +-----+-----------------+----+-----------------------------+-----+ +-------------+
/// |                            |<---------- data ----------->|       |<-- high --->|
/// |<--------------------- protected ------------------------>|
/// ```
pub struct EspJob<'j, C, I> {
    cipher: &'j C,
    integrity: &'j I,
    protected: &'j mut [u8],
    icv: &'j mut [u8],
    data_at: usize,
    high: Option<[u8; 4]>,
    result: Result<(), CryptoError>,
}

/// Octets of two parts of an [`EspJob`], by name, as either could be taken for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "named at each call")]
pub struct EspLengths {
    /// The initialization vector.
    pub iv_len: usize,
    /// The ICV.
    pub icv_len: usize,
}

/// The octets of an [`EspJob`], for a provider that does one after the other.
#[allow(clippy::exhaustive_structs, reason = "taken apart by those who implement the seam")]
pub struct EspParts<'p> {
    /// SPI, Sequence Number and initialization vector: the first part that the ICV covers.
    pub header: &'p [u8],
    /// The initialization vector alone.
    pub iv: &'p [u8],
    /// What the cipher is applied to: the second part that the ICV covers.
    pub data: &'p mut [u8],
    /// The upper half of the sequence number, the last part that the ICV covers: 4 octets, or none.
    pub high: &'p [u8],
    /// The ICV: to be written, or as received.
    pub icv: &'p mut [u8],
}

impl core::fmt::Debug for EspParts<'_> {
    /// Lengths alone: before sealing and after opening the data is plaintext.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("EspParts")
            .field("header_len", &self.header.len())
            .field("iv_len", &self.iv.len())
            .field("data_len", &self.data.len())
            .field("high_len", &self.high.len())
            .field("icv_len", &self.icv.len())
            .finish()
    }
}

impl<'j, C, I> EspJob<'j, C, I> {
    /// A job on `octets`, which begin at the SPI and end with the ICV; `None` if they are fewer than the SPI, the Sequence Number
    /// and what `lengths` says. `high` is the upper half of the sequence number, where the ICV covers it.
    #[must_use]
    pub fn new(
        cipher: &'j C,
        integrity: &'j I,
        octets: &'j mut [u8],
        lengths: EspLengths,
        high: Option<[u8; 4]>,
    ) -> Option<Self> {
        let EspLengths { iv_len, icv_len } = lengths;
        let data_at = ESP_HEADER_LEN.checked_add(iv_len)?;
        let icv_at = octets.len().checked_sub(icv_len).filter(|&at| at >= data_at)?;
        let (protected, icv) = octets.split_at_mut_checked(icv_at)?;
        Some(Self { cipher, integrity, protected, icv, data_at, high, result: NOT_DONE })
    }

    /// The cipher's key.
    #[must_use]
    pub const fn cipher(&self) -> &'j C {
        self.cipher
    }

    /// The integrity key.
    #[must_use]
    pub const fn integrity(&self) -> &'j I {
        self.integrity
    }

    /// The octets, each part by itself.
    #[must_use]
    pub fn parts(&mut self) -> EspParts<'_> {
        // In range, as `new` saw to.
        let (header, data) = self.protected.split_at_mut_checked(self.data_at).unwrap_or_default();
        let iv = header.get(ESP_HEADER_LEN..).unwrap_or(&[]);
        let high = self.high.as_ref().map_or(&[][..], |high| high);
        EspParts { header, iv, data, high, icv: self.icv }
    }

    /// Everything in front of the ICV, in one piece; the upper half, or nothing, which the ICV covers as well; and the ICV.
    #[cfg(feature = "rust-crypto")]
    pub(super) fn covered(&mut self) -> (&mut [u8], &[u8], &mut [u8]) {
        (self.protected, self.high.as_ref().map_or(&[], |high| high), self.icv)
    }

    /// Everything in front of the ICV, in one piece, for a provider that works on both at the same time: the data begins at
    /// [`data_at`](Self::data_at), the initialization vector at octet 8.
    #[must_use]
    pub const fn protected(&mut self) -> &mut [u8] {
        self.protected
    }

    /// Where in [`protected`](Self::protected) the data begins; never beyond its end.
    #[must_use]
    pub const fn data_at(&self) -> usize {
        self.data_at
    }

    /// Octets of the data.
    #[cfg(feature = "rust-crypto")]
    pub(super) const fn data_len(&self) -> usize {
        self.protected.len().saturating_sub(self.data_at)
    }

    /// The upper half of the sequence number, where the ICV covers it.
    #[must_use]
    pub const fn high(&self) -> Option<[u8; 4]> {
        self.high
    }

    /// What the ICV covers, in its two pieces.
    #[cfg(all(feature = "simd", target_arch = "x86_64"))]
    pub(super) fn pieces(&self) -> [&[u8]; 2] {
        [self.protected, self.high.as_ref().map_or(&[], |high| high)]
    }

    /// The ICV.
    #[cfg(all(feature = "simd", target_arch = "x86_64"))]
    pub(super) const fn icv(&self) -> &[u8] {
        self.icv
    }

    /// The ICV, to be written.
    #[cfg(all(feature = "simd", target_arch = "x86_64"))]
    pub(super) const fn icv_mut(&mut self) -> &mut [u8] {
        self.icv
    }

    /// The same job for a provider with other keys. What that one says is not said of this one.
    #[cfg(feature = "simd")]
    pub(super) const fn with_keys<'k, D, J>(&'k mut self, cipher: &'k D, integrity: &'k J) -> EspJob<'k, D, J> {
        let Self { protected, icv, data_at, high, result, .. } = self;
        EspJob { cipher, integrity, protected, icv, data_at: *data_at, high: *high, result: *result }
    }

    /// Says how it went. Until then nothing was done, and that is an error.
    pub const fn finish(&mut self, result: Result<(), CryptoError>) {
        self.result = result;
    }

    /// How it went.
    ///
    /// # Errors
    ///
    /// - What the provider said to [`finish`](Self::finish).
    /// - [`CryptoError::Provider`]: it said nothing. A job that is forgotten never counts as a packet that verified.
    pub const fn result(&self) -> Result<(), CryptoError> {
        self.result
    }
}

impl<C, I> core::fmt::Debug for EspJob<'_, C, I> {
    /// Lengths alone: before sealing and after opening the data is plaintext.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("EspJob")
            .field("protected_len", &self.protected.len())
            .field("data_at", &self.data_at)
            .field("result", &self.result)
            .finish_non_exhaustive()
    }
}

/// One ICV to be computed, or to be verified.
pub struct IcvJob<'j, K, I> {
    key: &'j K,
    parts: I,
    received: Option<&'j [u8]>,
    result: Result<Option<Icv>, CryptoError>,
}

impl<'j, K, I> IcvJob<'j, K, I> {
    /// To compute the ICV over `parts`, in order, as if they were one string.
    #[must_use]
    pub const fn compute(key: &'j K, parts: I) -> Self {
        Self { key, parts, received: None, result: Err(CryptoError::Provider) }
    }

    /// To verify that `received` is the ICV over `parts`.
    #[must_use]
    pub const fn verify(key: &'j K, parts: I, received: &'j [u8]) -> Self {
        Self { key, parts, received: Some(received), result: Err(CryptoError::Provider) }
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &'j K {
        self.key
    }

    /// What the ICV covers.
    #[must_use]
    pub const fn parts(&self) -> &I {
        &self.parts
    }

    /// The ICV that is to be verified, if one is.
    #[must_use]
    pub const fn received(&self) -> Option<&'j [u8]> {
        self.received
    }

    /// Says how it went: the ICV if it was to be computed, nothing if it was to be verified and is right. A provider that says the
    /// ICV of a job that was to be verified leaves it to the job to compare, in constant time.
    pub fn finish(&mut self, result: Result<Option<Icv>, CryptoError>) {
        self.result = match (self.received, result) {
            (Some(received), Ok(Some(icv))) if same_octets(icv.as_octets(), received) => Ok(None),
            (Some(_), Ok(Some(_))) => Err(CryptoError::Mismatch),
            // There is none to be had.
            (None, Ok(None)) => Err(CryptoError::Provider),
            (_, result) => result,
        };
    }

    /// How it went: the ICV if it was to be computed, nothing if it was to be verified and is right.
    ///
    /// # Errors
    ///
    /// - What the provider said to [`finish`](Self::finish).
    /// - [`CryptoError::Mismatch`]: it said another ICV than the one received.
    /// - [`CryptoError::Provider`]: it said nothing, or that there is no ICV where one was to be computed. A job that is forgotten
    ///   never counts as a packet that verified.
    pub fn result(&self) -> Result<Option<&Icv>, CryptoError> {
        self.result.as_ref().map(Option::as_ref).map_err(|error| *error)
    }
}

impl<K, I> core::fmt::Debug for IcvJob<'_, K, I> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("IcvJob").field("verifies", &self.received.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forgotten_job_is_an_error() {
        let mut octets = [0; 8 + 16 + 16 + 12];
        let mut job = EspJob::new(&(), &(), &mut octets, EspLengths { iv_len: 16, icv_len: 12 }, None).unwrap();
        assert_eq!(job.result(), Err(CryptoError::Provider));
        job.finish(Ok(()));
        assert_eq!(job.result(), Ok(()));
        for job in [IcvJob::compute(&(), ()), IcvJob::verify(&(), (), &[0; 12])] {
            assert_eq!(job.result().err(), Some(CryptoError::Provider));
        }
    }

    #[test]
    fn an_icv_is_no_proof_that_another_verifies() {
        let icv = |octet| Icv::truncated(&[octet; 16], 12);
        let mut job = IcvJob::verify(&(), (), &[7; 12]);
        let results = [
            (Ok(icv(8)), Some(CryptoError::Mismatch)),
            (Ok(Icv::truncated(&[7; 16], 16)), Some(CryptoError::Mismatch)),
            (Ok(icv(7)), None),
            (Ok(None), None),
            (Err(CryptoError::Length), Some(CryptoError::Length)),
        ];
        for (said, error) in results {
            job.finish(said);
            assert_eq!(job.result().err(), error);
            assert!(job.result().is_ok_and(|icv| icv.is_none()) || error.is_some());
        }
        let mut job = IcvJob::compute(&(), ());
        job.finish(Ok(None));
        assert_eq!(job.result().err(), Some(CryptoError::Provider));
        job.finish(Ok(icv(8)));
        assert_eq!(job.result().map(|icv| icv.map(|icv| icv.as_octets().to_vec())), Ok(Some(std::vec![8; 12])));
    }

    #[test]
    fn octets_too_few_for_the_parts_make_no_job() {
        for len in 0..=8 + 16 + 12 {
            let mut octets = [0; 40];
            let job = EspJob::new(&(), &(), &mut octets[..len], EspLengths { iv_len: 16, icv_len: 12 }, None);
            assert_eq!(job.is_some(), len == 8 + 16 + 12, "{len}");
        }
    }
}
