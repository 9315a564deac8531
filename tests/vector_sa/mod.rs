//! Reads what the vector format says about an association, and packets as far as that takes: the `sa` object, the code
//! points, hexadecimal. Shared by `tests/vectors.rs` and by the peer under `.ci/interop/`.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Map, Value};
use xcast_sec::crypto::{AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm, RustCrypto};
use xcast_sec::ipsec::{
    Mode, OuterHeader, Protection, RoutingCoverage, Sa, SaConfig, SaError, SecurityProtocol, SenderKey, SenderWindows,
    Spi,
};
use xcast_sec::wire::{CodePointError, CodePoints};

// --- JSON -------------------------------------------------------------------------------------------------------------

/// A JSON object that knows which of its fields were asked for.
pub(crate) struct Object<'a> {
    path: String,
    fields: &'a Map<String, Value>,
    known: RefCell<BTreeSet<String>>,
}

impl<'a> Object<'a> {
    pub(crate) fn new(path: impl Into<String>, value: &'a Value) -> Result<Self, String> {
        let path = path.into();
        match value.as_object() {
            Some(fields) => Ok(Self { path, fields, known: RefCell::default() }),
            None => Err(format!("{path} is not an object")),
        }
    }

    /// Fails on the first field that nothing asked for.
    pub(crate) fn finish(&self) -> Result<(), String> {
        let known = self.known.borrow();
        match self.fields.keys().find(|name| !known.contains(*name)) {
            Some(name) => Err(format!("unknown field `{name}` in {}", self.path)),
            None => Ok(()),
        }
    }

    pub(crate) fn optional(&self, name: &str) -> Option<&'a Value> {
        self.known.borrow_mut().insert(name.to_owned());
        self.fields.get(name)
    }

    /// The field, unless it is absent or null.
    pub(crate) fn given(&self, name: &str) -> Option<&'a Value> {
        self.optional(name).filter(|value| !value.is_null())
    }

    pub(crate) fn required(&self, name: &str) -> Result<&'a Value, String> {
        self.optional(name).ok_or_else(|| format!("{} has no `{name}`", self.path))
    }

    pub(crate) fn read<T>(
        &self,
        name: &str,
        what: &str,
        convert: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, String> {
        match self.optional(name) {
            None => Ok(None),
            Some(value) => convert(value).map(Some).ok_or_else(|| format!("`{name}` of {} is not {what}", self.path)),
        }
    }

    pub(crate) fn need<T>(&self, name: &str, value: Option<T>) -> Result<T, String> {
        value.ok_or_else(|| format!("{} has no `{name}`", self.path))
    }

    pub(crate) fn text(&self, name: &str) -> Result<&'a str, String> {
        self.need(name, self.read(name, "a string", Value::as_str)?)
    }

    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, String> {
        self.read(name, "true or false", Value::as_bool)
    }

    pub(crate) fn integer(&self, name: &str) -> Result<Option<u64>, String> {
        self.read(name, "an integer of 64 bits", Value::as_u64)
    }

    pub(crate) fn hex(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        self.read(name, "hexadecimal", |value| value.as_str().and_then(octets))
    }

    pub(crate) fn need_hex(&self, name: &str) -> Result<Vec<u8>, String> {
        self.need(name, self.hex(name)?)
    }

    pub(crate) fn address(&self, name: &str) -> Result<Option<IpAddr>, String> {
        self.read(name, "an address", |value| value.as_str()?.parse().ok())
    }

    /// The elements of an array; none if it is absent or null.
    pub(crate) fn list(&self, name: &str) -> Result<Option<&'a Vec<Value>>, String> {
        match self.given(name) {
            None => Ok(None),
            Some(value) => {
                value.as_array().map(Some).ok_or_else(|| format!("`{name}` of {} is not an array", self.path))
            }
        }
    }

    pub(crate) fn list_of<T>(
        &self,
        name: &str,
        what: &str,
        convert: impl FnMut(&Value) -> Option<T>,
    ) -> Result<Option<Vec<T>>, String> {
        let Some(list) = self.list(name)? else { return Ok(None) };
        let list: Option<Vec<T>> = list.iter().map(convert).collect();
        list.map(Some).ok_or_else(|| format!("`{name}` of {} is not an array of {what}", self.path))
    }

    pub(crate) fn child(&self, name: &str) -> Result<Option<Object<'a>>, String> {
        self.given(name).map(|value| Object::new(format!("`{name}` of {}", self.path), value)).transpose()
    }
}

