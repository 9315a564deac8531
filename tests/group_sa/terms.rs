//! Terms, keys made for them, and associations made of them.

use std::num::{NonZeroU32, NonZeroU64};

use crate::kit::{Counting, groups, sender_in, spi, suites};
use xcast_sec::crypto::{AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm};
use xcast_sec::group::{
    GroupLifetime, GroupMode, GroupSa, GroupSaError, Preservation, Rollover, SaTerms, Suite, TermsError,
};
use xcast_sec::ipsec::Directionality;
use xcast_sec::time::Instant;

fn gcm() -> Suite {
    Suite::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key_len: 20 }
}

#[test]
fn defaults_are_those_of_the_specifications() {
    let terms = SaTerms::new(spi(0x1000), groups()[1], gcm());
    terms.check().unwrap();
    assert_eq!((terms.source, terms.mode, terms.esn), (None, GroupMode::Transport, false));
    assert_eq!((terms.direction, terms.epoch, terms.rollover), (Directionality::Symmetric, 0, Rollover::AT_ONCE));
    // RFC 2407 §4.5: 28800 seconds.
    assert_eq!(terms.lifetime, GroupLifetime::seconds(NonZeroU32::new(28_800).unwrap()));
    assert_eq!(terms.id().destination, Some(groups()[1]));
}

#[test]
fn unsound_terms_are_refused_for_what_they_are() {
    let good = SaTerms::new(spi(0x1000), groups()[1], gcm());
    let sender = Some(sender_in(groups()[1]));
    let tunnel = |preservation| SaTerms { mode: GroupMode::Tunnel(preservation), ..good };
    for (terms, expected) in [
        (good, None),
        (SaTerms { source: sender, direction: Directionality::SenderOnly, ..good }, None),
        (tunnel(Preservation::Both), None),
        (tunnel(Preservation::Source), None),
        (SaTerms { source: sender, ..tunnel(Preservation::Neither) }, None),
        (tunnel(Preservation::Neither), Some(TermsError::TunnelSource)),
        (tunnel(Preservation::Destination), Some(TermsError::TunnelSource)),
        (SaTerms { direction: Directionality::SenderOnly, ..good }, Some(TermsError::Direction)),
        (SaTerms { direction: Directionality::ReceiverOnly, ..good }, Some(TermsError::Direction)),
        (SaTerms { source: Some(sender_in(groups()[0])), ..good }, Some(TermsError::Families)),
        (SaTerms { source: Some(groups()[1]), ..good }, Some(TermsError::Source)),
        (SaTerms { source: Some("::".parse().unwrap()), ..good }, Some(TermsError::Source)),
        (SaTerms { destination: "::".parse().unwrap(), ..good }, Some(TermsError::Destination)),
        (
            SaTerms { suite: Suite::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key_len: 16 }, ..good },
            Some(TermsError::KeyLength),
        ),
        (
            SaTerms {
                suite: Suite::Esp {
                    cipher: CipherAlgorithm::Null,
                    cipher_key_len: 1,
                    integrity: IntegrityAlgorithm::HmacSha1_96,
                },
                ..good
            },
            Some(TermsError::KeyLength),
        ),
    ] {
        assert_eq!(terms.check().err(), expected, "{terms:?}");
        let made = GroupSa::generate(terms, &mut Counting { next: 0 });
        assert_eq!(made.err(), expected.map(GroupSaError::Terms), "{terms:?}");
    }
}

#[test]
fn keys_are_fresh_of_the_right_length_and_from_the_generator_alone() {
    for suite in suites() {
        let terms = SaTerms::new(spi(0x1000), groups()[1], suite);
        let mut rng = Counting { next: 3 };
        let sa = GroupSa::generate(terms, &mut rng).unwrap();
        let (encryption, integrity) = (sa.encryption_key().as_octets(), sa.integrity_key().as_octets());
        assert_eq!(encryption.len(), suite.encryption_key_len());
        assert_eq!(integrity.len(), suite.integrity_key_len());
        // One after the other, and none left out or used twice.
        let all: Vec<u8> = [encryption, integrity].concat();
        assert_eq!(all, (3..).take(all.len()).collect::<Vec<u8>>(), "{suite:?}");
        assert_eq!(usize::from(rng.next), 3 + all.len());
        assert!(!all.is_empty());
    }
}

/// A generator that has nothing to give.
struct Empty;

impl rand_core::TryRng for Empty {
    type Error = std::fmt::Error;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Err(std::fmt::Error)
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Err(std::fmt::Error)
    }
    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Self::Error> {
        Err(std::fmt::Error)
    }
}

impl rand_core::TryCryptoRng for Empty {}

#[test]
fn without_random_octets_there_are_no_keys() {
    for suite in suites() {
        let made = GroupSa::generate(SaTerms::new(spi(0x1000), groups()[1], suite), &mut Empty);
        assert_eq!(made.err(), Some(GroupSaError::Random), "{suite:?}");
    }
}

#[test]
fn keys_of_another_length_are_refused() {
    for suite in suites() {
        let terms = SaTerms::new(spi(0x1000), groups()[1], suite);
        let (encryption, integrity) = (suite.encryption_key_len(), suite.integrity_key_len());
        let make =
            |encryption: usize, integrity: usize| GroupSa::new(terms, &vec![1; encryption], &vec![2; integrity]).err();
        assert_eq!(make(encryption, integrity), None);
        for actual in [0, 16, 19, 20, 32, 64, 65].into_iter().filter(|&len| len != encryption) {
            assert_eq!(make(actual, integrity), Some(GroupSaError::EncryptionKey { actual }), "{suite:?}");
        }
        for actual in [0, 16, 19, 20, 32, 64, 65].into_iter().filter(|&len| len != integrity) {
            assert_eq!(make(encryption, actual), Some(GroupSaError::IntegrityKey { actual }), "{suite:?}");
        }
    }
}

#[test]
fn a_soft_limit_never_exceeds_the_hard_one_and_comes_first() {
    for seconds in [1, 2, 7, 8, 9, 28_800, u32::MAX] {
        let lifetime = GroupLifetime {
            seconds: NonZeroU32::new(seconds).unwrap(),
            kilobytes: NonZeroU32::new(seconds),
            packets: NonZeroU64::new(seconds.into()),
        };
        let limits = lifetime.to_lifetimes();
        assert!(limits.soft.time < limits.hard.time && limits.soft.octets < limits.hard.octets);
        assert!(limits.soft.packets < limits.hard.packets);
        assert_eq!(limits.hard.octets, Some(u64::from(seconds) * 1_000));
    }
}

#[test]
fn delays_count_from_receipt() {
    let rollover = Rollover { activation_delay: 5, deactivation_delay: u16::MAX };
    let received = Instant::from_secs(100);
    assert_eq!(rollover.activation(received), Instant::from_secs(105));
    assert_eq!(rollover.deactivation(received), Instant::from_secs(100 + 65_535));
    assert_eq!(Rollover::AT_ONCE.activation(received), received);
    assert_eq!(Rollover::AT_ONCE.deactivation(received), received);
}
