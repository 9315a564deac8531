//! The keys file: one security association a line.
//!
//! ```text
//! # protocol  SPI  mode  then, in any order:
//! ah   0x0a000001  transport  dst=ff02::114  integrity=hmac-sha2-256-128:00112233…  coverage=fields-zeroed
//! esp  0x0e000001  transport  src=192.0.2.1  dst=224.0.0.254  cipher=aes-cbc:0011…  integrity=hmac-sha2-256-128:0011…
//! esp  4660        tunnel     src=192.0.2.1  dst=192.0.2.9    cipher=aes-gcm-16:0011…  esn
//! ```
//!
//! Errors name line and column, and never quote what stands there: it may be a key. What was read is wiped from memory.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;

use xcast_sec::crypto::{AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm, RustCrypto};
use xcast_sec::ipsec::{
    FixedSad, Mode, OuterAddress, OuterHeader, PolicyId, Protection, RoutingCoverage, Sa, SaConfig, SecurityProtocol,
    Spi, Usage,
};
use xcast_sec::time::Instant;

use super::wiped::Wiped;

/// The most associations a file may have.
pub(crate) const MAX_ASSOCIATIONS: usize = 256;
/// Upper halves of extended sequence numbers that are tried, unless `esn=` says otherwise: 0 to 15.
const UPPER_HALF: u32 = 15;
/// The highest that `esn=` can say: each try of a packet that does not verify costs as much as the first.
const MAX_UPPER_HALF: u32 = 1023;

pub(crate) const HELP: &str = "\
Keys file: one association a line; '#' starts a comment.

  PROTOCOL SPI MODE [NAME=VALUE | WORD]...

  PROTOCOL        ah or esp
  SPI             decimal, or hexadecimal after 0x
  MODE            transport, tunnel (between src and dst) or tunnel-preserving (outer addresses as inside, RFC 5374)
  src=ADDRESS     the one sender it is for; without it, any
  dst=ADDRESS     the destination it is for, All_Xcast_Routers for a group; without it, any
  integrity=A:KEY hmac-md5-96, hmac-sha1-96, hmac-sha2-256-128, hmac-sha2-384-192 or hmac-sha2-512-256
  cipher=A:KEY    for esp: null (no key), aes-cbc, aes-ctr, aes-gcm-16 or chacha20-poly1305 (these two without
                  integrity=)
  coverage=C      for ah, of an Xcast6 header: data-zeroed (the default), fields-zeroed or covered
  pad-to-8        for ah: padded to 8 octets in IPv4 too
  esn, esn=N      extended sequence numbers, upper halves 0 to N tried [15]

  KEY is hexadecimal; the nonce of aes-ctr and the salt of the combined modes are its last four octets.
  Example: ah 0x0a000001 transport dst=ff02::114 integrity=hmac-sha1-96:0123456789abcdef0123456789abcdef01234567
";

/// The associations of a file.
pub(crate) struct Keys {
    pub(crate) sad: Box<FixedSad<RustCrypto, MAX_ASSOCIATIONS>>,
    /// Upper halves of extended sequence numbers to be tried after 0.
    pub(crate) tries: u32,
}

/// Why a keys file cannot be used. Shows nothing of its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeysError {
    /// From 1.
    pub(crate) line: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
    pub(crate) what: String,
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.what)
    }
}

impl std::error::Error for KeysError {}

/// What a file does not say of its associations.
#[derive(Clone, Copy, Default)]
pub(crate) struct Purpose {
    /// What policy knows them by.
    pub(crate) policy: Option<PolicyId>,
    /// An algorithm to be taken although RFC 8221 forbids it.
    pub(crate) exemption: Option<IntegrityAlgorithm>,
}

/// Reads a keys file, for whoever receives.
pub(crate) fn parse(text: &str, purpose: Purpose) -> Result<Keys, KeysError> {
    let mut sad = Box::new(FixedSad::new());
    let mut insert = |sa| sad.insert(sa, Usage::new(Instant::START)).is_ok();
    let tries = read(text, purpose, &mut insert)?;
    Ok(Keys { sad, tries })
}