/// Octets from hexadecimal digits; white space does not count.
pub(crate) fn octets(digits: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = digits.bytes().filter(|octet| !octet.is_ascii_whitespace()).collect();
    let (pairs, rest) = digits.as_chunks::<2>();
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let octets = pairs.iter().map(|&[high, low]| Some(value(high)? << 4 | value(low)?));
    if rest.is_empty() { octets.collect() } else { None }
}

// --- Code points ------------------------------------------------------------------------------------------------------

/// None if there are none; a set that the crate refuses is that refusal.
pub(crate) type MaybeCodePoints = Result<Option<CodePoints>, CodePointError>;

/// The code points of a case or request: those of the RFC 4727 experiment but for the fields that are named.
pub(crate) fn code_points(case: &Object<'_>) -> Result<MaybeCodePoints, String> {
    let experiment = CodePoints::rfc4727_experiment();
    let Some(value) = case.optional("code_points") else { return Ok(Ok(Some(experiment))) };
    if value.is_null() {
        return Ok(Ok(None));
    }
    let object = Object::new("`code_points`", value)?;
    let mut fields = *experiment.fields();
    for (name, field) in [
        ("xcast4_protocol", &mut fields.xcast4_protocol),
        ("xcast6_routing_type", &mut fields.xcast6_routing_type),
        ("ports_option", &mut fields.ports_option),
        ("tunnel_option", &mut fields.tunnel_option),
        ("bitmap_option_v4", &mut fields.bitmap_option_v4),
        ("bitmap_option_v6", &mut fields.bitmap_option_v6),
    ] {
        if let Some(value) = object.integer(name)? {
            *field = u8::try_from(value).map_err(|_| format!("`{name}` of `code_points` exceeds 255"))?;
        }
    }
    if let Some(address) = object.address("routers_v4")? {
        fields.routers_v4 = v4(address).ok_or("`routers_v4` is not IPv4")?;
    }
    if let Some(address) = object.address("routers_v6")? {
        fields.routers_v6 = v6(address).ok_or("`routers_v6` is not IPv6")?;
    }
    object.finish()?;
    Ok(CodePoints::new(fields).map(Some))
}

pub(crate) const fn v4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

pub(crate) const fn v6(address: IpAddr) -> Option<Ipv6Addr> {
    match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => Some(address),
    }
}

// --- Associations -----------------------------------------------------------------------------------------------------

/// Why a well-formed `sa` gives no association.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum SaRefused {
    /// The crate refuses it.
    Sa(SaError),
    /// The crate's types cannot even express it.
    Inexpressible(&'static str),
}

impl fmt::Display for SaRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sa(error) => error.fmt(f),
            Self::Inexpressible(what) => f.write_str(what),
        }
    }
}

/// An `sa` object.
pub(crate) struct SaFields {
    pub(crate) protocol: SecurityProtocol,
    spi: u32,
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    tunnel: Option<OuterHeader>,
    pub(crate) esn: bool,
    pub(crate) seq_hi: Option<u32>,
    coverage: RoutingCoverage,
    /// Not part of the object.
    pub(crate) pad_to_8: bool,
    integrity: Option<(IntegrityAlgorithm, Vec<u8>)>,
    cipher: Option<(Cipher, Vec<u8>)>,
    pub(crate) iv: Option<Vec<u8>>,
}

#[derive(Clone, Copy)]
enum Cipher {
    Separate(CipherAlgorithm),
    Combined(AeadAlgorithm),
}

