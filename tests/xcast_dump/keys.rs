//! Keys files, and what becomes of protected packets.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use xcast_sec::crypto::{AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm, RustCrypto};
use xcast_sec::ipsec::{
    Freshness, Mode, OutboundSa, OuterHeader, PacketBuf, Protection, RoutingCoverage, Sa, SaConfig, Spi, seal_with,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{BitmapPlace, CodePoints, Family};

use super::make::{Xcast, fix_ipv4, fix_xcast, host, ipv4, raw, v4};
use super::{Ran, file, run};

/// Octets that are different each time, and good for nothing but tests.
struct Counting(u8);

impl TryRng for Counting {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(4)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(4)
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Infallible> {
        self.0 += 1;
        octets.fill(self.0);
        Ok(())
    }
}

impl TryCryptoRng for Counting {}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn dump(keys: &str, packets: &[Vec<u8>], options: &[&str]) -> Ran {
    let path = file("keys", keys.as_bytes());
    let ran = run(&[options, &["--all", "--keys", path.name(), "-"]].concat(), &raw(packets));
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{keys}");
    ran
}

/// Seals packets one after the other under one association.
fn seal<P: AsRef<[u8]>>(config: &SaConfig<'_>, packets: &[P]) -> Vec<Vec<u8>> {
    let mut sender = OutboundSa::new(Sa::new(config, &mut RustCrypto).unwrap(), Instant::START).unwrap();
    let mut random = Counting(0);
    let points = CodePoints::rfc4727_experiment();
    let seal = |packet: &P| {
        let packet = packet.as_ref();
        let mut storage = vec![0; packet.len() + 300];
        storage[150..150 + packet.len()].copy_from_slice(packet);
        let mut buffer = PacketBuf::new(&mut storage, 150..150 + packet.len()).unwrap();
        sender.seal(Instant::START, &mut RustCrypto, &mut random, Some(&points), &mut buffer).unwrap();
        buffer.as_octets().to_vec()
    };
    packets.iter().map(seal).collect()
}

const KEY: [u8; 64] = [0xc3; 64];
const SPI: u32 = 0x1234;

fn config(protection: Protection<'_>) -> SaConfig<'_> {
    SaConfig::new(Spi::new(SPI).unwrap(), protection)
}

fn esp(cipher: CipherAlgorithm, cipher_len: usize, integrity: IntegrityAlgorithm) -> Protection<'static> {
    let integrity = Some((integrity, &KEY[..integrity.key_len()]));
    Protection::Esp { cipher, cipher_key: &KEY[..cipher_len], integrity }
}

fn ah(coverage: RoutingCoverage) -> Protection<'static> {
    let integrity = IntegrityAlgorithm::HmacSha1_96;
    Protection::Ah { integrity, key: &KEY[..20], coverage, pad_to_8: false }
}

/// What both ends agree on, as the library takes it and as a line of a keys file.
fn associations() -> Vec<(Protection<'static>, String)> {
    let mut all = Vec::new();
    let integrity = [
        (IntegrityAlgorithm::HmacMd5_96, "hmac-md5-96"),
        (IntegrityAlgorithm::HmacSha1_96, "hmac-sha1-96"),
        (IntegrityAlgorithm::HmacSha2_256_128, "hmac-sha2-256-128"),
        (IntegrityAlgorithm::HmacSha2_384_192, "hmac-sha2-384-192"),
        (IntegrityAlgorithm::HmacSha2_512_256, "hmac-sha2-512-256"),
    ];
    for (algorithm, name) in integrity {
        let key = hex(&KEY[..algorithm.key_len()]);
        for (cipher, cipher_name, len) in [
            (CipherAlgorithm::Null, "null", 0),
            (CipherAlgorithm::AesCbc, "aes-cbc", 16),
            (CipherAlgorithm::AesCbc, "aes-cbc", 32),
            (CipherAlgorithm::AesCtr, "aes-ctr", 28),
        ] {
            let colon = if len == 0 { "" } else { ":" };
            let line = format!("integrity={name}:{key} cipher={cipher_name}{colon}{}", hex(&KEY[..len]));
            all.push((esp(cipher, len, algorithm), format!("esp {SPI} transport {line}")));
        }
    }
    for (algorithm, name, len) in
        [(AeadAlgorithm::AesGcm16, "aes-gcm-16", 20), (AeadAlgorithm::ChaCha20Poly1305, "chacha20-poly1305", 36)]
    {
        let line = format!("esp {SPI:#x} transport cipher={name}:{}", hex(&KEY[..len]).to_uppercase());
        all.push((Protection::EspCombined { algorithm, key: &KEY[..len] }, line));
    }
    all
}

