//! Every type that holds a key.

use std::net::IpAddr;

use xcast_sec::crypto::{
    AeadAlgorithm, CipherAlgorithm, CryptoProvider, Icv, IntegrityAlgorithm, PrfAlgorithm, PrfOutput, PrfProvider,
    RustCrypto, RustCryptoAeadKey, RustCryptoCipherKey, RustCryptoIntegrityKey, RustCryptoPrfKey, SecretKey,
};
use xcast_sec::group::ike::{Cookies, Phase1, Phase1Config, Role};
use xcast_sec::group::lkh;
use xcast_sec::group::sip::{Channel, Counters, Side};
use xcast_sec::group::spi::HashRule;
use xcast_sec::group::{GroupSa, SaTerms, Suite};
use xcast_sec::ipsec::{
    FixedOutboundSad, FixedSad, OutboundSa, Protection, RoutingCoverage, Sa, SaConfig, SenderId, Spi, Usage,
};
use xcast_sec::time::Instant;

pub(crate) use crate::algorithms::{COMBINED, INTEGRITY};
use crate::memory::{wiped_when_dropped, wiped_when_removed};
use crate::{KeyRng, key};

pub(crate) const CIPHERS: [(CipherAlgorithm, usize); 6] = [
    (CipherAlgorithm::AesCbc, 16),
    (CipherAlgorithm::AesCbc, 24),
    (CipherAlgorithm::AesCbc, 32),
    (CipherAlgorithm::AesCtr, 20),
    (CipherAlgorithm::AesCtr, 28),
    (CipherAlgorithm::AesCtr, 36),
];
pub(crate) const PRFS: [PrfAlgorithm; 2] = [PrfAlgorithm::HmacSha1, PrfAlgorithm::HmacSha2_256];

pub(crate) fn aead_key((algorithm, len): (AeadAlgorithm, usize), which: u8) -> RustCryptoAeadKey {
    RustCrypto.aead_key(algorithm, &key::<64>(which)[..len]).unwrap()
}

pub(crate) fn cipher_key((algorithm, len): (CipherAlgorithm, usize), which: u8) -> RustCryptoCipherKey {
    RustCrypto.cipher_key(algorithm, &key::<64>(which)[..len]).unwrap()
}

pub(crate) fn integrity_key(algorithm: IntegrityAlgorithm, which: u8) -> RustCryptoIntegrityKey {
    RustCrypto.integrity_key(algorithm, &key::<64>(which)[..algorithm.key_len()]).unwrap()
}

pub(crate) fn prf_key(algorithm: PrfAlgorithm, which: u8) -> RustCryptoPrfKey {
    RustCrypto.prf_key(algorithm, &key::<20>(which)).unwrap()
}

/// Every way to protect: AH, ESP with two algorithms, ESP with one.
pub(crate) fn protections(key: &[u8; 64]) -> [Protection<'_>; 3] {
    let integrity = IntegrityAlgorithm::HmacSha2_256_128;
    [
        Protection::Ah { integrity, key: &key[..32], coverage: RoutingCoverage::DataZeroed, pad_to_8: false },
        Protection::Esp {
            cipher: CipherAlgorithm::AesCbc,
            cipher_key: &key[..16],
            integrity: Some((integrity, &key[..32])),
        },
        Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key: &key[..20] },
    ]
}

pub(crate) fn sa(protection: usize, which: u8) -> Sa<RustCrypto> {
    let key = key(which);
    let config = SaConfig::new(Spi::new(0x1000).unwrap(), protections(&key)[protection]);
    Sa::new(&config, &mut RustCrypto).unwrap()
}

pub(crate) fn outbound_sa(protection: usize, which: u8) -> OutboundSa<RustCrypto> {
    OutboundSa::shared(sa(protection, which), SenderId::new(1, 8).unwrap(), Instant::START).unwrap()
}

pub(crate) fn sad(protection: usize, which: u8) -> FixedSad<RustCrypto, 2> {
    let mut sad = FixedSad::new();
    assert!(sad.insert(sa(protection, which), Usage::new(Instant::START)).is_ok());
    sad
}

pub(crate) fn outbound_sad(protection: usize, which: u8) -> FixedOutboundSad<RustCrypto, 2> {
    let mut sad = FixedOutboundSad::new();
    assert!(sad.insert(outbound_sa(protection, which)).is_ok());
    sad
}

pub(crate) fn group_sa(which: u8) -> GroupSa {
    let integrity = IntegrityAlgorithm::HmacSha2_256_128;
    let suite = Suite::Esp { cipher: CipherAlgorithm::AesCbc, cipher_key_len: 16, integrity };
    let terms = SaTerms::new(Spi::new(0x1000).unwrap(), IpAddr::from([239, 1, 1, 1]), suite);
    GroupSa::new(terms, &key::<16>(which), &key::<32>(which)).unwrap()
}

pub(crate) fn phase1(which: u8) -> Phase1<RustCrypto> {
    let key = key::<32>(which);
    let config = Phase1Config {
        role: Role::Initiator,
        cookies: Cookies { initiator: [1; 8], responder: [2; 8] },
        prf: PrfAlgorithm::HmacSha2_256,
        skeyid_a: &key,
        skeyid_e: &key,
        key_len: 32,
        last_block: [5; 16],
    };
    Phase1::new(&config, &mut RustCrypto, &mut KeyRng(0, 0)).unwrap()
}

