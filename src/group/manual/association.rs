//! The statement of an association.

use core::net::IpAddr;

use zeroize::Zeroizing;

use super::config::Group;
use super::error::{Expected, ManualError, ManualErrorKind};
use super::statement::{Keys, Pairs, Statement, UNICAST, keys};
use super::values::{SPI, YES_OR_NO, hex, number, number_or_hex, unicast, yes_or_no};
use crate::crypto::{AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm, SecretKey};
use crate::group::{GroupLifetime, GroupMode, GroupSa, GroupSaError, Preservation, SaTerms, Suite};
use crate::ipsec::{Directionality, RoutingCoverage, Spi};
use crate::wire::Family;

const HEX: Expected = Expected::Kind("hexadecimal digits, two for each octet");
const SECONDS: Expected = Expected::Kind("a number of seconds from 1 to 4294967295");
const KILOBYTES: Expected = Expected::Kind("a number of kilobytes from 1 to 4294967295");
const PACKETS: Expected = Expected::Kind("a number of packets from 1 to 18446744073709551615");

const INTEGRITY_NAMES: &[&str] =
    &["hmac-md5-96", "hmac-sha1-96", "hmac-sha2-256-128", "hmac-sha2-384-192", "hmac-sha2-512-256"];

static KEYS: Keys<16> = keys! {
    "spi": SPI,
    "source": UNICAST,
    "mode": Expected::OneOf(&["transport", "tunnel"]),
    "preserve": Expected::OneOf(&["neither", "source", "destination", "both"]),
    "cipher": Expected::OneOf(&["null", "aes-cbc", "aes-ctr", "aes-gcm-16", "chacha20-poly1305"]),
    "cipher-key": HEX,
    "integrity": Expected::OneOf(INTEGRITY_NAMES),
    "integrity-key": HEX,
    "coverage": Expected::OneOf(&["data-zeroed", "fields-zeroed", "covered"]),
    "pad-to-8": YES_OR_NO,
    "esn": YES_OR_NO,
    "direction": Expected::OneOf(&["symmetric", "sender-only", "receiver-only"]),
    "lifetime-seconds": SECONDS,
    "lifetime-kilobytes": KILOBYTES,
    "lifetime-packets": PACKETS,
    "sequence-numbers": Expected::OneOf(&["saved"]),
};

/// Keying material of a cipher, nonce or salt included.
const fn cipher_key_lens(cipher: Cipher) -> &'static [usize] {
    match cipher {
        Cipher::Separate(CipherAlgorithm::Null) => &[],
        Cipher::Separate(CipherAlgorithm::AesCbc) => &[16, 24, 32],
        Cipher::Separate(CipherAlgorithm::AesCtr) | Cipher::Combined(AeadAlgorithm::AesGcm16) => &[20, 28, 36],
        Cipher::Combined(AeadAlgorithm::ChaCha20Poly1305) => &[36],
    }
}

const fn integrity_key_lens(integrity: IntegrityAlgorithm) -> &'static [usize] {
    match integrity {
        IntegrityAlgorithm::HmacMd5_96 => &[16],
        IntegrityAlgorithm::HmacSha1_96 => &[20],
        IntegrityAlgorithm::HmacSha2_256_128 => &[32],
        IntegrityAlgorithm::HmacSha2_384_192 => &[48],
        IntegrityAlgorithm::HmacSha2_512_256 => &[64],
    }
}

#[derive(Clone, Copy)]
enum Cipher {
    Separate(CipherAlgorithm),
    Combined(AeadAlgorithm),
}

fn cipher(text: &str) -> Option<Cipher> {
    Some(match text {
        "null" => Cipher::Separate(CipherAlgorithm::Null),
        "aes-cbc" => Cipher::Separate(CipherAlgorithm::AesCbc),
        "aes-ctr" => Cipher::Separate(CipherAlgorithm::AesCtr),
        "aes-gcm-16" => Cipher::Combined(AeadAlgorithm::AesGcm16),
        "chacha20-poly1305" => Cipher::Combined(AeadAlgorithm::ChaCha20Poly1305),
        _ => return None,
    })
}