/// Hands every association of a keys file to `insert`, which returns false if it has one of this name already. Returns
/// the upper halves of extended sequence numbers to be tried.
pub(crate) fn read(
    text: &str,
    purpose: Purpose,
    insert: &mut dyn FnMut(Sa<RustCrypto>) -> bool,
) -> Result<u32, KeysError> {
    let (mut count, mut most_tries) = (0, 0);
    for (index, line) in text.lines().enumerate() {
        let content = line.split('#').next().unwrap_or("");
        let words: Vec<Word<'_>> = words(content).collect();
        let Some(first) = words.first() else { continue };
        let at_line = |(column, what): At| KeysError { line: index + 1, column, what };
        let (sa, tries) = association(&words, purpose).map_err(at_line)?;
        if count == MAX_ASSOCIATIONS {
            return Err(at_line((first.column, format!("more than {MAX_ASSOCIATIONS} associations"))));
        }
        if !insert(sa) {
            let what = "an association with this protocol, SPI, destination and source stands above";
            return Err(at_line((first.column, what.into())));
        }
        count += 1;
        most_tries = most_tries.max(tries);
    }
    Ok(most_tries)
}

/// Octets that no keys file exceeds.
const MAX_KEYS_FILE: usize = 1 << 20;

/// Reads the file at `path` and has `parse` make something of its text. The error is a sentence for the user.
pub(crate) fn from_file<T>(path: &Path, parse: impl FnOnce(&str) -> Result<T, KeysError>) -> Result<T, String> {
    let name = path.display();
    let mut octets = Wiped::with_capacity(MAX_KEYS_FILE + 1);
    let read = File::open(path).and_then(|file| file.take(MAX_KEYS_FILE as u64 + 1).read_to_end(&mut octets));
    read.map_err(|error| format!("cannot read {name}: {error}"))?;
    if octets.len() > MAX_KEYS_FILE {
        return Err(format!("cannot read {name}: longer than any keys file"));
    }
    let text = std::str::from_utf8(&octets)
        .map_err(|error| format!("cannot read {name}: no UTF-8 text from octet {} on", error.valid_up_to()))?;
    parse(text).map_err(|error| format!("{name}: {error}"))
}

/// A word and where it starts, in characters from 1.
#[derive(Clone, Copy)]
pub(crate) struct Word<'a> {
    pub(crate) text: &'a str,
    pub(crate) column: usize,
}

/// The words of a line.
pub(crate) fn words(line: &str) -> impl Iterator<Item = Word<'_>> {
    line.split_whitespace().map(move |text| {
        // `split_whitespace` lends slices of `line`.
        let start = text.as_ptr() as usize - line.as_ptr() as usize;
        Word { text, column: line.get(..start).map_or(0, |front| front.chars().count()) + 1 }
    })
}

/// A column and what is wrong there.
pub(crate) type At = (usize, String);

impl Word<'_> {
    pub(crate) fn wrong<T>(self, what: impl Into<String>) -> Result<T, At> {
        Err((self.column, what.into()))
    }
}

/// A key, and the algorithm that stands in front of it.
struct Keyed<'a, A> {
    algorithm: A,
    key: Wiped,
    word: Word<'a>,
}

/// Any algorithm that encrypts.
#[derive(Clone, Copy)]
enum Cipher {
    Separate(CipherAlgorithm),
    Combined(AeadAlgorithm),
}

/// What follows the mode.
#[derive(Default)]
struct Fields<'a> {
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    integrity: Option<Keyed<'a, IntegrityAlgorithm>>,
    cipher: Option<Keyed<'a, Cipher>>,
    coverage: Option<(RoutingCoverage, usize)>,
    pad_to_8: Option<usize>,
    esn: Option<u32>,
}