#[test]
fn every_algorithm_is_understood() {
    for (protection, keys) in associations() {
        for family in [Family::V4, Family::V6] {
            let exemption = Some(IntegrityAlgorithm::HmacMd5_96);
            // Counter modes ask for one sender.
            let source = Some(host(family, 1));
            let config = SaConfig { rfc8221_exemption: exemption, source, ..config(protection) };
            let sealed = seal(&config, &[Xcast::plain(family).octets()]);
            let ran = dump(&keys, &sealed, &[]);
            let end = "| ESP 0x00001234 seq 1 opened | UDP 4000 > 5000, 5 octets, checksum ok";
            assert!(ran.packets()[0].ends_with(end), "{keys}: {}", ran.out);
            assert_eq!(ran.out.lines().count(), 5, "no notes: {}", ran.out);
        }
    }
}

#[test]
fn what_ah_covers_is_agreed() {
    for (coverage, name, bitmap) in [
        (RoutingCoverage::DataZeroed, "data-zeroed", BitmapPlace::Header),
        (RoutingCoverage::FieldsZeroed, "fields-zeroed", BitmapPlace::Header),
        (RoutingCoverage::Covered, "covered", BitmapPlace::Option),
    ] {
        let sealed = seal(&config(ah(coverage)), &[Xcast { bitmap, ..Xcast::plain(Family::V6) }.octets()]);
        for other in ["data-zeroed", "fields-zeroed", "covered"] {
            let keys = format!("ah {SPI} transport integrity=hmac-sha1-96:{} coverage={other}", hex(&KEY[..20]));
            let line = dump(&keys, &sealed, &[]).packets()[0].to_owned();
            let verdict = line.rsplit(" | ").nth(1).unwrap().strip_prefix("AH 0x00001234 seq 1 ").unwrap();
            match (other == name, name, other) {
                (true, ..) => assert_eq!(verdict, "verified"),
                (_, "covered", _) => assert!(
                    verdict.starts_with("ICV WRONG") || verdict.starts_with("REFUSED: separated bitmap"),
                    "{line}"
                ),
                (.., "covered") => assert!(
                    verdict.starts_with("ICV WRONG") || verdict.starts_with("REFUSED: bitmap in a Routing"),
                    "{line}"
                ),
                _ => assert_eq!(verdict, "ICV WRONG"),
            }
        }
    }
    // The default is the draft's rule, and pad-to-8 is taken.
    let sealed = seal(&config(ah(RoutingCoverage::DataZeroed)), &[Xcast::plain(Family::V6).octets()]);
    let keys = format!("ah {SPI} transport pad-to-8 integrity=hmac-sha1-96:{}", hex(&KEY[..20]));
    assert!(dump(&keys, &sealed, &[]).out.contains("verified"));
}

