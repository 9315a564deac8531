//! Between the associations that a key server pushes as octets and [`GroupSa`].

use core::net::IpAddr;

use rand_core::TryCryptoRng;

use super::gdoi::{self, Download, GdoiEmitError, GdoiErrorKind};
use super::membership::{self, Epoch, Floor, KeySource, KeySourceError, MAX_EPOCHS, RejectReason};
use super::spi::{SpiAllocator, SpiUse};
use super::{GroupSa, GroupSaError, SaTerms, Suite};

/// How many epochs can wait for their SPI to be released: twice as many as live at one time (project-defined), as a key server
/// may make one before its host has heard that others ended.
const GIVEN: usize = MAX_EPOCHS * 2;

/// Makes one [`GroupSa`] for each epoch of a [`KeyServer`](membership::KeyServer): fresh keys, an SPI of its own, all else as
/// the terms say. What it writes is a [`gdoi`] message, which [`read_association`] reads.
///
/// The suite is one for all members; [`membership::choose`] finds it. The terms' epoch and rollover stay as they are, as a
/// push says both itself.
///
/// ```
/// use core::net::IpAddr;
/// use xcast_sec::crypto::AeadAlgorithm;
/// use xcast_sec::group::membership::{Epoch, Floor, KeySource, RejectReason};
/// use xcast_sec::group::spi::CentralSpis;
/// use xcast_sec::group::{GroupSaSource, SaTerms, Suite, read_association};
/// use xcast_sec::ipsec::Spi;
///
/// let mut rng = getrandom::SysRng;
/// let sender: IpAddr = "2001:db8::a".parse()?;
/// let suite = Suite::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key_len: 36 };
/// // The SPI is a placeholder.
/// let terms = SaTerms::new(Spi::new(256).ok_or("reserved")?, "ff0e::114".parse()?, suite);
/// let terms = SaTerms { source: Some(sender), ..terms };
/// let mut source = GroupSaSource::new(CentralSpis::<16>::new(2), sender, terms);
///
/// // The key server does this.
/// let mut association = [0; 256];
/// let len = source.generate(Epoch::new(1), [].into_iter(), &mut rng, &mut association)?;
/// // A member's sink does that.
/// let sa = read_association(&association[..len], &terms, &Floor::DEFAULT).map_err(|reason| reason.to_string())?;
/// assert_eq!(sa.terms().suite, suite);
/// // One that is not the group's is not taken.
/// let other = SaTerms { source: Some("2001:db8::b".parse()?), ..terms };
/// let refused = read_association(&association[..len], &other, &Floor::DEFAULT);
/// assert_eq!(refused.err(), Some(RejectReason::NotAuthorised));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct GroupSaSource<A> {
    spis: A,
    sender: IpAddr,
    terms: SaTerms,
    given: heapless::Vec<(Epoch, SpiUse), GIVEN>,
}

impl<A: SpiAllocator> GroupSaSource<A> {
    /// Associations on these terms, but for the SPI, which `spis` gives to `sender`: who sends under them, or the key server if
    /// several do.
    #[must_use]
    pub const fn new(spis: A, sender: IpAddr, terms: SaTerms) -> Self {
        Self { spis, sender, terms, given: heapless::Vec::new() }
    }

    /// What gives the SPIs, to be told what is reported to be in use.
    #[must_use]
    pub const fn spis_mut(&mut self) -> &mut A {
        &mut self.spis
    }

    /// Releases an epoch's SPI: call it when [`KeyServerEvent::Ended`](membership::KeyServerEvent::Ended) tells that no member
    /// takes anything under it any more. Returns whether there was one.
    ///
    /// Without it there are no more keys after twice [`MAX_EPOCHS`] epochs.
    pub fn release(&mut self, epoch: Epoch) -> bool {
        let Some(index) = self.given.iter().position(|(own, _)| *own == epoch) else { return false };
        let (_, given) = self.given.swap_remove(index);
        self.spis.release(given)
    }

    fn write<G: TryCryptoRng + ?Sized>(terms: SaTerms, rng: &mut G, out: &mut [u8]) -> Result<usize, KeySourceError> {
        let sa = GroupSa::generate(terms, rng).map_err(|error| match error {
            GroupSaError::Random => KeySourceError::Random,
            _ => KeySourceError::Other,
        })?;
        // A sender's number comes beside the association, as that is the same for all members.
        gdoi::emit(&[sa], None, out).map_err(|error| match error {
            GdoiEmitError::BufferTooSmall { .. } => KeySourceError::NoRoom,
            _ => KeySourceError::Other,
        })
    }
}