fn integrity(text: &str) -> Option<IntegrityAlgorithm> {
    Some(match text {
        "hmac-md5-96" => IntegrityAlgorithm::HmacMd5_96,
        "hmac-sha1-96" => IntegrityAlgorithm::HmacSha1_96,
        "hmac-sha2-256-128" => IntegrityAlgorithm::HmacSha2_256_128,
        "hmac-sha2-384-192" => IntegrityAlgorithm::HmacSha2_384_192,
        "hmac-sha2-512-256" => IntegrityAlgorithm::HmacSha2_512_256,
        _ => return None,
    })
}

fn coverage(text: &str) -> Option<RoutingCoverage> {
    Some(match text {
        "data-zeroed" => RoutingCoverage::DataZeroed,
        "fields-zeroed" => RoutingCoverage::FieldsZeroed,
        "covered" => RoutingCoverage::Covered,
        _ => return None,
    })
}

fn preservation(text: &str) -> Option<Preservation> {
    Some(match text {
        "neither" => Preservation::Neither,
        "source" => Preservation::Source,
        "destination" => Preservation::Destination,
        "both" => Preservation::Both,
        _ => return None,
    })
}

fn direction(text: &str) -> Option<Directionality> {
    Some(match text {
        "symmetric" => Directionality::Symmetric,
        "sender-only" => Directionality::SenderOnly,
        "receiver-only" => Directionality::ReceiverOnly,
        _ => return None,
    })
}

fn mode(pairs: &Pairs<'_, 16>) -> Result<GroupMode, ManualError> {
    let tunnel = pairs.value("mode", |text| match text {
        "transport" => Some(false),
        "tunnel" => Some(true),
        _ => None,
    })?;
    if tunnel == Some(true) {
        return Ok(GroupMode::Tunnel(pairs.value("preserve", preservation)?.unwrap_or(Preservation::Both)));
    }
    pairs.refuse(&["preserve"], "transport mode")?;
    Ok(GroupMode::Transport)
}

fn lifetime(pairs: &Pairs<'_, 16>) -> Result<GroupLifetime, ManualError> {
    Ok(GroupLifetime {
        seconds: pairs.value("lifetime-seconds", number)?.unwrap_or(GroupLifetime::default().seconds),
        kilobytes: pairs.value("lifetime-kilobytes", number)?,
        packets: pairs.value("lifetime-packets", number)?,
    })
}

/// The algorithms, with the lengths of keys that are yet to be read.
enum Algorithms {
    Ah(IntegrityAlgorithm),
    Esp(CipherAlgorithm, IntegrityAlgorithm),
    Combined(AeadAlgorithm),
}

fn algorithms(statement: &Statement<'_>, pairs: &Pairs<'_, 16>) -> Result<Algorithms, ManualError> {
    match statement.subject.text {
        "ah" => {
            pairs.refuse(&["cipher", "cipher-key", "sequence-numbers"], "AH")?;
            return Ok(Algorithms::Ah(pairs.required("integrity", integrity)?));
        }
        "esp" => {}
        _ => return Err(statement.bad_subject()),
    }
    pairs.refuse(&["coverage", "pad-to-8"], "ESP")?;
    match pairs.required("cipher", cipher)? {
        Cipher::Separate(cipher) => Ok(Algorithms::Esp(cipher, pairs.required("integrity", integrity)?)),
        Cipher::Combined(algorithm) => {
            pairs.refuse(&["integrity", "integrity-key"], "a cipher that has integrity of its own")?;
            Ok(Algorithms::Combined(algorithm))
        }
    }
}

type KeyPlace = [u8; SecretKey::CAPACITY];

fn cipher_key<'p>(pairs: &Pairs<'_, 16>, cipher: Cipher, place: &'p mut KeyPlace) -> Result<&'p [u8], ManualError> {
    let accepted = cipher_key_lens(cipher);
    if accepted.is_empty() {
        pairs.refuse(&["cipher-key"], "a cipher that has no key")?;
        return Ok(&[]);
    }
    let word = pairs.word("cipher-key").ok_or(pairs.missing("cipher-key"))?;
    hex(&word, place)?.of_len(accepted, &word)
}