/// Tunnel mode: the Xcast packet is inside, and shown as one that came in the clear.
#[test]
fn ipsec_tunnels_are_opened_and_looked_into() {
    let inner = Xcast::plain(Family::V6).octets();
    let told = run(&["-"], &raw(&[&inner])).packets()[0].splitn(4, ' ').nth(3).unwrap().to_owned();
    let mode = Mode::Tunnel(OuterHeader::between(v4(7).into(), v4(8).into(), 64));
    let protection = esp(CipherAlgorithm::AesCbc, 16, IntegrityAlgorithm::HmacSha1_96);
    let key = hex(&KEY[..20]);
    let sealed = seal(&SaConfig { mode, ..config(protection) }, &[inner.as_slice()]);
    let keys = format!(
        "esp {SPI} tunnel src=192.0.2.7 dst=192.0.2.8 cipher=aes-cbc:{} integrity=hmac-sha1-96:{key}",
        hex(&KEY[..16])
    );
    let ran = dump(&keys, &sealed, &["-v"]);
    let expected =
        format!("IPv4 192.0.2.7 > 192.0.2.8 | hop 64, CS0 | ESP 0x00001234 seq 1 opened | ESP tunnel | {told}");
    assert!(ran.packets()[0].ends_with(&expected), "{}", ran.out);
    assert!(ran.out.contains("\n    inside the ESP tunnel, octets counted anew:\n    "), "{}", ran.out);
    assert!(ran.summary().starts_with("1 packet: 1 Xcast, 0 other IP"), "{}", ran.out);
    // Without a key nobody can tell that it is Xcast.
    let ran = run(&["-"], &raw(&sealed));
    assert_eq!(ran.summary(), "1 packet: 0 Xcast, 1 other IP, 0 not IP\n1 protected: 1 not tried\n0 malformed\n");

    // Address preservation, and AH in tunnel mode.
    let mode = Mode::Tunnel(OuterHeader::preserving(64));
    let sealed = seal(&SaConfig { mode, ..config(ah(RoutingCoverage::DataZeroed)) }, &[inner]);
    let keys = format!("ah {SPI} tunnel-preserving integrity=hmac-sha1-96:{key}");
    let ran = dump(&keys, &sealed, &[]);
    let expected =
        format!("IPv6 2001:db8::1 > ff02::114 | hop 64, CS0 | AH 0x00001234 seq 1 verified | AH tunnel | {told}");
    assert!(ran.packets()[0].ends_with(&expected), "{}", ran.out);
}

/// A packet seen again is no replay; another packet under its number is told of.
#[test]
fn numbers_seen_before_are_told_beside_the_verdict() {
    let protection = esp(CipherAlgorithm::AesCbc, 16, IntegrityAlgorithm::HmacSha1_96);
    let config = config(protection);
    let packets: Vec<_> = vec![Xcast::plain(Family::V4).octets(); 2];
    let [first, second] = seal(&config, &packets).try_into().unwrap();
    // A sender that starts anew without remembering.
    let other = Xcast { count: 4, ..Xcast::plain(Family::V4) }.with_payload(
        &CodePoints::rfc4727_experiment(),
        99,
        Some(b"something else"),
    );
    let reused = seal(&config, &[other]).remove(0);
    let mut forged = second.clone();
    *forged.last_mut().unwrap() ^= 1;
    // A number of 200 and more behind, as no window would take.
    let late = {
        let sa = Sa::new(&config, &mut RustCrypto).unwrap();
        let mut storage = vec![0; 300];
        let packet = &packets[0];
        storage[100..100 + packet.len()].copy_from_slice(packet);
        let mut buffer = PacketBuf::new(&mut storage, 100..100 + packet.len()).unwrap();
        let freshness = Freshness { sequence: 500, iv: &[9; 16] };
        seal_with(&sa, freshness, &mut RustCrypto, Some(&CodePoints::rfc4727_experiment()), &mut buffer).unwrap();
        buffer.as_octets().to_vec()
    };
    let keys =
        format!("esp {SPI} transport cipher=aes-cbc:{} integrity=hmac-sha1-96:{}", hex(&KEY[..16]), hex(&KEY[..20]));
    let order = [&late, &second, &first, &second, &forged, &reused, &first];
    let ran = dump(&keys, &order.map(Clone::clone), &[]);
    let verdicts: Vec<_> = ran.packets().iter().map(|line| line.rsplit(" | ").nth(1).unwrap().to_owned()).collect();
    assert_eq!(
        verdicts,
        [
            "ESP 0x00001234 seq 500 opened",
            "ESP 0x00001234 seq 2 opened",
            "ESP 0x00001234 seq 1 opened",
            "ESP 0x00001234 seq 2 opened (as #2)",
            "ESP 0x00001234 seq 2 ICV WRONG",
            "ESP 0x00001234 seq 1 opened, but #3 HAS THE SAME NUMBER",
            "ESP 0x00001234 seq 1 opened (as #3)",
        ]
    );
    assert!(ran.summary().contains("7 protected: 6 verified, 1 with a wrong ICV\n"), "{}", ran.out);
}