fn association(words: &[Word<'_>], purpose: Purpose) -> Result<(Sa<RustCrypto>, u32), At> {
    let end = words.last().map_or(1, |word| word.column + word.text.chars().count());
    let word =
        |index: usize, wanted: &str| words.get(index).copied().ok_or_else(|| (end, format!("{wanted} is missing")));
    let first = word(0, "the protocol")?;
    let protocol = match first.text {
        "ah" => SecurityProtocol::Ah,
        "esp" => SecurityProtocol::Esp,
        _ => return first.wrong("the protocol is ah or esp"),
    };
    let spi = spi(word(1, "the SPI")?)?;
    let mode_word = word(2, "the mode")?;
    let mut fields = Fields::default();
    for &word in words.get(3..).unwrap_or(&[]) {
        fields.read(word)?;
    }
    let mode = match (mode_word.text, fields.source, fields.destination) {
        ("transport", ..) => Mode::Transport,
        ("tunnel", Some(source), Some(destination)) => Mode::Tunnel(OuterHeader::between(source, destination, 64)),
        ("tunnel", ..) => return mode_word.wrong("mode tunnel needs src= and dst=, the tunnel's ends"),
        ("tunnel-preserving", ..) => Mode::Tunnel(OuterHeader {
            source: OuterAddress::Preserved,
            destination: OuterAddress::Preserved,
            ..OuterHeader::preserving(64)
        }),
        _ => return mode_word.wrong("the mode is transport, tunnel or tunnel-preserving"),
    };
    let protection = fields.protection(protocol, first)?;
    let config = SaConfig {
        source: fields.source,
        destination: fields.destination,
        mode,
        esn: fields.esn.is_some(),
        policy: purpose.policy,
        rfc8221_exemption: purpose.exemption,
        ..SaConfig::new(spi, protection)
    };
    let sa = Sa::new(&config, &mut RustCrypto).map_err(|error| (first.column, error.to_string()))?;
    Ok((sa, fields.esn.unwrap_or(0)))
}

fn spi(word: Word<'_>) -> Result<Spi, At> {
    let parsed = match word.text.strip_prefix("0x") {
        // `from_str_radix` takes a sign.
        Some(digits) if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => u32::from_str_radix(digits, 16).ok(),
        Some(_) => None,
        None => Some(word.text).filter(|text| !text.starts_with('+')).and_then(|text| text.parse().ok()),
    };
    match parsed.and_then(Spi::new) {
        Some(spi) => Ok(spi),
        None => word.wrong("the SPI is a number from 256 to 4294967295, or hexadecimal after 0x"),
    }
}

impl<'a> Fields<'a> {
    fn read(&mut self, word: Word<'a>) -> Result<(), At> {
        let (name, value) = word.text.split_once('=').unwrap_or((word.text, ""));
        let value = Word { text: value, column: word.column + name.chars().count() + 1 };
        let is_flag = !word.text.contains('=');
        let repeated = match (name, is_flag) {
            ("src", false) => self.source.replace(address(value)?).is_some(),
            ("dst", false) => self.destination.replace(address(value)?).is_some(),
            ("integrity", false) => self.integrity.replace(keyed(value, integrity_algorithm)?).is_some(),
            ("cipher", false) => self.cipher.replace(keyed(value, cipher_algorithm)?).is_some(),
            ("coverage", false) => self.coverage.replace((coverage(value)?, word.column)).is_some(),
            ("pad-to-8", true) => self.pad_to_8.replace(word.column).is_some(),
            ("esn", true) => self.esn.replace(UPPER_HALF).is_some(),
            ("esn", false) => self.esn.replace(upper_half(value)?).is_some(),
            _ => {
                return word.wrong("expected src=, dst=, integrity=, cipher=, coverage=, pad-to-8, esn or esn=");
            }
        };
        if repeated { word.wrong(format!("{name} stands here for the second time")) } else { Ok(()) }
    }

    /// Algorithms and keys, with every word used and none missing.
    fn protection(&self, protocol: SecurityProtocol, first: Word<'_>) -> Result<Protection<'_>, At> {
        let integrity = self.integrity.as_ref();
        if let Some(Keyed { algorithm, key, word }) = integrity
            && key.len() != algorithm.key_len()
        {
            let wanted = algorithm.key_len();
            return word.wrong(format!("the key has {} octets, the algorithm takes {wanted}", key.len()));
        }
        match (protocol, &self.cipher) {
            (SecurityProtocol::Ah, Some(cipher)) => cipher.word.wrong("ah has no cipher"),
            (SecurityProtocol::Ah, None) => match integrity {
                None => first.wrong("ah needs integrity="),
                Some(Keyed { algorithm, key, .. }) => Ok(Protection::Ah {
                    integrity: *algorithm,
                    key,
                    coverage: self.coverage.map_or(RoutingCoverage::DataZeroed, |(coverage, _)| coverage),
                    pad_to_8: self.pad_to_8.is_some(),
                }),
            },
            (SecurityProtocol::Esp, None) => first.wrong("esp needs cipher=, be it cipher=null"),
            (SecurityProtocol::Esp, Some(cipher)) => {
                if let Some(column) = self.coverage.map(|(_, column)| column).or(self.pad_to_8) {
                    return Err((column, "coverage= and pad-to-8 are for ah".into()));
                }
                esp(cipher, integrity, first)
            }
        }
    }
}

fn esp<'k>(
    cipher: &'k Keyed<'_, Cipher>,
    integrity: Option<&'k Keyed<'_, IntegrityAlgorithm>>,
    first: Word<'_>,
) -> Result<Protection<'k>, At> {
    let Keyed { algorithm, key, word } = cipher;
    let fits = match algorithm {
        Cipher::Separate(algorithm) => algorithm.accepts_key_len(key.len()),
        Cipher::Combined(algorithm) => algorithm.accepts_key_len(key.len()),
    };
    if !fits {
        return word.wrong(format!("the algorithm takes no key of {} octets", key.len()));
    }
    match (algorithm, integrity) {
        (Cipher::Separate(algorithm), Some(integrity)) => Ok(Protection::Esp {
            cipher: *algorithm,
            cipher_key: key,
            integrity: Some((integrity.algorithm, &integrity.key)),
        }),
        (Cipher::Separate(_), None) => first.wrong("esp with this cipher needs integrity="),
        (Cipher::Combined(_), Some(integrity)) => integrity.word.wrong("this cipher has an integrity of its own"),
        (Cipher::Combined(algorithm), None) => Ok(Protection::EspCombined { algorithm: *algorithm, key }),
    }
}