impl<A: SpiAllocator> KeySource for GroupSaSource<A> {
    fn generate<G: TryCryptoRng + ?Sized>(
        &mut self,
        epoch: Epoch,
        _members: impl Iterator<Item = IpAddr> + Clone,
        rng: &mut G,
        out: &mut [u8],
    ) -> Result<usize, KeySourceError> {
        if self.given.is_full() {
            return Err(KeySourceError::NoRoom);
        }
        let spi = self.spis.allocate(self.sender, rng).map_err(|error| match error {
            super::spi::SpiError::Random => KeySourceError::Random,
            _ => KeySourceError::Other,
        })?;
        let given = SpiUse { source: self.sender, spi };
        let written = Self::write(SaTerms { spi, ..self.terms }, rng, out);
        if written.is_ok() {
            // There is room.
            let _ = self.given.push((epoch, given));
        } else {
            self.spis.release(given);
        }
        written
    }
}

/// Reads what a member was [offered](membership::Offer::association), for its [`KeySink`](membership::KeySink): the one
/// association in it, as the group's terms are known beforehand.
///
/// # Security
///
/// A key server chose the octets. Of what it chose only the SPI, the lifetime, and a suite that `floor` allows are taken; source,
/// destination, mode, direction and the size of sequence numbers are those of `expected`, so that it can neither speak for other
/// groups nor replace other associations. Whether the SPI is [in use](RejectReason::SpiInUse) the caller's database tells.
/// The keys are copied into the [`GroupSa`], which wipes them.
///
/// # Errors
///
/// - [`RejectReason::UnsupportedAlgorithm`], [`RejectReason::Malformed`]: it cannot be read; several associations are malformed
///   too, and so is a sender's number inside.
/// - [`RejectReason::NotAuthorised`]: other terms than `expected`.
/// - [`RejectReason::BelowFloor`].
pub fn read_association(association: &[u8], expected: &SaTerms, floor: &Floor) -> Result<GroupSa, RejectReason> {
    let download = Download::parse(association).map_err(|error| match error.kind() {
        GdoiErrorKind::Transform(_) => RejectReason::UnsupportedAlgorithm,
        _ => RejectReason::Malformed,
    })?;
    if download.len() != 1 || download.sender().is_some() {
        return Err(RejectReason::Malformed);
    }
    let sa = download.iter().next().ok_or(RejectReason::Malformed)?;
    let SaTerms { spi, suite, lifetime, epoch, rollover, .. } = *sa.terms();
    if (SaTerms { spi, suite, lifetime, epoch, rollover, ..*expected }) != *sa.terms() {
        return Err(RejectReason::NotAuthorised);
    }
    if floor.allows(&judged(suite)) { Ok(sa) } else { Err(RejectReason::BelowFloor) }
}

/// A suite as [`Floor`] judges it.
const fn judged(suite: Suite) -> membership::Suite {
    match suite {
        Suite::Ah { integrity, .. } => membership::Suite::Ah(integrity),
        Suite::Esp { cipher, cipher_key_len: key_len, integrity } => {
            membership::Suite::Esp { cipher, key_len, integrity }
        }
        Suite::EspCombined { algorithm, key_len } => membership::Suite::EspCombined { algorithm, key_len },
    }
}

#[cfg(test)]
mod tests {
    use core::convert::Infallible;
    use core::iter::empty;

    use super::*;
    use crate::crypto::{AeadAlgorithm, IntegrityAlgorithm};
    use crate::group::spi::CentralSpis;
    use crate::ipsec::{RoutingCoverage, Spi};

    struct Rng(u64);

    impl rand_core::TryRng for Rng {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            self.try_next_u64().map(|next| next as u32)
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            self.0 += 1;
            Ok(self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        }

        fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Infallible> {
            octets.chunks_mut(8).try_for_each(|chunk| {
                self.try_next_u64().map(|next| chunk.copy_from_slice(&next.to_be_bytes()[..chunk.len()]))
            })
        }
    }

    impl TryCryptoRng for Rng {}