#[test]
fn extended_numbers_are_found_within_bounds() {
    let protection = esp(CipherAlgorithm::Null, 0, IntegrityAlgorithm::HmacSha1_96);
    let config = SaConfig { esn: true, ..config(protection) };
    let key = hex(&KEY[..20]);
    let line = |esn: &str| format!("esp {SPI} transport cipher=null integrity=hmac-sha1-96:{key} {esn}");
    for (upper, esn, found) in [
        (0, "esn", true),
        (15, "esn", true),
        (16, "esn", false),
        (16, "esn=16", true),
        (1, "esn=0", false),
        (0, "", false),
    ] {
        let sa = Sa::new(&config, &mut RustCrypto).unwrap();
        let packet = Xcast::plain(Family::V6).octets();
        let mut storage = vec![0; 400];
        storage[100..100 + packet.len()].copy_from_slice(&packet);
        let mut buffer = PacketBuf::new(&mut storage, 100..100 + packet.len()).unwrap();
        let sequence = (upper << 32) | 7;
        let freshness = Freshness { sequence, iv: &[] };
        seal_with(&sa, freshness, &mut RustCrypto, Some(&CodePoints::rfc4727_experiment()), &mut buffer).unwrap();
        let ran = dump(&line(esn), &[buffer.as_octets().to_vec()], &[]);
        let expected = if found { format!("seq {sequence} opened") } else { "seq 7 ICV WRONG".into() };
        assert!(ran.out.contains(&expected), "{upper} {esn}: {}", ran.out);
    }
}

#[test]
fn what_receivers_refuse_is_told_with_the_rule() {
    // Sealed by somebody who does not look: X=0, put in after sealing, where ESP does not cover it.
    let protection = esp(CipherAlgorithm::Null, 0, IntegrityAlgorithm::HmacSha1_96);
    let mut sealed = seal(&config(protection), &[Xcast::plain(Family::V4).octets()]).remove(0);
    sealed[20] &= !0x04;
    fix_xcast(&mut sealed, Family::V4, 20);
    let mut zero = ipv4(1, 2, 50, &[&SPI.to_be_bytes()[..], &[0; 4], &[1, 2, 2, 17], &[0; 12]].concat());
    fix_ipv4(&mut zero);
    let mut reserved = zero.clone();
    reserved[20..24].copy_from_slice(&[0, 0, 0, 7]);
    let short = ipv4(1, 2, 50, &[&SPI.to_be_bytes()[..], &[0, 0, 0, 1, 5]].concat());
    let keys = format!("esp {SPI} transport cipher=null integrity=hmac-sha1-96:{}", hex(&KEY[..20]));
    let ran = dump(&keys, &[sealed, zero, reserved, short], &[]);
    for (line, what) in ran.packets().iter().zip([
        "| ESP 0x00001234 seq 1 REFUSED: X=0 under transport-mode protection | 28 octets with IV, padding and ICV",
        "| ESP 0x00001234 seq 0 sequence number 0, WHICH NO RECEIVER ACCEPTS | 16 octets with IV, padding and ICV",
        "| ESP 0x00000007 seq 0 NO KEY | 16 octets with IV, padding and ICV",
        "| ESP 0x00001234 seq 1 NOT OPENED: ESP too short | 1 octet with IV, padding and ICV",
    ]) {
        assert!(line.ends_with(what), "{line}\n{what}");
    }
    assert!(ran.out.contains("note: receivers refuse it: X=0 under AH or ESP"), "{}", ran.out);
    let summary = "4 protected: 2 not opened for another reason, 1 of a refused construction, 1 without a key\n";
    assert!(ran.summary().contains(summary), "{}", ran.summary());
}

