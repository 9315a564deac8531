//! Whole packets through `SimdCrypto`, at every level that the processor has, against one after the other through `RustCrypto`.

mod opening;
mod sealing;

use proptest::collection::vec;
use proptest::prelude::*;
use xcast_sec::crypto::{CipherAlgorithm, CryptoProvider, IntegrityAlgorithm};
use xcast_sec::ipsec::{Protection, Sa, SaConfig};

use crate::associations::{Item, KINDS, configs, item};

/// The first octets of each are another association's key.
pub(super) static KEYS: [[u8; 64]; 32] = {
    let mut keys = [[0; 64]; 32];
    let mut at = 0;
    while at < 32 * 64 {
        keys[at / 64][at % 64] = (at * 37 + at / 64 * 11) as u8;
        at += 1;
    }
    keys
};

/// What the lanes are for, and what they are not for.
pub(super) const INTEGRITY: [IntegrityAlgorithm; 5] = [
    IntegrityAlgorithm::HmacSha1_96,
    IntegrityAlgorithm::HmacSha2_256_128,
    IntegrityAlgorithm::HmacMd5_96,
    IntegrityAlgorithm::HmacSha1_96,
    IntegrityAlgorithm::HmacSha2_512_256,
];

/// The associations of a kind, outermost first, each with keys of its own and with algorithms that change from one to the next.
pub(super) fn keyed(kind: usize) -> Vec<SaConfig<'static>> {
    let each = configs(kind).into_iter().zip(2 * kind..).map(|(config, number)| {
        let (key, other) = (&KEYS[number % 32], &KEYS[(number + 9) % 32]);
        let integrity = INTEGRITY[number % INTEGRITY.len()];
        let integrity_key = &key[..integrity.key_len()];
        let protection = match config.protection {
            Protection::Ah { coverage, pad_to_8, .. } => {
                Protection::Ah { integrity, key: integrity_key, coverage, pad_to_8 }
            }
            Protection::Esp { cipher, cipher_key, .. } => {
                let len = if cipher == CipherAlgorithm::AesCbc { [16, 24, 32][number % 3] } else { cipher_key.len() };
                Protection::Esp { cipher, cipher_key: &other[..len], integrity: Some((integrity, integrity_key)) }
            }
            Protection::EspCombined { algorithm, key } => {
                Protection::EspCombined { algorithm, key: &other[..key.len()] }
            }
            other => other,
        };
        SaConfig { protection, rfc8221_exemption: Some(IntegrityAlgorithm::HmacMd5_96), ..config }
    });
    each.collect()
}

pub(super) fn sa<P: CryptoProvider>(config: &SaConfig<'_>, crypto: &mut P) -> Sa<P> {
    Sa::new(config, crypto).unwrap()
}

/// Long ones too, and some batches of a few kinds alone, so that many packets go side by side.
pub(super) fn items() -> impl Strategy<Value = Vec<Item>> {
    let of = |kinds: std::ops::Range<usize>| {
        vec((item(kinds), prop_oneof![2 => Just(None), 1 => (0..1400_usize).prop_map(Some)]), 1..80)
    };
    prop_oneof![2 => of(0..KINDS), 1 => of(0..1), 1 => of(0..4), 1 => of(7..9)].prop_map(|items| {
        let long = |(item, len): (Item, Option<usize>)| Item { payload_len: len.unwrap_or(item.payload_len), ..item };
        items.into_iter().map(long).collect()
    })
}
