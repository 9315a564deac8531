//! Terms, keys made for them, and associations made of them.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use crate::common::Packet;
use crate::kit::{Counting, association, full_terms, groups, sender_in, spi, suites};
use xcast_sec::crypto::{AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm, RustCrypto};
use xcast_sec::group::{
    GroupLifetime, GroupMode, GroupSa, GroupSaError, Preservation, Rollover, SaTerms, Suite, TermsError,
};
use xcast_sec::ipsec::{
    Directionality, Limits, Mode, OutboundSa, OuterAddress, PacketBuf, Protection, RoutingCoverage, Sa, SaConfig,
    SecurityProtocol, SenderId, SenderWindows, open,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{BitmapPlace, CodePoints, Family};

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
fn what_is_agreed_becomes_the_configuration() {
    let integrity = IntegrityAlgorithm::HmacSha2_256_128;
    let suite = Suite::Ah { integrity, coverage: RoutingCoverage::FieldsZeroed, pad_to_8: true };
    for group in groups() {
        let terms = full_terms(0x1234, group, suite);
        let sa = association(terms);
        let config = sa.as_config();
        assert_eq!((config.spi, config.source, config.destination), (terms.spi, terms.source, Some(group)));
        assert!(config.esn && config.policy.is_none() && config.rfc8221_exemption.is_none());
        let hard =
            Limits { time: Some(Duration::from_secs(3_600)), octets: Some(100_000_000), packets: Some(0x1_0000_0000) };
        let soft =
            Limits { time: Some(Duration::from_secs(3_150)), octets: Some(87_500_000), packets: Some(0xE000_0000) };
        assert_eq!((config.lifetimes.hard, config.lifetimes.soft), (hard, soft));
        let Protection::Ah { integrity: algorithm, key, coverage, pad_to_8 } = config.protection else {
            panic!("{config:?}");
        };
        assert_eq!((algorithm, coverage, pad_to_8), (integrity, RoutingCoverage::FieldsZeroed, true));
        assert_eq!(key, sa.integrity_key().as_octets());
        assert_eq!(terms.id(), Sa::new(&config, &mut RustCrypto).unwrap().id());
        assert_eq!(terms.id().protocol, SecurityProtocol::Ah);
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
fn preservation_decides_the_outer_addresses() {
    let (group, sender) = (groups()[1], sender_in(groups()[1]));
    let (kept, own, groups_own) = (OuterAddress::Preserved, OuterAddress::Fixed(sender), OuterAddress::Fixed(group));
    for (preservation, source, destination) in [
        (Preservation::Neither, own, groups_own),
        (Preservation::Source, kept, groups_own),
        (Preservation::Destination, own, kept),
        (Preservation::Both, kept, kept),
    ] {
        let terms = SaTerms {
            source: Some(sender),
            mode: GroupMode::Tunnel(preservation),
            ..SaTerms::new(spi(0x1000), group, gcm())
        };
        let sa = association(terms);
        let Mode::Tunnel(outer) = sa.as_config().mode else { panic!("no tunnel") };
        assert_eq!((outer.source, outer.destination, outer.hop_limit), (source, destination, 64));
        Sa::new(&sa.as_config(), &mut RustCrypto).unwrap();
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

/// Each suite protects a packet for the group: what the sender seals, a receiver opens that was told the same terms and keys.
#[test]
fn every_suite_makes_associations_that_work() {
    let code_points = CodePoints::rfc4727_experiment();
    for (suite, family) in suites().into_iter().flat_map(|suite| [(suite, Family::V4), (suite, Family::V6)]) {
        let group = groups()[usize::from(family == Family::V6)];
        let sa = association(SaTerms::new(spi(0x1000), group, suite));
        let octets = crate::kit::encode(&[sa], None);
        let sa = xcast_sec::group::gdoi::Download::parse(&octets).unwrap().iter().next().unwrap();
        let exemption = Some(IntegrityAlgorithm::HmacMd5_96);
        let config = SaConfig { rfc8221_exemption: exemption, ..sa.as_config() };
        let receiver = Sa::new(&config, &mut RustCrypto).unwrap();
        let id = SenderId::new(3, 8).unwrap();
        let sender = Sa::new(&config, &mut RustCrypto).unwrap();
        let mut sender = OutboundSa::shared(sender, id, Instant::START).unwrap();

        let mut packet = Packet { no_x2u: true, ..Packet::plain(family, 3) };
        let separated = match suite {
            Suite::Ah { coverage, .. } => family == Family::V4 || coverage == RoutingCoverage::Covered,
            _ => false,
        };
        packet.place = if separated { BitmapPlace::Option } else { BitmapPlace::Header };
        let octets = packet.octets();
        let mut buffer = vec![0; octets.len() + 256];
        buffer[128..128 + octets.len()].copy_from_slice(&octets);
        let mut buf = PacketBuf::new(&mut buffer, 128..128 + octets.len()).unwrap();
        let sealed =
            sender.seal(Instant::START, &mut RustCrypto, &mut Counting { next: 0 }, Some(&code_points), &mut buf);
        assert_eq!(sealed.map(|sealed| sealed.sequence), Ok(1), "{suite:?} {family:?}");
        assert_ne!(buf.as_octets(), octets);
        let mut windows = SenderWindows::<2, 1>::new(64).unwrap();
        let opened = open(&receiver, &mut windows, &mut RustCrypto, Some(&code_points), &mut buf);
        assert_eq!(opened.map(|opened| opened.sequence), Ok(1), "{suite:?} {family:?}");
    }
}

#[test]
fn no_message_can_allow_what_rfc_8221_forbids() {
    let suite =
        Suite::Ah { integrity: IntegrityAlgorithm::HmacMd5_96, coverage: RoutingCoverage::DataZeroed, pad_to_8: false };
    let sa = association(SaTerms::new(spi(0x1000), groups()[1], suite));
    let refused = Sa::new(&sa.as_config(), &mut RustCrypto).err();
    assert_eq!(refused, Some(xcast_sec::ipsec::SaError::Forbidden(IntegrityAlgorithm::HmacMd5_96)));
}