/// AH that nobody can verify does not keep ESP behind it from being opened, wherever it stands.
#[test]
fn esp_is_opened_behind_ah_that_is_refused() {
    let protection = esp(CipherAlgorithm::AesCbc, 16, IntegrityAlgorithm::HmacSha1_96);
    let keys = format!(
        "esp {SPI} transport cipher=aes-cbc:{} integrity=hmac-sha1-96:{key}\nah 777 transport integrity=hmac-sha1-96:{key}",
        hex(&KEY[..16]),
        key = hex(&KEY[..20])
    );
    let ah = [&[50, 4, 0, 0, 0, 0, 3, 9, 0, 0, 0, 5][..], &[0; 12]].concat();
    for (family, header_end, announced_at, verdict) in
        [(Family::V4, 48, 28, "REFUSED: AH behind the Xcast4 header"), (Family::V6, 120, 40, "ICV WRONG")]
    {
        let sealed = seal(&config(protection), &[Xcast::plain(family).octets()]).remove(0);
        let mut packet = [&sealed[..header_end], &ah, &sealed[header_end..]].concat();
        packet[announced_at] = 51;
        match family {
            Family::V4 => {
                let len = packet.len() as u16;
                packet[2..4].copy_from_slice(&len.to_be_bytes());
                fix_ipv4(&mut packet);
                fix_xcast(&mut packet, family, 20);
            }
            Family::V6 => {
                let len = packet.len() as u16 - 40;
                packet[4..6].copy_from_slice(&len.to_be_bytes());
                fix_xcast(&mut packet, family, 40);
            }
        }
        let ran = dump(&keys, &[packet], &[]);
        let end = format!(
            "| AH 0x00000309 seq 5 {verdict} | ESP 0x00001234 seq 1 opened | UDP 4000 > 5000, 5 octets, checksum ok"
        );
        assert!(ran.packets()[0].ends_with(&end), "{}", ran.out);
    }
}

/// What the capture did not keep cannot be verified, and that is no fault of the packet.
#[test]
fn what_was_not_kept_whole_is_not_tried() {
    let protection = esp(CipherAlgorithm::Null, 0, IntegrityAlgorithm::HmacSha1_96);
    let sealed = seal(&config(protection), &[Xcast::plain(Family::V4).octets()]).remove(0);
    let mut capture = raw(&[&sealed[..sealed.len() - 1]]);
    capture[24 + 15] = sealed.len().try_into().unwrap();
    let keys = format!("esp {SPI} transport cipher=null integrity=hmac-sha1-96:{}", hex(&KEY[..20]));
    let path = file("keys", keys.as_bytes());
    let ran = run(&["--keys", path.name(), "-"], &capture);
    let end = format!(
        "| ESP 0x00001234 seq 1 | 27 octets of it kept | cut short: the capture kept {} of {} octets",
        sealed.len() - 1,
        sealed.len()
    );
    assert!(ran.packets()[0].ends_with(&end), "{}", ran.out);
    assert!(ran.summary().contains("1 protected: 1 not tried\n0 malformed\n1 cut short"), "{}", ran.out);
}

#[test]
fn dummies_are_told_as_such() {
    let protection = esp(CipherAlgorithm::Null, 0, IntegrityAlgorithm::HmacSha1_96);
    let sealed = seal(&config(protection), &[ipv4(1, 2, 59, &[0; 8])]);
    let keys = format!("esp {SPI} transport cipher=null integrity=hmac-sha1-96:{}", hex(&KEY[..20]));
    let ran = dump(&keys, &sealed, &[]);
    assert!(ran.packets()[0].ends_with("opened | dummy packet, nothing to deliver"), "{}", ran.out);
}