    const GCM: Suite = Suite::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key_len: 20 };

    fn terms(suite: Suite) -> SaTerms {
        let sender = [192, 0, 2, 1].into();
        SaTerms { source: Some(sender), ..SaTerms::new(Spi::new(256).unwrap(), [224, 0, 1, 114].into(), suite) }
    }

    fn source(suite: Suite) -> GroupSaSource<CentralSpis<64>> {
        GroupSaSource::new(CentralSpis::new(1), [192, 0, 2, 1].into(), terms(suite))
    }

    #[test]
    fn each_epoch_has_an_spi_and_keys_of_its_own() {
        let (mut source, mut rng) = (source(GCM), Rng(0));
        let mut out = [0; 256];
        let mut seen = std::vec::Vec::new();
        for epoch in 1..=GIVEN as u64 {
            let len = source.generate(Epoch::new(epoch), empty(), &mut rng, &mut out).unwrap();
            let sa = read_association(&out[..len], &terms(GCM), &Floor::DEFAULT).unwrap();
            let new = (sa.terms().spi, sa.encryption_key().as_octets().to_vec());
            assert!(seen.iter().all(|(spi, key)| *spi != new.0 && *key != new.1));
            seen.push(new);
        }
        // No more before one is released; each is once.
        let next = Epoch::new(100);
        assert_eq!(source.generate(next, empty(), &mut rng, &mut out), Err(KeySourceError::NoRoom));
        assert!(source.release(Epoch::new(3)) && !source.release(Epoch::new(3)));
        assert!(source.generate(next, empty(), &mut rng, &mut out).is_ok());
        assert_eq!(source.spis_mut().given().count(), GIVEN);
    }

    #[test]
    fn what_fails_leaves_no_spi_behind() {
        let (mut source, mut rng) = (source(GCM), Rng(0));
        assert_eq!(source.generate(Epoch::new(1), empty(), &mut rng, &mut [0; 20]), Err(KeySourceError::NoRoom));
        let unsound = Suite::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key_len: 21 };
        source.terms.suite = unsound;
        assert_eq!(source.generate(Epoch::new(1), empty(), &mut rng, &mut [0; 256]), Err(KeySourceError::Other));
        assert_eq!((source.spis_mut().given().count(), source.given.len()), (0, 0));
    }

    #[test]
    fn only_the_groups_associations_are_taken_and_none_below_the_floor() {
        let (mut rng, mut out) = (Rng(0), [0; 512]);
        let integrity = IntegrityAlgorithm::HmacSha2_256_128;
        let ah = Suite::Ah { integrity, coverage: RoutingCoverage::DataZeroed, pad_to_8: false };
        let len = source(ah).generate(Epoch::new(1), empty(), &mut rng, &mut out).unwrap();
        let read = |len: usize, out: &[u8], expected: &SaTerms, floor: &Floor| {
            read_association(&out[..len], expected, floor).map(|sa| sa.terms().suite)
        };
        let lower = Floor { cipher_bits: 0, ..Floor::DEFAULT };
        assert_eq!(read(len, &out, &terms(GCM), &Floor::DEFAULT), Err(RejectReason::BelowFloor));
        assert_eq!(read(len, &out, &terms(GCM), &lower), Ok(ah));
        let expected = terms(ah);
        for other in [
            SaTerms { source: None, ..expected },
            SaTerms { source: Some([192, 0, 2, 2].into()), ..expected },
            SaTerms { destination: [224, 0, 1, 115].into(), ..expected },
            SaTerms { esn: true, ..expected },
            SaTerms { direction: crate::ipsec::Directionality::SenderOnly, ..expected },
            SaTerms { mode: crate::group::GroupMode::Tunnel(crate::group::Preservation::Both), ..expected },
        ] {
            assert_eq!(read(len, &out, &other, &lower), Err(RejectReason::NotAuthorised), "{other:?}");
        }
        assert_eq!(read(len - 1, &out, &expected, &lower), Err(RejectReason::Malformed));
        assert_eq!(read(0, &out, &expected, &lower), Err(RejectReason::Malformed));
        // Two at once, and one with a number for a sender.
        let make = |spi, rng: &mut Rng| GroupSa::generate(SaTerms { spi, ..terms(GCM) }, rng).unwrap();
        let one = make(Spi::new(300).unwrap(), &mut rng);
        let two = gdoi::emit(&[&one, &make(Spi::new(301).unwrap(), &mut rng)], None, &mut out).unwrap();
        assert_eq!(read(two, &out, &expected, &lower), Err(RejectReason::Malformed));
        let numbered = gdoi::emit(&[&one], crate::ipsec::SenderId::new(1, 16), &mut out).unwrap();
        assert_eq!(read(numbered, &out, &expected, &lower), Err(RejectReason::Malformed));
        let alone = gdoi::emit(&[&one], None, &mut out).unwrap();
        assert_eq!(read(alone, &out, &expected, &Floor::DEFAULT), Ok(GCM));
    }
}