impl SaFields {
    /// Reads the field `sa` of a case or request.
    pub(crate) fn read(holder: &Object<'_>) -> Result<Self, String> {
        let sa = holder.need("sa", holder.child("sa")?)?;
        let protocol = match sa.text("protocol")? {
            "ah" => SecurityProtocol::Ah,
            "esp" => SecurityProtocol::Esp,
            other => return Err(format!("unknown protocol {other:?}")),
        };
        let (source, destination) = (sa.address("src")?, sa.address("dst")?);
        let tunnel = read_tunnel(&sa, source, destination)?;
        let tunnel = match sa.text("mode")? {
            "transport" => None,
            "tunnel" => Some(tunnel.ok_or("tunnel mode without addresses")?),
            other => return Err(format!("unknown mode {other:?}")),
        };
        let coverage = match sa.read("routing_coverage", "a string", Value::as_str)? {
            None | Some("covered") => RoutingCoverage::Covered,
            Some("data-zeroed") => RoutingCoverage::DataZeroed,
            Some("fields-zeroed") => RoutingCoverage::FieldsZeroed,
            Some(other) => return Err(format!("unknown coverage {other:?}")),
        };
        let integrity = match sa.child("integrity")? {
            None => None,
            Some(object) => {
                let integrity = (integrity_algorithm(object.text("alg")?)?, object.need_hex("key")?);
                object.finish()?;
                Some(integrity)
            }
        };
        let mut iv = None;
        let cipher = match sa.child("cipher")? {
            None => None,
            Some(object) => {
                let cipher = (cipher_algorithm(object.text("alg")?)?, object.hex("key")?.unwrap_or_default());
                iv = object.hex("iv")?;
                object.finish()?;
                Some(cipher)
            }
        };
        let seq_hi = sa.integer("seq_hi")?.map(u32::try_from).transpose().map_err(|_| "`seq_hi` exceeds 32 bits")?;
        let spi = u32::try_from(sa.need("spi", sa.integer("spi")?)?).map_err(|_| "`spi` exceeds 32 bits")?;
        let esn = sa.flag("esn")?.unwrap_or(false);
        sa.finish()?;
        let pad_to_8 = false;
        Ok(Self { protocol, spi, source, destination, tunnel, esn, seq_hi, coverage, pad_to_8, integrity, cipher, iv })
    }