/// Line, column and what is wrong; nothing of the file.
#[test]
fn errors_in_keys_files_name_line_and_column_and_never_quote() {
    let key = "c0ffee".repeat(7)[..40].to_owned();
    let md5 = "c0ffee".repeat(6)[..32].to_owned();
    let many: String =
        (0..300).map(|spi| format!("ah {} transport integrity=hmac-sha1-96:{key}\n", spi + 256)).collect();
    let good = format!("ah 256 transport integrity=hmac-sha1-96:{key}");
    for (text, expected) in [
        ("gre 256 transport".to_owned(), "line 1, column 1: the protocol is ah or esp"),
        ("\n# nothing\n  ah".into(), "line 3, column 5: the SPI is missing"),
        ("ah 256 # transport".into(), "line 1, column 7: the mode is missing"),
        (
            "ah 255 transport".into(),
            "line 1, column 4: the SPI is a number from 256 to 4294967295, or hexadecimal after 0x",
        ),
        (
            "ah 0x+fff transport".into(),
            "line 1, column 4: the SPI is a number from 256 to 4294967295, or hexadecimal after 0x",
        ),
        ("ah 256 beet".into(), "line 1, column 8: the mode is transport, tunnel or tunnel-preserving"),
        ("ah 256 tunnel src=192.0.2.1".into(), "line 1, column 8: mode tunnel needs src= and dst=, the tunnel's ends"),
        ("ah 256 transport".into(), "line 1, column 1: ah needs integrity="),
        ("esp 256 transport".into(), "line 1, column 1: esp needs cipher=, be it cipher=null"),
        ("esp 256 transport cipher=null".into(), "line 1, column 1: esp with this cipher needs integrity="),
        (
            format!("ah 256 transport {key}"),
            "line 1, column 18: expected src=, dst=, integrity=, cipher=, coverage=, pad-to-8, esn or esn=",
        ),
        (
            format!("ah 256 transport key={key}"),
            "line 1, column 18: expected src=, dst=, integrity=, cipher=, coverage=, pad-to-8, esn or esn=",
        ),
        (
            "ah 256 transport pad-to-8=1".into(),
            "line 1, column 18: expected src=, dst=, integrity=, cipher=, coverage=, pad-to-8, esn or esn=",
        ),
        (
            format!("ah 256 transport integrity={key}"),
            "line 1, column 28: integrity is hmac-md5-96, hmac-sha1-96, hmac-sha2-256-128, hmac-sha2-384-192 or hmac-sha2-512-256",
        ),
        (
            format!("ah 256 transport integrity=hmac-sha1-96:{}", &key[..38]),
            "line 1, column 28: the key has 19 octets, the algorithm takes 20",
        ),
        (
            format!("ah 256 transport integrity=hmac-sha1-96:{}", &key[..39]),
            "line 1, column 41: the key has an odd number of hexadecimal digits",
        ),
        (
            format!("ah 256 transport integrity=hmac-sha1-96:{}x0", &key[..38]),
            "line 1, column 79: the key is not hexadecimal from here on",
        ),
        (format!("ä 256 transport integrity=hmac-sha1-96:{key}"), "line 1, column 1: the protocol is ah or esp"),
        (
            format!("ah\u{3000}256 ü integrity=hmac-sha1-96:{key}"),
            "line 1, column 8: the mode is transport, tunnel or tunnel-preserving",
        ),
        (format!("{good} cipher=null"), "line 1, column 89: ah has no cipher"),
        (format!("{good} src=host"), "line 1, column 86: expected an IPv4 or IPv6 address"),
        (
            format!("{good} src=192.0.2.1 dst=ff02::114"),
            "line 1, column 1: source and destination of different families",
        ),
        (format!("{good} esn=1024"), "line 1, column 86: expected a number up to 1023"),
        (format!("{good} esn esn=1"), "line 1, column 86: esn stands here for the second time"),
        (format!("{good} coverage=all"), "line 1, column 91: coverage is data-zeroed, fields-zeroed or covered"),
        (
            format!("{good}\n\n{good}"),
            "line 3, column 1: an association with this protocol, SPI, destination and source stands above",
        ),
        (
            format!("esp 256 transport cipher=aes-cbc:{key} integrity=hmac-sha1-96:{key}"),
            "line 1, column 26: the algorithm takes no key of 20 octets",
        ),
        (
            format!("esp 256 transport cipher=rot13:{key}"),
            "line 1, column 26: cipher is null, aes-cbc, aes-ctr, aes-gcm-16 or chacha20-poly1305",
        ),
        (
            format!("esp 256 transport cipher=aes-gcm-16:{key} integrity=hmac-sha1-96:{key}"),
            "line 1, column 88: this cipher has an integrity of its own",
        ),
        (
            format!("esp 256 transport cipher=aes-cbc:{md5} integrity=hmac-sha1-96:{key} coverage=covered"),
            "line 1, column 131: coverage= and pad-to-8 are for ah",
        ),
        (many, "line 257, column 1: more than 256 associations"),
    ] {
        let path = file("wrong.keys", text.as_bytes());
        let ran = run(&["--keys", path.name(), "-"], &raw::<Vec<u8>>(&[]));
        assert_eq!((ran.status, ran.out.as_str()), (1, ""), "{expected}");
        assert_eq!(ran.err, format!("error: {}: {expected}\n", path.name()));
        assert!(!ran.err.contains("c0ff") && !ran.err.contains("beet"));
    }
    let path = file("binary.keys", &[b'#', 0xff]);
    let ran = run(&["--keys", path.name(), "-"], &raw::<Vec<u8>>(&[]));
    assert_eq!(ran.err, format!("error: cannot read {}: no UTF-8 text from octet 1 on\n", path.name()));
    let path = file("long.keys", &vec![b'#'; (1 << 20) + 1]);
    let ran = run(&["--keys", path.name(), "-"], &raw::<Vec<u8>>(&[]));
    assert_eq!(ran.err, format!("error: cannot read {}: longer than any keys file\n", path.name()));
    // Nothing but comments is a file without associations.
    assert!(
        dump("# nobody\n\n   # nothing\n", &[ipv4(1, 2, 51, &[17, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1])], &[])
            .out
            .contains("NO KEY")
    );
}

