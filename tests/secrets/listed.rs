//! No public type that could hold a key is forgotten here.
//!
//! Which could: those of the modules that handle keys whose fields are private. All of them are in one of the two lists below.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// They own a key, or what a key was made into, or are ways to hold one that belongs to somebody else: how they are wiped, or that
/// they show nothing, is tested by name.
const HOLDERS: [&str; 29] = [
    "crypto::Ed25519Signer",
    "crypto::EspJob",
    "crypto::Icv",
    "crypto::IcvJob",
    "crypto::PrfOutput",
    "crypto::RustCryptoAeadKey",
    "crypto::RustCryptoCipherKey",
    "crypto::RustCryptoIntegrityKey",
    "crypto::RustCryptoPrfKey",
    "crypto::SecretKey",
    "crypto::SimdCipherKey",
    "crypto::SimdIntegrityKey",
    "group::GroupSa",
    "group::gdoi::Download",
    "group::ike::Description",
    "group::ike::Payloads",
    "group::ike::Phase1",
    "group::lkh::Controller",
    "group::lkh::Member",
    "group::manual::Config",
    "group::membership::Gcks",
    "group::membership::KeyServer",
    "group::membership::Member",
    "group::sip::Channel",
    "group::spi::HashRule",
    "ipsec::FixedOutboundSad",
    "ipsec::FixedSad",
    "ipsec::OutboundSa",
    "ipsec::Sa",
];

/// They hold none.
const KEYLESS: [&str; 51] = [
    "crypto::Ed25519Verifier",
    "crypto::SignerId",
    "crypto::SimdCrypto",
    // It borrows the terms and gives out what the caller generates.
    "group::GroupSaSource",
    "group::gdoi::GdoiError",
    // Messages as they are sent, encrypted, and hashes, which are wiped by their own type.
    "group::ike::Acceptor",
    "group::ike::DeletedSpis",
    "group::ike::Header",
    "group::ike::Pusher",
    "group::ike::Reason",
    "group::lkh::Suite",
    "group::manual::ManualError",
    "group::membership::Boot",
    "group::membership::Controller",
    "group::membership::Delays",
    "group::membership::Epoch",
    "group::membership::FixedAdmission",
    "group::membership::FixedDirectory",
    "group::membership::GroupId",
    "group::membership::Incarnation",
    "group::membership::Version",
    "group::membership::message::Changes",
    "group::signature::RecentMessages",
    "group::signature::SignedMessage",
    "group::signature::Timestamp",
    "group::sip::PartHeaders",
    // Around a signer, which holds the key.
    "group::source_auth::SignedSource",
    "group::source_auth::SignedSourceVerifier",
    "group::spi::CentralSpis",
    // Around a rule, which holds the key.
    "group::spi::DerivedSpis",
    "group::spi::PerSenderSpis",
    "group::spi::PrefixRule",
    "ipsec::AddressRange",
    "ipsec::FixedSenders",
    "ipsec::FixedSpd",
    // Around a database, which holds the keys.
    "ipsec::Inbound",
    "ipsec::InboundState",
    "ipsec::Layers",
    "ipsec::Outbound",
    "ipsec::PacketBuf",
    "ipsec::PathMtu",
    "ipsec::PolicyId",
    "ipsec::RecentEvents",
    "ipsec::ReplayWindow",
    "ipsec::Reservation",
    "ipsec::SenderId",
    "ipsec::SenderWindows",
    "ipsec::SequenceCounter",
    "ipsec::Spi",
    "ipsec::Unverified",
    "ipsec::Usage",
];

fn read(path: &str) -> Option<String> {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()
}

/// The public structs with private fields of the modules that handle keys, by their paths.
fn public_types(api: &str) -> BTreeSet<&str> {
    let structs = api.lines().filter_map(|line| line.split_once("pub struct ").map(|(_, rest)| rest));
    let private = structs.filter(|line| line.ends_with("{ .. }") || line.ends_with("(_)"));
    let paths = private.filter_map(|line| line.split(['<', ' ', '(']).next());
    paths.filter(|path| ["crypto::", "group::", "ipsec::"].iter().any(|module| path.starts_with(module))).collect()
}

#[test]
fn every_public_type_is_listed() {
    let Some(api) = read(".ci/public-api/public-api.txt") else {
        println!("skipped: the list of the public API is not part of the package");
        return;
    };
    let listed: BTreeSet<&str> = HOLDERS.into_iter().chain(KEYLESS).collect();
    assert_eq!(listed.len(), HOLDERS.len() + KEYLESS.len(), "one is in both lists, or twice in one");
    assert_eq!(public_types(&api), listed);
}

#[test]
fn every_holder_is_tested() {
    let files = ["secrets/holders.rs", "secrets/lanes.rs", "secrets/messages.rs", "secrets/shows.rs"];
    let others = ["group_sa/secrets.rs", "group_ike.rs"];
    let texts = files.iter().chain(&others).map(|file| read(&format!("tests/{file}")).unwrap());
    let code: Vec<String> = texts
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    for holder in HOLDERS {
        let name = holder.rsplit("::").next().unwrap();
        let named = |line: &String| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name);
        assert!(code.iter().any(named), "{holder} is not tested");
    }
}