pub(crate) fn address(word: Word<'_>) -> Result<IpAddr, At> {
    word.text.parse().or_else(|_| word.wrong("expected an IPv4 or IPv6 address"))
}

fn upper_half(word: Word<'_>) -> Result<u32, At> {
    match word.text.parse() {
        Ok(number) if number <= MAX_UPPER_HALF => Ok(number),
        _ => word.wrong(format!("expected a number up to {MAX_UPPER_HALF}")),
    }
}

fn coverage(word: Word<'_>) -> Result<RoutingCoverage, At> {
    match word.text {
        "data-zeroed" => Ok(RoutingCoverage::DataZeroed),
        "fields-zeroed" => Ok(RoutingCoverage::FieldsZeroed),
        "covered" => Ok(RoutingCoverage::Covered),
        _ => word.wrong("coverage is data-zeroed, fields-zeroed or covered"),
    }
}

fn integrity_algorithm(name: &str) -> Result<IntegrityAlgorithm, &'static str> {
    Ok(match name {
        "hmac-md5-96" => IntegrityAlgorithm::HmacMd5_96,
        "hmac-sha1-96" => IntegrityAlgorithm::HmacSha1_96,
        "hmac-sha2-256-128" => IntegrityAlgorithm::HmacSha2_256_128,
        "hmac-sha2-384-192" => IntegrityAlgorithm::HmacSha2_384_192,
        "hmac-sha2-512-256" => IntegrityAlgorithm::HmacSha2_512_256,
        _ => {
            return Err(
                "integrity is hmac-md5-96, hmac-sha1-96, hmac-sha2-256-128, hmac-sha2-384-192 or hmac-sha2-512-256",
            );
        }
    })
}

fn cipher_algorithm(name: &str) -> Result<Cipher, &'static str> {
    Ok(match name {
        "null" => Cipher::Separate(CipherAlgorithm::Null),
        "aes-cbc" => Cipher::Separate(CipherAlgorithm::AesCbc),
        "aes-ctr" => Cipher::Separate(CipherAlgorithm::AesCtr),
        "aes-gcm-16" => Cipher::Combined(AeadAlgorithm::AesGcm16),
        "chacha20-poly1305" => Cipher::Combined(AeadAlgorithm::ChaCha20Poly1305),
        _ => return Err("cipher is null, aes-cbc, aes-ctr, aes-gcm-16 or chacha20-poly1305"),
    })
}

/// `ALGORITHM:HEX`, or the algorithm alone.
fn keyed<'a, A>(word: Word<'a>, algorithm: fn(&str) -> Result<A, &'static str>) -> Result<Keyed<'a, A>, At> {
    let (name, digits) = word.text.split_once(':').unwrap_or((word.text, ""));
    let algorithm = algorithm(name).or_else(|what| word.wrong(what))?;
    let start = word.column + name.chars().count() + 1;
    let mut key = Wiped::with_capacity(digits.len() / 2);
    let mut upper = None;
    for (index, digit) in digits.chars().enumerate() {
        let value = digit.to_digit(16).and_then(|value| u8::try_from(value).ok());
        let value = value.ok_or_else(|| (start + index, "the key is not hexadecimal from here on".to_owned()))?;
        match upper.take() {
            None => upper = Some(value << 4),
            Some(upper) => key.push(upper | value),
        }
    }
    if upper.is_some() {
        return Err((start, "the key has an odd number of hexadecimal digits".into()));
    }
    Ok(Keyed { algorithm, key, word })
}
