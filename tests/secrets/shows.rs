//! Nothing that is printed has a key in it.

use std::fmt::{Debug, Display};

use xcast_sec::crypto::{
    CryptoProvider, EspJob, EspLengths, Icv, IcvJob, PrfOutput, PrfProvider, RustCrypto, SecretKey,
};
use xcast_sec::group::ike::{Cookies, Phase1Config, Role};
use xcast_sec::group::membership::Saved;
use xcast_sec::group::spi::HashRule;
use xcast_sec::group::{GroupSa, lkh};
use xcast_sec::ipsec::{
    AnySender, FixedSpd, Freshness, Inbound, PacketBuf, RecentEvents, Sa, SaConfig, SenderWindows, Spi, seal_with,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::CodePoints;

use crate::holders::{
    CIPHERS, COMBINED, INTEGRITY, PRFS, TREE, aead_key, channel, cipher_key, group_sa, integrity_key, outbound_sad,
    phase1, prf_key, protections, sad, tree,
};
use crate::key;
use crate::messages::both;

/// Looks for three octets of a key that follow one another, however they are written.
fn shows_no_key(what: &str, text: &str) {
    assert_eq!(found(text), None, "{what}: {text}");
}

fn found(text: &str) -> Option<String> {
    let text: String = text.to_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
    let written = |octets: &[u8], one: fn(&u8) -> String, between: &str| -> String {
        octets.iter().map(one).collect::<Vec<_>>().join(between)
    };
    key::<64>(1).windows(3).find_map(|octets| {
        let octal = octets.escape_ascii().to_string();
        let ways = [
            written(octets, |o| format!("{o:02x}"), ""),
            written(octets, |o| format!("{o:02x}"), ":"),
            written(octets, |o| format!("{o:x}"), ","),
            written(octets, |o| format!("{o:#x}"), ","),
            written(octets, |o| format!("{o}"), ","),
            octal.to_lowercase(),
        ];
        ways.into_iter().find(|way| text.contains(way))
    })
}

fn debug(what: &(impl Debug + ?Sized)) -> String {
    format!("{what:?} {what:#?} {what:x?} {what:#x?}")
}

pub(crate) fn hides(what: &impl Debug) {
    let text = debug(what);
    assert!(text.len() > 20, "it shows something: {text}");
    shows_no_key(std::any::type_name_of_val(what), &text);
}

#[test]
fn a_key_that_shows_is_found() {
    #[derive(Debug)]
    #[allow(dead_code, reason = "it is printed")]
    struct Shows([u8; 20]);
    let shows = Shows(key(1));
    for text in [format!("{shows:?}"), format!("{shows:#?}"), format!("{shows:x?}"), format!("{shows:#X?}")] {
        assert!(found(&text).is_some(), "{text}");
    }
    assert!(found(&key::<20>(1).map(|octet| format!("{octet:02X}")).concat()).is_some());
    assert!(found(&key::<20>(1).escape_ascii().to_string()).is_some());
    assert_eq!(found(&debug(&Shows(key(2)))), None);
}

#[test]
fn key_handles() {
    COMBINED.iter().for_each(|algorithm| hides(&aead_key(*algorithm, 1)));
    CIPHERS.iter().for_each(|algorithm| hides(&cipher_key(*algorithm, 1)));
    INTEGRITY.iter().for_each(|algorithm| hides(&integrity_key(*algorithm, 1)));
    PRFS.iter().for_each(|algorithm| hides(&prf_key(*algorithm, 1)));
    hides(&SecretKey::new(&key::<64>(1)).unwrap());
    hides(&(Icv::truncated(&key::<32>(1), 32), Some("an ICV")));
    hides(&PrfOutput::new(&key::<32>(1)));
    hides(&HashRule::with_key(RustCrypto, &key(1)).unwrap());
}

#[cfg(feature = "ed25519")]
#[test]
fn signers() {
    use xcast_sec::crypto::{Ed25519Signer, SignerId};
    hides(&Ed25519Signer::new(SignerId::new([7; 16]), &key(1)));
}

/// Work that is handed to a provider shows neither keys nor ICVs nor what it is done on.
#[test]
fn jobs() {
    let (cipher, integrity) = (cipher_key(CIPHERS[0], 1), integrity_key(INTEGRITY[2], 1));
    let mut octets = key::<64>(1);
    hides(&EspJob::new(&cipher, &integrity, &mut octets, EspLengths { iv_len: 16, icv_len: 16 }, None).unwrap());
    let (parts, received) = (key::<64>(1), key::<16>(1));
    hides(&IcvJob::verify(&integrity, [&parts[..]].into_iter(), &received));
    let mut computed = IcvJob::compute(&integrity, [&parts[..]].into_iter());
    computed.finish(Ok(Icv::truncated(&key::<32>(1), 16)));
    hides(&computed);
}

#[test]
fn associations_and_what_they_are_made_of() {
    let octets = key(1);
    for (index, protection) in protections(&octets).into_iter().enumerate() {
        hides(&protection);
        let config = SaConfig::new(Spi::new(0x1000).unwrap(), protection);
        hides(&config);
        hides(&Sa::new(&config, &mut RustCrypto).unwrap());
        hides(&sad(index, 1));
        hides(&outbound_sad(index, 1));
    }
    hides(&group_sa(1));
}

#[test]
fn key_management() {
    let octets = key::<32>(1);
    hides(&Phase1Config {
        role: Role::Initiator,
        cookies: Cookies { initiator: [1; 8], responder: [2; 8] },
        prf: PRFS[1],
        skeyid_a: &octets,
        skeyid_e: &octets,
        key_len: 32,
        last_block: [5; 16],
    });
    hides(&phase1(1));
    hides(&channel(1));
    let (controller, member) = tree(1);
    hides(&controller);
    hides(&member);
    let (server, listener) = both(1);
    hides(&server);
    hides(&listener);
    let mac = integrity_key(INTEGRITY[2], 1);
    hides(&Saved { crypto: &mut RustCrypto, key: &mac, number: 1 });
}

/// A key is pushed as octets of a message, which nothing that reads them shows.
#[test]
fn what_a_push_is_read_into() {
    use xcast_sec::group::ike::{Description, Payloads};
    // An SA payload, and a KD payload of key octets behind it.
    let mut octets = vec![17, 0, 0, 8, 0, 0, 0, 0];
    octets.extend([0, 0, 0, 4 + 64]);
    octets.extend(key::<64>(1));
    hides(&Payloads::new(1, &octets));
    let description = Description::parse(&octets).unwrap();
    assert_eq!(description.kd(), key::<64>(1));
    hides(&description);
}

/// An error says what was wrong with a key, and not which key it was.
#[test]
fn errors() {
    let mut seen = 0;
    let mut error = |error: &dyn Fn() -> (String, String)| {
        let (shown, debugged) = error();
        shows_no_key("error", &shown);
        shows_no_key("error", &debugged);
        seen += 1;
    };
    fn both_ways<E: Debug + Display>(error: Option<E>) -> (String, String) {
        let error = error.expect("it is refused");
        (error.to_string(), debug(&error))
    }
    let long = [key::<64>(1), key::<64>(1)].concat();
    error(&|| both_ways(SecretKey::new(&long).err()));
    for algorithm in INTEGRITY {
        error(&|| both_ways(RustCrypto.integrity_key(algorithm, &long).err()));
    }
    for (algorithm, _) in CIPHERS {
        error(&|| both_ways(RustCrypto.cipher_key(algorithm, &long).err()));
    }
    for (algorithm, _) in COMBINED {
        error(&|| both_ways(RustCrypto.aead_key(algorithm, &long).err()));
    }
    error(&|| both_ways(RustCrypto.prf_key(PRFS[0], &[]).err()));
    error(&|| both_ways(GroupSa::new(*group_sa(1).terms(), &key::<20>(1), &key::<32>(1)).err()));
    error(&|| both_ways(GroupSa::new(*group_sa(1).terms(), &key::<16>(1), &key::<20>(1)).err()));
    error(&|| both_ways(lkh::Controller::<2>::new(TREE()).join(&long).err()));
    let octets = key(1);
    for protection in protections(&octets) {
        let mut config = SaConfig::new(Spi::new(0x1000).unwrap(), protection);
        (config.source, config.destination) = (Some([192, 0, 2, 1].into()), Some([0; 16].into()));
        error(&|| both_ways(Sa::new(&config, &mut RustCrypto).err()));
    }
    assert!(seen > 20, "{seen}");
}

/// What is written down of a packet that did not pass: nothing of the key, of its payload or of its ICV.
#[test]
fn audit_events() {
    const PACKET: &[u8] = include_bytes!("../../fuzz/corpus/parse_packet/parse-36-v6-flags-a-1-x-0-d-0-p-1-n-1");
    let code_points = CodePoints::rfc4727_experiment();
    for protection in 0..3 {
        let spd = FixedSpd::<1>::new();
        let mut inbound = Inbound::new(
            sad(protection, 1),
            SenderWindows::<2, 1>::new(64).unwrap(),
            &spd,
            AnySender,
            RecentEvents::<8>::new(),
        );
        let sa = crate::holders::sa(protection, 1);
        for damage in [None, Some(1), Some(20)] {
            let mut storage = [0; 512];
            let end = 128 + PACKET.len();
            storage[128..end].copy_from_slice(PACKET);
            let mut packet = PacketBuf::new(&mut storage, 128..end).unwrap();
            let freshness = Freshness { sequence: 1, iv: &key::<16>(1)[..sa.iv_len()] };
            seal_with(&sa, freshness, &mut RustCrypto, Some(&code_points), &mut packet).unwrap();
            if let Some(from_the_end) = damage {
                let at = packet.len() - from_the_end;
                packet.as_mut_octets()[at] ^= 1;
            }
            let error = inbound.process(&mut RustCrypto, Some(&code_points), Instant::START, &mut packet).unwrap_err();
            shows_no_key("error", &format!("{error} {}", debug(&error)));
        }
        let events: Vec<_> = inbound.audit.iter().collect();
        assert!(events.len() > 1, "{events:?}");
        for event in events {
            shows_no_key("AuditEvent", &format!("{} {}", event.reason, debug(event)));
        }
        hides(&inbound);
    }
}
