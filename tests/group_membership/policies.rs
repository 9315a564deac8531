//! Contradictions, and the choice of algorithms.

use std::net::IpAddr;

use xcast_sec::crypto::{AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm};
use xcast_sec::group::membership::{
    Anonymity, Boot, Contradiction, Controller, ControllerConfig, FixedDirectory, Floor, GroupSetup, NegotiationError,
    QueryPolicy, Suite, choose,
};
use xcast_sec::ipsec::RoutingCoverage;
use xcast_sec::wire::{BitmapPlace, Family};

use crate::kit::{GROUP, address, setup};

fn check(anonymity: Anonymity, setup: GroupSetup, query: QueryPolicy) -> Result<(), Contradiction> {
    let config = ControllerConfig { anonymity, query, ..ControllerConfig::new(GROUP, setup) };
    let made = Controller::<4>::new(config, Boot::new(1), 1).map(|_| ());
    assert_eq!(made, anonymity.check(&setup, query), "the controller refuses what contradicts itself");
    made
}

#[test]
fn contradictions_have_names() {
    let among = Anonymity { among_members: true, towards_outsiders: false };
    let outside = Anonymity { among_members: false, towards_outsiders: true };
    let ah = |family, coverage| GroupSetup { family, ah: Some(coverage), ..setup() };
    let query = QueryPolicy::Senders;
    for coverage in [RoutingCoverage::DataZeroed, RoutingCoverage::FieldsZeroed, RoutingCoverage::Covered] {
        assert_eq!(check(among, ah(Family::V4, coverage), query), Err(Contradiction::AhOnXcast4));
        assert_eq!(check(Anonymity::NONE, ah(Family::V4, coverage), QueryPolicy::Members), Ok(()));
    }
    assert_eq!(check(among, ah(Family::V6, RoutingCoverage::DataZeroed), query), Ok(()));
    assert_eq!(check(among, ah(Family::V6, RoutingCoverage::FieldsZeroed), query), Ok(()));
    assert_eq!(check(among, ah(Family::V6, RoutingCoverage::Covered), query), Err(Contradiction::AhCoversAddresses));
    let v4 = GroupSetup { family: Family::V4, ..setup() };
    assert_eq!((check(among, v4, query), check(among, setup(), QueryPolicy::Nobody)), (Ok(()), Ok(())));
    let separated = GroupSetup { bitmap: BitmapPlace::Option, ..setup() };
    assert_eq!(check(among, separated, query), Err(Contradiction::SeparatedBitmap));
    let tunnel = GroupSetup { tunnel: true, ..setup() };
    assert_eq!(check(among, tunnel, query), Err(Contradiction::AddressesInTunnel));
    assert_eq!(check(among, setup(), QueryPolicy::Members), Err(Contradiction::QueryByMembers));
    assert_eq!(check(outside, setup(), QueryPolicy::Members), Err(Contradiction::AddressesOnThePath));
    assert_eq!(check(outside, tunnel, QueryPolicy::Members), Ok(()));
}

const SHA2: IntegrityAlgorithm = IntegrityAlgorithm::HmacSha2_256_128;
const GCM: Suite = Suite::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key_len: 20 };
const CBC: Suite = Suite::Esp { cipher: CipherAlgorithm::AesCbc, key_len: 16, integrity: SHA2 };
const NULL: Suite = Suite::Esp { cipher: CipherAlgorithm::Null, key_len: 0, integrity: SHA2 };
const MD5: Suite = Suite::Ah(IntegrityAlgorithm::HmacMd5_96);
const AH: Suite = Suite::Ah(SHA2);

#[test]
fn the_best_that_all_have_is_chosen_and_nothing_below_the_floor() {
    let mut directory = FixedDirectory::<8>::new();
    for (member, suite) in [(1, GCM), (1, CBC), (1, NULL), (2, CBC), (2, NULL), (3, NULL), (3, MD5)] {
        assert!(directory.add(address(member), suite));
    }
    assert!(directory.add(address(1), GCM), "it is there");
    let all = [GCM, CBC, NULL, MD5];
    let choice =
        |members: &[usize], floor: &Floor| choose(&all, members.iter().map(|index| address(*index)), &directory, floor);
    let floor = Floor::DEFAULT;
    assert_eq!(choice(&[1], &floor), Ok(GCM));
    assert_eq!(choice(&[1, 2], &floor), Ok(CBC));
    assert_eq!(choice(&[1, 2, 3], &floor), Err(NegotiationError::BelowFloor(NULL)), "no silent downgrade");
    assert_eq!(choice(&[1, 2, 3], &Floor { cipher_bits: 0, ..floor }), Ok(NULL));
    assert_eq!(choice(&[1, 4], &floor), Err(NegotiationError::Unknown(address(4))));
    assert_eq!(choose(&[GCM], [address(2)].into_iter(), &directory, &floor), Err(NegotiationError::NothingCommon));
    assert_eq!(choose(&[CBC, GCM], [address(1)].into_iter(), &directory, &floor), Ok(CBC), "as preferred");
    directory.remove(address(1));
    assert_eq!(choose(&all, [address(1)].into_iter(), &directory, &floor), Err(NegotiationError::Unknown(address(1))));
    // A group without members has whatever is preferred; one configuration for all is a directory, too.
    let nobody = || core::iter::empty::<IpAddr>();
    assert_eq!(choose(&all, nobody(), &directory, &floor), Ok(GCM));
    assert_eq!(choose(&all, [address(9)].into_iter(), &[CBC][..], &floor), Ok(CBC));
    let mut full = FixedDirectory::<1>::new();
    assert!(full.add(address(1), GCM) && !full.add(address(1), CBC));
}

#[test]
fn a_floor_measures_keys_and_icvs() {
    let floor = Floor::DEFAULT;
    let sha1 = Suite::Esp { cipher: CipherAlgorithm::AesCbc, key_len: 16, integrity: IntegrityAlgorithm::HmacSha1_96 };
    let ctr = |key_len| Suite::Esp { cipher: CipherAlgorithm::AesCtr, key_len, integrity: SHA2 };
    let chacha = Suite::EspCombined { algorithm: AeadAlgorithm::ChaCha20Poly1305, key_len: 36 };
    for (suite, bits, icv, allowed) in [
        (GCM, 128, 128, true),
        (chacha, 256, 128, true),
        (CBC, 128, 128, true),
        (ctr(20), 128, 128, true),
        (ctr(16), 96, 128, false),
        (sha1, 128, 96, false),
        (NULL, 0, 128, false),
        (AH, 0, 128, false),
        (MD5, 0, 96, false),
    ] {
        assert_eq!((suite.cipher_bits(), suite.icv_bits(), floor.allows(&suite)), (bits, icv, allowed), "{suite:?}");
    }
    let low = Floor { cipher_bits: 0, icv_bits: 96, forbidden: false };
    assert!(low.allows(&AH) && low.allows(&sha1) && !low.allows(&MD5));
    assert!(Floor { forbidden: true, ..low }.allows(&MD5));
    assert!(
        !low.allows(&Suite::EspCombined { algorithm: AeadAlgorithm::ChaCha20Poly1305, key_len: 32 }),
        "no such key"
    );
}