pub(crate) fn channel(which: u8) -> Channel<RustCrypto> {
    let algorithm = AeadAlgorithm::ChaCha20Poly1305;
    Channel::new(algorithm, &key::<36>(which), Side::Host, Counters::default(), &mut RustCrypto).unwrap()
}

pub(crate) const TREE: fn() -> lkh::Suite = || lkh::Suite::new(AeadAlgorithm::AesGcm16, 36).unwrap();

/// A tree with two members, one of them with the keys of its whole path.
pub(crate) fn tree(which: u8) -> (lkh::Controller<4>, lkh::Member) {
    let mut controller = lkh::Controller::new(TREE());
    let seat = controller.join(&key::<36>(which)).unwrap();
    let mut member = lkh::Member::new(TREE(), seat, &key::<36>(which)).unwrap();
    controller.join(&key::<36>(which)).unwrap();
    let mut message = [0; 512];
    let len = controller.rekey(&mut RustCrypto, &mut KeyRng(which, 0), b"", &mut message).unwrap();
    member.apply(&mut RustCrypto, &mut message[..len]).unwrap();
    (controller, member)
}

/// Octets of two states of the hash, by the algorithms of [`INTEGRITY`].
pub(crate) const TWO_STATES: [usize; 5] = [32, 40, 64, 128, 128];

/// Octets of the round keys of AES, one way, with a key of so many.
pub(crate) fn round_keys(key_len: usize) -> usize {
    16 * (key_len / 4 + 7)
}

#[test]
fn key_octets() {
    wiped_when_dropped("SecretKey", 64, |which| SecretKey::new(&key::<64>(which)).unwrap());
    wiped_when_dropped("Icv", 32, |which| Icv::truncated(&key::<32>(which), 32).unwrap());
    wiped_when_dropped("PrfOutput", 32, |which| PrfOutput::new(&key::<32>(which)).unwrap());
    wiped_when_dropped("GroupSa", 48, group_sa);
}

#[test]
fn key_handles() {
    for algorithm in COMBINED {
        // With the key of GHASH and the salt; ChaCha20 has its key alone.
        let secret = if algorithm.0 == AeadAlgorithm::AesGcm16 { round_keys(algorithm.1 - 4) + 20 } else { 36 };
        wiped_when_dropped(&format!("{algorithm:?}"), secret, |which| aead_key(algorithm, which));
    }
    for algorithm in CIPHERS {
        let secret = round_keys(if algorithm.0 == CipherAlgorithm::AesCtr { algorithm.1 - 4 } else { algorithm.1 });
        wiped_when_dropped(&format!("{algorithm:?}"), secret, |which| cipher_key(algorithm, which));
    }
    for (algorithm, secret) in INTEGRITY.into_iter().zip(TWO_STATES) {
        wiped_when_dropped(&format!("{algorithm:?}"), secret, |which| integrity_key(algorithm, which));
    }
    for (algorithm, secret) in PRFS.into_iter().zip([40, 64]) {
        wiped_when_dropped(&format!("{algorithm:?}"), secret, |which| prf_key(algorithm, which));
    }
    wiped_when_dropped("HashRule", 64, |which| HashRule::with_key(RustCrypto, &key(which)).unwrap());
}

#[test]
fn associations() {
    for (protection, secret) in [64, round_keys(16) + 64, round_keys(16) + 20].into_iter().enumerate() {
        wiped_when_dropped("Sa", secret, |which| sa(protection, which));
        wiped_when_dropped("OutboundSa", secret, |which| outbound_sa(protection, which));
        wiped_when_dropped("FixedSad", secret, |which| sad(protection, which));
        wiped_when_dropped("FixedOutboundSad", secret, |which| outbound_sad(protection, which));
        let id = sa(protection, 1).id();
        wiped_when_removed("FixedSad", secret, |which| sad(protection, which), |sad| assert!(sad.remove(&id)));
        let outbound = |which| outbound_sad(protection, which);
        wiped_when_removed("FixedOutboundSad", secret, outbound, |sad| assert!(sad.remove(&id)));
    }
}

#[test]
fn key_management() {
    wiped_when_dropped("Phase1", round_keys(32) + 64, phase1);
    wiped_when_dropped("Channel", 36, channel);
    // Two leaves, the node above them and the root; a member has one leaf.
    wiped_when_dropped("lkh::Controller", 4 * 36, |which| tree(which).0);
    wiped_when_dropped("lkh::Member", 3 * 36, |which| tree(which).1);
    let one_member = |which| {
        let mut controller = lkh::Controller::<4>::new(TREE());
        controller.join(&key::<36>(which)).unwrap();
        controller
    };
    wiped_when_removed("lkh::Controller, a leaf", 36, one_member, |controller| controller.leave(0).unwrap());
}

#[cfg(feature = "ed25519")]
#[test]
fn signers() {
    use xcast_sec::crypto::{Ed25519Signer, SignerId};

    /// What of it is secret: the public half stays, and depends on the key as well.
    fn secret(which: u8) -> Ed25519Signer {
        Ed25519Signer::new(SignerId::new([7; 16]), &key(which))
    }
    crate::memory::holds_no_key_when_dropped("Ed25519Signer", secret);
}