/// Associations side by side: the longest match is taken, by protocol, SPI, destination and source.
#[test]
fn the_association_of_the_sender_is_taken() {
    let protection = esp(CipherAlgorithm::Null, 0, IntegrityAlgorithm::HmacSha1_96);
    let sealed = seal(&config(protection), &[Xcast::plain(Family::V4).octets()]);
    let (right, wrong) = (hex(&KEY[..20]), "00".repeat(20));
    let line = |selectors: &str, key: &str| {
        format!("esp {SPI} transport {selectors} cipher=null integrity=hmac-sha1-96:{key}\n")
    };
    for (keys, expected) in [
        ([line("", &wrong), line("src=192.0.2.1 dst=224.0.0.254", &right)].concat(), "opened"),
        ([line("dst=224.0.0.254", &right), line("src=192.0.2.1", &wrong)].concat(), "opened"),
        ([line("", &right), line("src=192.0.2.1", &wrong)].concat(), "ICV WRONG"),
        (line("src=192.0.2.2", &right), "NO KEY"),
        (line("dst=192.0.2.2", &right), "NO KEY"),
        (line("", &right).replace("esp", "ah").replace("cipher=null", ""), "NO KEY"),
    ] {
        assert!(dump(&keys, &sealed, &[]).out.contains(&format!("seq 1 {expected}")), "{keys}");
    }
}