    /// The protection asked for, or why there is no such.
    fn protection(&self) -> Result<Protection<'_>, SaRefused> {
        let integrity = self.integrity.as_ref().map(|(algorithm, key)| (*algorithm, key.as_slice()));
        match (self.protocol, &self.cipher) {
            (SecurityProtocol::Ah, None) => {
                let (integrity, key) = integrity.ok_or(SaRefused::Sa(SaError::NoIntegrity))?;
                Ok(Protection::Ah { integrity, key, coverage: self.coverage, pad_to_8: self.pad_to_8 })
            }
            (SecurityProtocol::Ah, Some(_)) => Err(SaRefused::Inexpressible("AH with a cipher")),
            (SecurityProtocol::Esp, None) => {
                Ok(Protection::Esp { cipher: CipherAlgorithm::Null, cipher_key: &[], integrity })
            }
            (SecurityProtocol::Esp, Some((Cipher::Separate(cipher), cipher_key))) => {
                Ok(Protection::Esp { cipher: *cipher, cipher_key, integrity })
            }
            (SecurityProtocol::Esp, Some((Cipher::Combined(algorithm), key))) => match integrity {
                None => Ok(Protection::EspCombined { algorithm: *algorithm, key }),
                Some(_) => Err(SaRefused::Inexpressible("combined mode with an integrity algorithm")),
            },
        }
    }

    /// The association, with `spi`. Vectors are about octets: every algorithm is welcome.
    pub(crate) fn make(&self, spi: Spi) -> Result<Sa<RustCrypto>, SaRefused> {
        let config = SaConfig {
            source: self.source,
            destination: self.destination,
            mode: self.tunnel.map_or(Mode::Transport, Mode::Tunnel),
            esn: self.esn,
            rfc8221_exemption: self.integrity.as_ref().map(|(algorithm, _)| *algorithm),
            ..SaConfig::new(spi, self.protection()?)
        };
        Sa::new(&config, &mut RustCrypto).map_err(SaRefused::Sa)
    }

    /// `None`: the one given is reserved.
    pub(crate) fn spi(&self) -> Option<Spi> {
        Spi::new(self.spi)
    }

    /// Lets the window of `packet`'s sender start right before the packet, if its upper half is given.
    pub(crate) fn start_window<const SENDERS: usize, const WORDS: usize>(
        &self,
        windows: &mut SenderWindows<SENDERS, WORDS>,
        sa: &Sa<RustCrypto>,
        packet: &[u8],
        code_points: Option<&CodePoints>,
    ) -> Result<(), String> {
        if let (true, Some(high)) = (self.esn, self.seq_hi)
            && let Some((source, low)) = carried_sequence(packet, self.protocol, code_points)
        {
            let full = u64::from(high) << 32 | u64::from(low);
            let sender = SenderKey { sa: sa.id(), source };
            windows.start_after(sender, full.saturating_sub(1)).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

fn read_tunnel(
    sa: &Object<'_>,
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
) -> Result<Option<OuterHeader>, String> {
    let Some(object) = sa.child("tunnel")? else {
        let outer = source.zip(destination);
        return Ok(outer.map(|(source, destination)| OuterHeader::between(source, destination, 64)));
    };
    let hop_limit = object.integer("hop_limit")?.unwrap_or(64);
    let tunnel = OuterHeader::between(
        object.need("src", object.address("src")?.or(source))?,
        object.need("dst", object.address("dst")?.or(destination))?,
        u8::try_from(hop_limit).map_err(|_| "`hop_limit` exceeds 8 bits")?,
    );
    object.finish()?;
    Ok(Some(tunnel))
}

fn integrity_algorithm(name: &str) -> Result<IntegrityAlgorithm, String> {
    Ok(match name {
        "hmac-md5-96" => IntegrityAlgorithm::HmacMd5_96,
        "hmac-sha1-96" => IntegrityAlgorithm::HmacSha1_96,
        "hmac-sha2-256-128" => IntegrityAlgorithm::HmacSha2_256_128,
        "hmac-sha2-384-192" => IntegrityAlgorithm::HmacSha2_384_192,
        "hmac-sha2-512-256" => IntegrityAlgorithm::HmacSha2_512_256,
        _ => return Err(format!("unknown integrity algorithm {name:?}")),
    })
}

fn cipher_algorithm(name: &str) -> Result<Cipher, String> {
    Ok(match name {
        "null" => Cipher::Separate(CipherAlgorithm::Null),
        "aes-cbc" => Cipher::Separate(CipherAlgorithm::AesCbc),
        "aes-ctr" => Cipher::Separate(CipherAlgorithm::AesCtr),
        "aes-gcm-16" => Cipher::Combined(AeadAlgorithm::AesGcm16),
        "chacha20-poly1305" => Cipher::Combined(AeadAlgorithm::ChaCha20Poly1305),
        _ => return Err(format!("unknown cipher {name:?}")),
    })
}

// --- Packets ----------------------------------------------------------------------------------------------------------

/// The source address and the low half of the sequence number, found without the crate.
fn carried_sequence(
    packet: &[u8],
    protocol: SecurityProtocol,
    code_points: Option<&CodePoints>,
) -> Option<(IpAddr, u32)> {
    let (kind, offset) = match protocol {
        SecurityProtocol::Ah => (51, 8),
        SecurityProtocol::Esp => (50, 4),
    };
    let source: IpAddr = match packet.first()? >> 4 {
        4 => packet.get(12..)?.first_chunk::<4>().copied()?.into(),
        _ => packet.get(8..)?.first_chunk::<16>().copied()?.into(),
    };
    let at = header_at(packet, kind, code_points)? + offset;
    packet.get(at..)?.first_chunk().map(|low| (source, u32::from_be_bytes(*low)))
}

/// Where the header of kind `wanted` starts, found without the crate.
pub(crate) fn header_at(packet: &[u8], wanted: u8, code_points: Option<&CodePoints>) -> Option<usize> {
    let octet = |at: usize| packet.get(at).copied();
    let version = octet(0)? >> 4;
    let (mut kind, mut at) = match version {
        4 => (octet(9)?, usize::from(octet(0)? & 15) * 4),
        6 => (octet(6)?, 40),
        _ => return None,
    };
    let xcast4 = code_points.map(|points| points.fields().xcast4_protocol);
    while kind != wanted {
        (kind, at) = match kind {
            0 | 43 | 60 if version == 6 => (octet(at)?, at + 8 * (usize::from(octet(at + 1)?) + 1)),
            51 => (octet(at)?, at + 4 * (usize::from(octet(at + 1)?) + 2)),
            _ if version == 4 && Some(kind) == xcast4 => (octet(at + 8)?, at + 4 * usize::from(octet(at + 9)?)),
            _ => return None,
        };
    }
    Some(at)
}
