//! Keys show nowhere, and are neither copied nor compared by chance.

use std::fmt::Debug;

use crate::kit::{encode, groups, spi};
use xcast_sec::crypto::{CipherAlgorithm, IntegrityAlgorithm};
use xcast_sec::group::gdoi::Download;
use xcast_sec::group::manual::{Config, Item};
use xcast_sec::group::{GroupSa, SaTerms, Suite};

/// Octets that nothing else here has.
const ENCRYPTION: [u8; 16] = [0xc7; 16];
const INTEGRITY: [u8; 32] = [0xd9; 32];

/// Looks for a key in every way that octets are usually shown.
fn shows_no_key(what: &str, text: &str) {
    let text = text.to_lowercase();
    for key in ["c7c7", "d9d9", "199, 199", "217, 217", "c7, ", "d9, ", "0xc7", "0xd9", "\\xc7", "\\xd9"] {
        assert!(!text.contains(key), "{what}: {text}");
    }
}

fn debug(what: &impl Debug) -> String {
    format!("{what:?} {what:#?} {what:x?}")
}

fn association() -> GroupSa {
    let integrity = IntegrityAlgorithm::HmacSha2_256_128;
    let suite = Suite::Esp { cipher: CipherAlgorithm::AesCbc, cipher_key_len: 16, integrity };
    GroupSa::new(SaTerms::new(spi(0x1000), groups()[1], suite), &ENCRYPTION, &INTEGRITY).unwrap()
}

fn text() -> String {
    format!(
        "group ff02::114\nassociation esp spi 256 cipher aes-cbc integrity hmac-sha2-256-128\n cipher-key {}\n \
         integrity-key {}\n",
        "c7".repeat(16),
        "D9".repeat(32)
    )
}

#[test]
fn debug_shows_terms_and_no_key() {
    let sa = association();
    assert!(debug(&sa).contains("HmacSha2_256_128"));
    shows_no_key("GroupSa", &debug(&sa));
    shows_no_key("SaConfig", &debug(&sa.as_config()));
    shows_no_key("SecretKey", &debug(&(sa.encryption_key(), sa.integrity_key())));
    let octets = encode(&[sa], None);
    let download = Download::parse(&octets).unwrap();
    assert!(debug(&download).contains("HmacSha2_256_128"));
    shows_no_key("Download", &debug(&download));
    let text = text();
    let mut config = Config::new(&text);
    shows_no_key("Config", &debug(&config));
    let items: Vec<Item> = config.by_ref().map(Result::unwrap).collect();
    assert_eq!(items.len(), 2);
    shows_no_key("Item", &debug(&items));
    shows_no_key("Config", &debug(&config));
}

/// Whatever is wrong with a text that holds keys, and wherever: the error shows none of it.
#[test]
fn errors_show_nothing_of_a_text() {
    let text = text();
    let mut errors = 0;
    for at in 0..text.len() {
        for other in ["", "\n", " ", "?", "g", "c7", "\n\n", " c7c7 "] {
            for end in [at, at + 1] {
                let damaged = format!("{}{other}{}", &text[..at], &text[end..]);
                if let Some(error) = Config::new(&damaged).find_map(Result::err) {
                    shows_no_key("ManualError", &format!("{error} {}", debug(&error)));
                    errors += 1;
                }
            }
        }
    }
    assert!(errors > 1_000, "{errors}");
}

#[test]
fn errors_show_nothing_of_octets() {
    let octets = encode(&[association()], None);
    let mut errors = 0;
    for at in 0..octets.len() {
        for value in [0, 1, 0x80, 0xff] {
            let mut damaged = octets.clone();
            damaged[at] = value;
            if let Err(error) = Download::parse(&damaged) {
                shows_no_key("GdoiError", &format!("{error} {}", debug(&error)));
                errors += 1;
            }
        }
    }
    assert!(errors > 100, "{errors}");
}

#[test]
fn associations_have_something_to_wipe() {
    assert!(std::mem::needs_drop::<GroupSa>() && std::mem::needs_drop::<Item>());
}

/// Does not compile if the type implements `$forbidden`: the two blanket implementations would then both apply.
macro_rules! assert_not_impl {
    ($($key:ty),+: $forbidden:path) => {
        const _: () = {
            trait AmbiguousIf<Marker> {
                fn check() {}
            }
            struct Forbidden;
            impl<T: ?Sized> AmbiguousIf<()> for T {}
            impl<T: ?Sized + $forbidden> AmbiguousIf<Forbidden> for T {}
            $(const _: fn() = <$key as AmbiguousIf<_>>::check;)+
        };
    };
}

assert_not_impl!(GroupSa, Item: Clone);
assert_not_impl!(GroupSa, Item, Download<'static>: PartialEq);
assert_not_impl!(GroupSa, Item, Download<'static>, Config<'static>: core::fmt::Display);
