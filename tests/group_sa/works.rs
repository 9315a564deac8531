//! Associations that work: what is agreed becomes what seals and opens.

use std::time::Duration;

use crate::common::Packet;
use crate::kit::{Counting, association, encode, full_terms, groups, sender_in, spi, suites};
use xcast_sec::crypto::{AeadAlgorithm, IntegrityAlgorithm, RustCrypto};
use xcast_sec::group::gdoi::Download;
use xcast_sec::group::{GroupMode, Preservation, SaTerms, Suite};
use xcast_sec::ipsec::{
    Limits, Mode, OutboundSa, OuterAddress, PacketBuf, Protection, RoutingCoverage, Sa, SaConfig, SaError,
    SecurityProtocol, SenderId, SenderWindows, open,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{BitmapPlace, CodePoints, Family};

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
fn preservation_decides_the_outer_addresses() {
    let suite = Suite::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key_len: 20 };
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
            ..SaTerms::new(spi(0x1000), group, suite)
        };
        let sa = association(terms);
        let Mode::Tunnel(outer) = sa.as_config().mode else { panic!("no tunnel") };
        assert_eq!((outer.source, outer.destination, outer.hop_limit), (source, destination, 64));
        Sa::new(&sa.as_config(), &mut RustCrypto).unwrap();
    }
}

/// Each suite protects a packet for the group: what the sender seals, a receiver opens that was told the same terms and
/// keys.
#[test]
fn every_suite_makes_associations_that_work() {
    let code_points = CodePoints::rfc4727_experiment();
    for (suite, family) in suites().into_iter().flat_map(|suite| [(suite, Family::V4), (suite, Family::V6)]) {
        let group = groups()[usize::from(family == Family::V6)];
        let sa = association(SaTerms::new(spi(0x1000), group, suite));
        let octets = encode(&[sa], None);
        let sa = Download::parse(&octets).unwrap().iter().next().unwrap();
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
    assert_eq!(refused, Some(SaError::Forbidden(IntegrityAlgorithm::HmacMd5_96)));
}