fn integrity_key<'p>(
    pairs: &Pairs<'_, 16>,
    integrity: IntegrityAlgorithm,
    place: &'p mut KeyPlace,
) -> Result<&'p [u8], ManualError> {
    let word = pairs.word("integrity-key").ok_or(pairs.missing("integrity-key"))?;
    hex(&word, place)?.of_len(integrity_key_lens(integrity), &word)
}

/// The SPI alone, to compare with others.
pub(super) fn spi(statement: &Statement<'_>) -> Result<Spi, ManualError> {
    statement.pairs(&KEYS)?.required("spi", |text| number_or_hex(text).and_then(Spi::new))
}

/// The association.
pub(super) fn read(statement: &Statement<'_>, group: &Group) -> Result<GroupSa, ManualError> {
    let pairs = statement.pairs(&KEYS)?;
    let algorithms = algorithms(statement, &pairs)?;
    let spi = pairs.required("spi", |text| number_or_hex(text).and_then(Spi::new))?;
    let source = pairs.value("source", unicast)?;
    check_family(&pairs, source, group)?;
    let (mut cipher_octets, mut integrity_octets) =
        (Zeroizing::new([0; SecretKey::CAPACITY]), Zeroizing::new([0; SecretKey::CAPACITY]));
    let (suite, cipher_key, integrity_key) = match algorithms {
        Algorithms::Ah(integrity) => {
            let coverage = pairs.value("coverage", coverage)?.unwrap_or(RoutingCoverage::DataZeroed);
            let pad_to_8 = pairs.value("pad-to-8", yes_or_no)?.unwrap_or(false);
            (
                Suite::Ah { integrity, coverage, pad_to_8 },
                &[][..],
                integrity_key(&pairs, integrity, &mut integrity_octets)?,
            )
        }
        Algorithms::Esp(cipher, integrity) => {
            let key = cipher_key(&pairs, Cipher::Separate(cipher), &mut cipher_octets)?;
            (
                Suite::Esp { cipher, cipher_key_len: key.len(), integrity },
                key,
                integrity_key(&pairs, integrity, &mut integrity_octets)?,
            )
        }
        Algorithms::Combined(algorithm) => {
            let key = cipher_key(&pairs, Cipher::Combined(algorithm), &mut cipher_octets)?;
            (Suite::EspCombined { algorithm, key_len: key.len() }, key, &[][..])
        }
    };
    let saved = pairs.value("sequence-numbers", |text| (text == "saved").then_some(()))?.is_some();
    if suite.counts_its_vectors() && !saved {
        // RFC 8221 §3: MUST NOT, as nothing keeps the counter of keys set by hand when the host restarts.
        return Err(pairs.word("cipher").unwrap_or(statement.head).error(ManualErrorKind::CounterMode));
    }
    let terms = SaTerms {
        source,
        mode: mode(&pairs)?,
        esn: pairs.value("esn", yes_or_no)?.unwrap_or(false),
        direction: pairs.value("direction", direction)?.unwrap_or(Directionality::Symmetric),
        lifetime: lifetime(&pairs)?,
        epoch: group.epoch,
        rollover: group.rollover,
        ..SaTerms::new(spi, group.address, suite)
    };
    GroupSa::new(terms, cipher_key, integrity_key).map_err(|error| match error {
        GroupSaError::Terms(error) => statement.head.error(ManualErrorKind::Terms(error)),
        // The lengths were judged above.
        _ => statement.bad_subject(),
    })
}

fn check_family(pairs: &Pairs<'_, 16>, source: Option<IpAddr>, group: &Group) -> Result<(), ManualError> {
    match (source, pairs.word("source")) {
        (Some(source), Some(word)) if Family::of(&source) != Family::of(&group.address) => {
            Err(word.error(ManualErrorKind::Family))
        }
        _ => Ok(()),
    }
}
