//! Runs test vectors: every `*.json` file under `tests/vectors/`, and every one in the folder that the environment variable
//! `XCAST_VECTORS` names, if it does, with the same code.
//!
//! A case is never skipped: an unknown `kind`, an unknown field at any level or a field of the wrong type fails it. One line
//! is printed per file. Arguments that are no options select cases, those whose name holds one of them.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;
use xcast_sec::crypto::RustCrypto;
use xcast_sec::forward::{
    FnEgress, ForwardError, OwnAddress, PacketCopy, Route, RouteLookup, Router, RouterPolicy, Tunnel,
};
use xcast_sec::ipsec::{
    Content, Freshness, OpenError, Opened, PacketBuf, ReplayError, ReplayStore, Sa, SaError, SaId, SealError,
    SecurityProtocol, SenderKey, SenderWindows, SequenceCounter, SequenceError, Spi, open, seal_with, verify_ah,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{
    BitmapPlace, ChecksumPolicy, CodePointError, CodePoints, Destinations, Dscp, EmitError, ParseError, ParseErrorKind,
    XcastPacket, XcastRepr,
};

mod vector_sa;

use vector_sa::{MaybeCodePoints, Object, SaFields, SaRefused, code_points, header_at, v4, v6};

// --- Files and cases --------------------------------------------------------------------------------------------------

fn main() -> ExitCode {
    let (options, wanted): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|argument| argument.starts_with('-'));
    if options.iter().any(|option| option == "--list") {
        println!("0 tests, 0 benchmarks");
        return ExitCode::SUCCESS;
    }
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join("vectors")];
    folders.extend(std::env::var_os("XCAST_VECTORS").filter(|name| !name.is_empty()).map(PathBuf::from));
    let (mut passed, mut failed) = (0, 0);
    for folder in folders {
        let files = match json_files(&folder) {
            Ok(files) => files,
            Err(why) => {
                println!("{}: {why}", folder.display());
                failed += 1;
                continue;
            }
        };
        for file in files {
            let (run, failures) = run_file(&file, &wanted);
            let shown = file.file_name().unwrap_or_default().to_string_lossy();
            println!("{shown}: {run} cases run, {} passed", run.saturating_sub(failures.len()));
            for failure in &failures {
                println!("    FAILED {failure}");
            }
            passed += run.saturating_sub(failures.len());
            failed += failures.len();
        }
    }
    println!("vectors: {passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The `*.json` files of a folder, by name. That there are none is a mistake, not a success.
fn json_files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() { Err("no vectors in this folder".into()) } else { Ok(files) }
}

/// The number of cases run and the failed ones, each with its reason.
fn run_file(file: &Path, wanted: &[String]) -> (usize, Vec<String>) {
    let cases = match read_cases(file) {
        Ok(cases) => cases,
        Err(why) => return (0, vec![format!("(file): {why}")]),
    };
    let mut names = BTreeSet::new();
    let (mut run, mut failures) = (0, Vec::new());
    for (index, case) in cases.iter().enumerate() {
        let name = case.get("name").and_then(Value::as_str).unwrap_or("(no name)");
        if !wanted.is_empty() && !wanted.iter().any(|part| name.contains(part.as_str())) {
            continue;
        }
        run += 1;
        let outcome = if names.insert(name) {
            catch_unwind(AssertUnwindSafe(|| run_case(case))).unwrap_or_else(|_| Err("panicked".into()))
        } else {
            Err("a case of this name stands earlier in the file".into())
        };
        if let Err(why) = outcome {
            failures.push(format!("{name} (number {index}): {why}"));
        }
    }
    (run, failures)
}

fn read_cases(file: &Path) -> Result<Vec<Value>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    match serde_json::from_str(&text).map_err(|error| error.to_string())? {
        Value::Array(cases) => Ok(cases),
        _ => Err("not an array of cases".into()),
    }
}

/// `Err` says why the case failed.
fn run_case(case: &Value) -> Result<(), String> {
    let case = Object::new("case", case)?;
    case.text("name")?;
    case.text("source")?;
    let expected = expected_outcomes(case.required("expect")?)?;
    let code_points = code_points(&case)?;
    let outcome = match case.text("kind")? {
        "parse" => parse(&case, code_points),
        "build" => build(&case, code_points),
        "forward" => forward(&case, code_points),
        "ah-seal" => seal(&case, code_points, SecurityProtocol::Ah),
        "esp-seal" => seal(&case, code_points, SecurityProtocol::Esp),
        "ah-open" => open_case(&case, code_points, SecurityProtocol::Ah),
        "esp-open" => open_case(&case, code_points, SecurityProtocol::Esp),
        "replay" => replay(&case),
        kind => return Err(format!("unknown kind {kind:?}")),
    };
    let (got, why) = match &outcome {
        Ok(()) => ("ok", String::new()),
        Err(Failure::Class(error)) => (class_of(error), format!(" ({error})")),
        Err(Failure::Case(why)) => return Err(why.clone()),
    };
    // Every runner reads all the fields of its kind before it runs anything: what is left is unknown.
    case.finish()?;
    if expected.contains(&got) { Ok(()) } else { Err(format!("got {got}{why}, expected {}", expected.join(" or "))) }
}

fn expected_outcomes(expect: &Value) -> Result<Vec<&str>, String> {
    let outcomes: Option<Vec<_>> = match expect {
        Value::String(one) => Some(vec![one.as_str()]),
        Value::Array(any) if !any.is_empty() => any.iter().map(Value::as_str).collect(),
        _ => None,
    };
    let outcomes = outcomes.ok_or("`expect` is neither a string nor a list of them")?;
    match outcomes.iter().find(|outcome| **outcome != "ok" && !CLASSES.contains(outcome)) {
        Some(unknown) => Err(format!("unknown class {unknown:?} in `expect`")),
        None => Ok(outcomes),
    }
}

// --- Errors and their classes -----------------------------------------------------------------------------------------

const CLASSES: [&str; 9] =
    ["malformed", "unsupported", "checksum", "no-sa", "icv", "replay", "padding", "policy", "exhausted"];

/// Why a case did not come to its end.
enum Failure {
    /// The crate refused: that may be what is expected.
    Class(Refused),
    /// The case itself is wrong, or an output differs.
    Case(String),
}

/// What the crate refused, or what its types cannot even express.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Refused {
    Parse(ParseError),
    Emit(EmitError),
    CodePoints(CodePointError),
    Sa(SaError),
    Sequence(SequenceError),
    Seal(SealError),
    Open(OpenError),
    Forward(ForwardError),
    /// No code points are configured, and the operation is one on Xcast packets.
    NoCodePoints,
    /// `Spi` takes no value of 0–255.
    ReservedSpi,
    /// A value for which the crate's types have no room, such as a DSCP of 64.
    Inexpressible(&'static str),
}

/// The one mapping of the crate's errors to the classes of the format.
fn class_of(refused: &Refused) -> &'static str {
    match refused {
        Refused::Parse(error)
        | Refused::Seal(SealError::Parse(error))
        | Refused::Open(OpenError::Parse(error))
        | Refused::Forward(ForwardError::Parse(error)) => match error.kind() {
            ParseErrorKind::NotXcast | ParseErrorKind::XcastVersion => "unsupported",
            ParseErrorKind::Ipv4HeaderChecksum | ParseErrorKind::XcastChecksum => "checksum",
            ParseErrorKind::RoutingBehindAh => "policy",
            _ => "malformed",
        },
        Refused::Forward(error) => match error {
            ForwardError::NotForUs
            | ForwardError::Refused(_)
            | ForwardError::UnusableTunnel
            | ForwardError::NotAMember
            | ForwardError::ReversePath => "policy",
            ForwardError::UnusableSource | ForwardError::UnusableDestination { .. } => "malformed",
            _ => panic!("give this error a class: {error}"),
        },
        Refused::Emit(error) => match error {
            EmitError::BufferTooSmall { .. } => panic!("the test's buffer is too small: {error}"),
            EmitError::DscpsDoNotMerge | EmitError::AnonymousWithSeparatedBitmap | EmitError::AhBehindXcast4 => {
                "policy"
            }
            _ => "malformed",
        },
        Refused::CodePoints(_) | Refused::Inexpressible(_) => "malformed",
        Refused::NoCodePoints => "unsupported",
        Refused::ReservedSpi => "no-sa",
        Refused::Sequence(_) => "exhausted",
        Refused::Sa(error) => match error {
            SaError::NoIntegrity | SaError::Forbidden(_) | SaError::TfcNeedsEsp => "policy",
            SaError::Key(_) | SaError::Families | SaError::TunnelFamilies | SaError::TunnelSelectors => "malformed",
            _ => panic!("give this error a class: {error}"),
        },
        Refused::Seal(error) => match error {
            SealError::Refused(_) => "policy",
            SealError::OtherAddresses => "no-sa",
            SealError::PacketTooLong { .. } | SealError::IvLength => "malformed",
            SealError::Exhausted => "exhausted",
            // `NoRoom`: the test's buffer is too small.
            _ => panic!("no outcome of a case: {error}"),
        },
        Refused::Open(error) => match error {
            OpenError::Refused(_) => "policy",
            OpenError::NoSa { .. } | OpenError::ReservedSpi { .. } => "no-sa",
            OpenError::Replay(ReplayError::Replayed) => "replay",
            OpenError::Replay(ReplayError::TableFull) => "exhausted",
            OpenError::Icv => "icv",
            OpenError::Padding => "padding",
            OpenError::NotProtected
            | OpenError::AhLength
            | OpenError::EspLength
            | OpenError::BlockLength
            | OpenError::Inner => "malformed",
            _ => panic!("no outcome of a case: {error}"),
        },
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parse(error) => error.fmt(f),
            Self::Emit(error) => error.fmt(f),
            Self::CodePoints(error) => error.fmt(f),
            Self::Sa(error) => error.fmt(f),
            Self::Sequence(error) => error.fmt(f),
            Self::Seal(error) => error.fmt(f),
            Self::Open(error) => error.fmt(f),
            Self::Forward(error) => error.fmt(f),
            Self::NoCodePoints => f.write_str("no code points configured"),
            Self::ReservedSpi => f.write_str("SPI 0-255"),
            Self::Inexpressible(what) => f.write_str(what),
        }
    }
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self::Case(why)
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::Class(refused)
    }
}

impl From<ParseError> for Failure {
    fn from(error: ParseError) -> Self {
        Self::Class(Refused::Parse(error))
    }
}

impl From<EmitError> for Failure {
    fn from(error: EmitError) -> Self {
        Self::Class(Refused::Emit(error))
    }
}

impl From<SaRefused> for Failure {
    fn from(refused: SaRefused) -> Self {
        Self::Class(match refused {
            SaRefused::Sa(error) => Refused::Sa(error),
            SaRefused::Inexpressible(what) => Refused::Inexpressible(what),
        })
    }
}

impl From<SequenceError> for Failure {
    fn from(error: SequenceError) -> Self {
        Self::Class(Refused::Sequence(error))
    }
}

impl From<SealError> for Failure {
    fn from(error: SealError) -> Self {
        Self::Class(Refused::Seal(error))
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::Class(Refused::Open(error))
    }
}

impl From<ForwardError> for Failure {
    fn from(error: ForwardError) -> Self {
        Self::Class(Refused::Forward(error))
    }
}

type Outcome = Result<(), Failure>;

// --- Reading the fields of a case -------------------------------------------------------------------------------------

/// Compares octet strings; says where they differ first.
fn same(what: &str, got: &[u8], expected: &[u8]) -> Result<(), String> {
    if got == expected {
        return Ok(());
    }
    let at = got.iter().zip(expected).position(|(got, expected)| got != expected);
    let at = at.unwrap_or_else(|| got.len().min(expected.len()));
    let show = |octets: &[u8]| octets.get(at).map_or("its end".to_owned(), |octet| format!("{octet:02x}"));
    Err(format!(
        "`{what}` differs first at octet {at}: got {}, expected {} (lengths {} and {})",
        show(got),
        show(expected),
        got.len(),
        expected.len()
    ))
}

fn same_value<T: PartialEq + fmt::Debug>(what: &str, got: &T, expected: &T) -> Result<(), String> {
    if got == expected { Ok(()) } else { Err(format!("`{what}` differs: got {got:?}, expected {expected:?}")) }
}

/// For what cannot be done without code points.
fn needed(code_points: MaybeCodePoints) -> Result<CodePoints, Refused> {
    code_points.map_err(Refused::CodePoints)?.ok_or(Refused::NoCodePoints)
}

// --- parse and build --------------------------------------------------------------------------------------------------

/// The `fields` of `parse` and `build`; what is absent is `None`.
struct Fields {
    version: Option<u64>,
    anonymous: Option<bool>,
    no_x2u: Option<bool>,
    dscp: Option<bool>,
    ports: Option<bool>,
    destinations: Option<Vec<IpAddr>>,
    bits: Option<String>,
    channel: Option<Vec<u8>>,
    dscps: Option<Vec<u64>>,
    port_list: Option<Vec<u64>>,
    next_protocol: Option<u64>,
    bitmap_separated: Option<bool>,
    header_len: Option<u64>,
}

impl Fields {
    fn read(object: &Object<'_>) -> Result<Self, String> {
        let fields = Self {
            version: object.integer("version")?,
            anonymous: object.flag("anonymous")?,
            no_x2u: object.flag("no_x2u")?,
            dscp: object.flag("dscp")?,
            ports: object.flag("ports")?,
            destinations: object.list_of("destinations", "addresses", |value| value.as_str()?.parse().ok())?,
            bits: object.read("bits", "a string", Value::as_str)?.map(str::to_owned),
            channel: object.hex("channel")?,
            dscps: object.list_of("dscps", "integers", Value::as_u64)?,
            port_list: object.list_of("port_list", "integers", Value::as_u64)?,
            next_protocol: object.integer("next_protocol")?,
            bitmap_separated: object.flag("bitmap_separated")?,
            header_len: object.integer("header_len")?,
        };
        object.finish()?;
        Ok(fields)
    }
}

fn parse(case: &Object<'_>, code_points: MaybeCodePoints) -> Outcome {
    let octets = case.need_hex("packet")?;
    let fields = case.child("fields")?.map(|object| Fields::read(&object)).transpose()?;
    let packet = XcastPacket::parse(&octets, &needed(code_points)?, ChecksumPolicy::Verify)?;
    if let Some(fields) = fields {
        compare_fields(&packet, &fields)?;
    }
    Ok(())
}

fn compare_fields(packet: &XcastPacket<'_>, fields: &Fields) -> Result<(), String> {
    fn compare<T: PartialEq + fmt::Debug>(name: &str, expected: &Option<T>, got: T) -> Result<(), String> {
        expected.as_ref().map_or(Ok(()), |expected| same_value(name, &got, expected))
    }
    let header = packet.header();
    let count = header.destination_count();
    compare("version", &fields.version, u64::from(header.version()))?;
    compare("anonymous", &fields.anonymous, header.anonymous())?;
    compare("no_x2u", &fields.no_x2u, header.no_x2u())?;
    compare("dscp", &fields.dscp, header.has_dscps())?;
    compare("ports", &fields.ports, packet.has_ports())?;
    compare("destinations", &fields.destinations, header.destinations().collect())?;
    compare("bits", &fields.bits, (0..count).map(|i| if packet.bits().contains(i) { '1' } else { '0' }).collect())?;
    compare("channel", &fields.channel, header.channel().to_vec())?;
    compare("dscps", &fields.dscps, (0..count).filter_map(|i| Some(packet.dscp(i)?.value().into())).collect())?;
    compare("port_list", &fields.port_list, (0..count).filter_map(|i| Some(packet.port(i)?.into())).collect())?;
    compare("next_protocol", &fields.next_protocol, u64::from(packet.next_protocol()))?;
    compare("bitmap_separated", &fields.bitmap_separated, header.bitmap_place() == BitmapPlace::Option)?;
    compare("header_len", &fields.header_len, header.as_octets().len() as u64)
}

fn build(case: &Object<'_>, code_points: MaybeCodePoints) -> Outcome {
    let fields = Fields::read(&case.need("fields", case.child("fields")?)?)?;
    let source = case.need("src", case.address("src")?)?;
    let hop_limit = case.need("hop_limit", case.integer("hop_limit")?)?;
    let transport = case.need_hex("transport")?;
    let expected = case.hex("packet")?;
    let code_points = needed(code_points)?;

    let list = fields.destinations.as_deref().unwrap_or(&[]);
    let bits = fields.bits.unwrap_or_else(|| "1".repeat(list.len()));
    if bits.len() != list.len() || bits.contains(|bit| bit != '0' && bit != '1') {
        return Err(Refused::Inexpressible("not one bit per destination").into());
    }
    if fields.version.is_some_and(|version| version != 1) {
        return Err(Refused::Inexpressible("VERSION other than 1").into());
    }
    let dscps = optional_list(fields.dscp, fields.dscps, |value| Dscp::new(u8::try_from(value).ok()?))?;
    let ports = optional_list(fields.ports, fields.port_list, |value| u16::try_from(value).ok())?;
    let other_family = Refused::Inexpressible("addresses of both families");
    let (list_v4, list_v6): (Vec<Ipv4Addr>, Vec<Ipv6Addr>);
    let channel_length = Refused::Inexpressible("channel identifier of another length");
    let destinations = match source {
        IpAddr::V4(source) => {
            list_v4 = list.iter().map(|&address| v4(address)).collect::<Option<_>>().ok_or(other_family)?;
            let channel = fields.channel.map_or(Ok([0; 4]), <[u8; 4]>::try_from).map_err(|_| channel_length)?;
            Destinations::V4 { source, channel, addresses: &list_v4 }
        }
        IpAddr::V6(source) => {
            list_v6 = list.iter().map(|&address| v6(address)).collect::<Option<_>>().ok_or(other_family)?;
            let channel = fields.channel.map_or(Ok([0; 16]), <[u8; 16]>::try_from).map_err(|_| channel_length)?;
            Destinations::V6 { source, channel, addresses: &list_v6 }
        }
    };
    let octet = |value: u64| u8::try_from(value).map_err(|_| Refused::Inexpressible("more than 8 bits"));
    let repr = XcastRepr {
        destinations,
        bits: bits.char_indices().filter(|(_, bit)| *bit == '1').map(|(index, _)| index).collect(),
        dscps: dscps.as_deref(),
        ports: ports.as_deref(),
        anonymous: fields.anonymous.unwrap_or(false),
        no_x2u: fields.no_x2u.unwrap_or(false),
        bitmap: if fields.bitmap_separated == Some(true) { BitmapPlace::Option } else { BitmapPlace::Header },
        hop_limit: octet(hop_limit)?,
        next_protocol: octet(fields.next_protocol.ok_or("`fields` has no `next_protocol`".to_owned())?)?,
    };

    // What stood in the buffer must show nowhere.
    let len = repr.encoded_len(transport.len());
    let mut built = Vec::new();
    for fill in [0x00, 0xff] {
        let mut buffer = vec![fill; len + 3];
        repr.emit(&code_points, transport.len(), &mut buffer)?.copy_from_slice(&transport);
        same("octets behind the packet", &buffer[len..], &[fill; 3])?;
        buffer.truncate(len);
        built.push(buffer);
    }
    same("packet in a buffer of ff", &built[1], &built[0])?;
    if let Some(header_len) = fields.header_len {
        let packet = XcastPacket::parse(&built[0], &code_points, ChecksumPolicy::Verify)?;
        same_value("header_len", &(packet.header().as_octets().len() as u64), &header_len)?;
    }
    expected.map_or(Ok(()), |expected| same("packet", &built[0], &expected))?;
    Ok(())
}

/// A list that is there exactly if its flag says so.
fn optional_list<T>(
    flag: Option<bool>,
    list: Option<Vec<u64>>,
    convert: impl FnMut(u64) -> Option<T>,
) -> Result<Option<Vec<T>>, Refused> {
    match (flag, list) {
        (Some(true), None) => Err(Refused::Inexpressible("flag without its list")),
        (Some(false), Some(list)) if !list.is_empty() => Err(Refused::Inexpressible("list without its flag")),
        (Some(false) | None, None) | (Some(false), Some(_)) => Ok(None),
        (_, Some(list)) => {
            let list: Option<Vec<T>> = list.into_iter().map(convert).collect();
            list.map(Some).ok_or(Refused::Inexpressible("value out of range"))
        }
    }
}

// --- forward ----------------------------------------------------------------------------------------------------------

/// A prefix as the format writes it, and where it leads. Looked up without the crate's own table.
struct Entry<T> {
    prefix: (IpAddr, u32),
    value: T,
}

impl<T: Clone> Entry<T> {
    fn longest(entries: &[Self], address: IpAddr) -> Option<T> {
        let mut best: Option<&Self> = None;
        for entry in entries.iter().filter(|entry| entry.contains(address)) {
            // Of equal prefixes the first counts.
            if best.is_none_or(|best| best.prefix.1 < entry.prefix.1) {
                best = Some(entry);
            }
        }
        best.map(|entry| entry.value.clone())
    }

    fn contains(&self, address: IpAddr) -> bool {
        let (base, len) = self.prefix;
        let (base, address, bits) = match (base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => (u32::from(base).into(), u32::from(address).into(), 32),
            (IpAddr::V6(base), IpAddr::V6(address)) => (u128::from(base), u128::from(address), 128),
            _ => return false,
        };
        len == 0 || (base ^ address) >> (bits - len) == 0
    }
}

fn prefix(object: &Object<'_>) -> Result<(IpAddr, u32), String> {
    let text = object.text("prefix")?;
    let wrong = || format!("{text:?} is not a prefix");
    let (address, len) = text.split_once('/').ok_or_else(wrong)?;
    let (address, len): (IpAddr, u32) = (address.parse().map_err(|_| wrong())?, len.parse().map_err(|_| wrong())?);
    if len > if address.is_ipv4() { 32 } else { 128 } { Err(wrong()) } else { Ok((address, len)) }
}

/// The `router` of a case.
struct Routes<'a> {
    addresses: Vec<IpAddr>,
    routes: Vec<Entry<Route<&'a str>>>,
    tunnels: Vec<Entry<Tunnel>>,
}

impl<'a> Routes<'a> {
    fn read(router: &Object<'a>) -> Result<(Self, RouterPolicy), String> {
        let addresses = router.list_of("addresses", "addresses", |value| value.as_str()?.parse().ok())?;
        let mut read = Self { addresses: addresses.unwrap_or_default(), routes: Vec::new(), tunnels: Vec::new() };
        for value in router.list("routes")?.into_iter().flatten() {
            let route = Object::new("a route", value)?;
            let value = Route {
                next_hop: route.text("next_hop")?,
                xcast_capable: route.flag("xcast_capable")?.unwrap_or(true),
                mtu: usize::try_from(route.integer("mtu")?.unwrap_or(1500)).map_err(|error| error.to_string())?,
            };
            read.routes.push(Entry { prefix: prefix(&route)?, value });
            route.finish()?;
        }
        for value in router.list("tunnels")?.into_iter().flatten() {
            let tunnel = Object::new("a tunnel", value)?;
            let local = tunnel.need("local", tunnel.address("local")?)?;
            let remote = tunnel.need("remote", tunnel.address("remote")?)?;
            let value = Tunnel::new(local, remote).ok_or("a tunnel between two families")?;
            read.tunnels.push(Entry { prefix: prefix(&tunnel)?, value });
            tunnel.finish()?;
        }
        let mut policy = RouterPolicy::default();
        // The format knows one way with packets to an own address.
        policy.own_address = OwnAddress::AsGroup;
        policy.checksum = match router.flag("verify_checksum")? {
            Some(false) => ChecksumPolicy::Ignore,
            _ => ChecksumPolicy::Verify,
        };
        policy.x2u = router.flag("x2u")?.unwrap_or(true);
        policy.premature_x2u = router.flag("premature_x2u")?.unwrap_or(true);
        policy.allow_echo = router.flag("allow_echo")?.unwrap_or(false);
        router.finish()?;
        Ok((read, policy))
    }
}

impl<'a> RouteLookup for Routes<'a> {
    type NextHop = &'a str;

    fn is_local(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
    }

    fn route(&self, destination: IpAddr) -> Option<Route<&'a str>> {
        Entry::longest(&self.routes, destination)
    }

    fn tunnel(&self, destination: IpAddr) -> Option<Tunnel> {
        Entry::longest(&self.tunnels, destination)
    }

    fn is_tunnel(&self, local: IpAddr, remote: IpAddr) -> bool {
        self.tunnels.iter().any(|entry| entry.value.is_between(local, remote))
    }
}

/// A copy as it would leave: next hop and octets.
type Sent = (String, Vec<u8>);

/// Writes a copy whole and in its two parts, over zeros and over ones: all must be the same.
fn write_copy(copy: &PacketCopy<'_>) -> Result<Vec<u8>, String> {
    let mut whole = Vec::new();
    for fill in [0x00, 0xff] {
        let mut buffer = vec![fill; copy.len() + 3];
        let len = copy.emit(&mut buffer).map_err(|error| error.to_string())?;
        same_value("length of a copy", &len, &copy.len())?;
        same("octets behind a copy", &buffer.split_off(len), &[fill; 3])?;
        let mut gathered = vec![fill; copy.header_len()];
        let header_len = copy.emit_header(&mut gathered).map_err(|error| error.to_string())?;
        same_value("length of its header", &header_len, &gathered.len())?;
        gathered.extend_from_slice(copy.payload());
        same("copy in two parts", &gathered, &buffer)?;
        whole.push(buffer);
    }
    let mut short = vec![0xa5; copy.len() - 1];
    same_value("writing with an octet too few", &copy.emit(&mut short).is_err(), &true)?;
    same("buffer that is too small", &short, &vec![0xa5; copy.len() - 1])?;
    same("copy over ones", &whole[1], &whole[0])?;
    Ok(whole.swap_remove(0))
}

fn forward(case: &Object<'_>, code_points: MaybeCodePoints) -> Outcome {
    let packet = case.need_hex("packet")?;
    let (routes, policy) = Routes::read(&case.need("router", case.child("router")?)?)?;
    let local = case.flag("local")?;
    let copies = case.list("copies")?.map(|list| list.iter().map(read_copy).collect::<Result<Vec<_>, _>>());
    let copies = copies.transpose()?;
    let mut router = Router::new(needed(code_points)?, policy);

    let mut sent: Vec<Result<Sent, String>> = Vec::new();
    let mut egress = FnEgress(|next_hop: &str, copy: &PacketCopy<'_>| {
        sent.push(write_copy(copy).map(|octets| (next_hop.to_owned(), octets)));
        Ok::<(), ()>(())
    });
    let outcome = router.forward(Instant::START, None, &packet, &routes, &mut egress);
    let sent = sent.into_iter().collect::<Result<Vec<_>, _>>()?;
    if outcome.is_err() {
        same_value("copies of a packet that is refused", &sent.len(), &0)?;
    }
    let outcome = outcome?;
    same_value("copies counted", &outcome.copies, &sent.len())?;
    if let Some(local) = local {
        same_value("local", &outcome.local, &local)?;
    }
    if let Some(copies) = copies {
        let hops = |copies: &[Sent]| copies.iter().map(|(hop, _)| hop.clone()).collect::<Vec<_>>();
        same_value("next hops", &hops(&sent), &hops(&copies))?;
        for (index, ((_, got), (hop, expected))) in sent.iter().zip(&copies).enumerate() {
            same(&format!("copy {index}, to {hop}"), got, expected)?;
        }
    }
    Ok(())
}

fn read_copy(value: &Value) -> Result<Sent, String> {
    let copy = Object::new("a copy", value)?;
    let read = (copy.text("next_hop")?.to_owned(), copy.need_hex("packet")?);
    copy.finish()?;
    Ok(read)
}

// --- AH and ESP -------------------------------------------------------------------------------------------------------

/// The `sa` of a case of kind `protocol`.
fn sa_fields(case: &Object<'_>, protocol: SecurityProtocol) -> Result<SaFields, String> {
    let fields = SaFields::read(case)?;
    same_value("protocol", &fields.protocol, &protocol)?;
    Ok(fields)
}

/// Room for every header and trailer that sealing adds.
const ROOM: usize = 512;

fn seal(case: &Object<'_>, code_points: MaybeCodePoints, protocol: SecurityProtocol) -> Outcome {
    let fields = sa_fields(case, protocol)?;
    let packet = case.need_hex("packet")?;
    let sequence = case.need("seq", case.integer("seq")?)?;
    let expected = case.hex("protected")?;
    let code_points = code_points.map_err(Refused::CodePoints)?;
    let sa = fields.make(fields.spi().ok_or(Refused::ReservedSpi)?)?;
    let iv = fields.iv.as_deref().unwrap_or_default();
    if let Some(last) = sequence.checked_sub(1) {
        let mut counter = SequenceCounter::resume(last, fields.esn);
        counter.reserve(1).commit();
        counter.advance()?;
    }

    let mut sealed = Vec::new();
    for headroom in [ROOM, 0] {
        let mut storage = vec![0xa5; headroom + packet.len() + ROOM];
        let range = headroom..headroom + packet.len();
        storage[range.clone()].copy_from_slice(&packet);
        let before = storage.clone();
        let mut buffer = PacketBuf::new(&mut storage, range).expect("the storage holds the range");
        let freshness = Freshness { sequence, iv };
        let result = seal_with(&sa, freshness, &mut RustCrypto, code_points.as_ref(), &mut buffer);
        let octets = buffer.as_octets().to_vec();
        if result.is_err() {
            same("packet that was not sealed", &octets, &packet)?;
            same("its buffer", &storage, &before)?;
        }
        sealed.push(result.map(|()| octets));
    }
    match (&sealed[0], &sealed[1]) {
        (Ok(with), Ok(without)) => same("packet sealed without headroom", without, with)?,
        (with, without) => same_value("sealing without headroom", without, with)?,
    }
    let sealed = sealed.swap_remove(0)?;
    expected.map_or(Ok(()), |expected| same("protected", &sealed, &expected))?;
    Ok(())
}

type Windows = SenderWindows<4, 1>;

fn open_case(case: &Object<'_>, code_points: MaybeCodePoints, protocol: SecurityProtocol) -> Outcome {
    let fields = sa_fields(case, protocol)?;
    let protected = case.need_hex("protected")?;
    let expected = case.hex("packet")?;
    let code_points = code_points.map_err(Refused::CodePoints)?;
    let code_points = code_points.as_ref();
    // An SPI of 0-255 is what the packet is then refused for: the association has another.
    let sa = fields.make(fields.spi().or(Spi::new(u32::MAX)).ok_or(Refused::ReservedSpi)?)?;

    let windows = || -> Result<Windows, String> {
        let mut windows = Windows::new(64).ok_or("no window of 64")?;
        fields.start_window(&mut windows, &sa, &protected, code_points)?;
        Ok(windows)
    };
    let mut replay = windows()?;
    let senders = replay.len();
    let (result, opened, storage) = open_in_place(&sa, &mut replay, code_points, &protected, &[]);
    if protocol == SecurityProtocol::Ah {
        let verified = verify_ah(&sa, &mut windows()?, &mut RustCrypto, code_points, &protected);
        same_value("verify_ah", &verified, &result)?;
    }
    match result {
        Ok(Opened { content, .. }) => {
            same_value("senders known afterwards", &replay.len(), &1)?;
            let again = open_in_place(&sa, &mut replay, code_points, &protected, &[]).0;
            same_value("a second copy", &again, &Err(OpenError::Replay(ReplayError::Replayed)))?;
            // What a link layer padded makes no difference.
            let (padded, padded_opened, _) = open_in_place(&sa, &mut windows()?, code_points, &protected, &[0x5a; 9]);
            same_value("outcome with octets behind the packet", &padded, &result)?;
            same("packet with octets behind it", &padded_opened, &opened)?;
            match (content, expected) {
                (Content::Packet, Some(expected)) => same("packet", &opened, &expected)?,
                // Nothing is delivered. Its headers announce that nothing follows.
                (Content::Dummy, Some(expected)) => {
                    let is_dummy = expected.is_empty() || header_at(&expected, 59, code_points).is_some();
                    same_value("a dummy packet is expected", &true, &is_dummy)?;
                    same("packet, a dummy", &opened, &[])?;
                }
                (Content::Dummy, None) => same("packet, a dummy", &opened, &[])?,
                (Content::Packet, None) => {}
            }
            Ok(())
        }
        Err(error) => {
            same_value("senders known afterwards", &replay.len(), &senders)?;
            let decrypted =
                matches!(error, OpenError::Padding | OpenError::Inner | OpenError::Refused(_) | OpenError::Parse(_));
            if protocol == SecurityProtocol::Ah || !decrypted {
                same("packet that was not opened", &storage, &protected)?;
            }
            // The window has not moved: the same again is refused for the same reason.
            let again = open_in_place(&sa, &mut replay, code_points, &protected, &[]).0;
            same_value("outcome of a second try", &again, &result)?;
            Err(error.into())
        }
    }
}

/// Opens a copy of `protected` with `padding` behind it: the outcome, the packet, and the whole buffer.
fn open_in_place(
    sa: &Sa<RustCrypto>,
    replay: &mut Windows,
    code_points: Option<&CodePoints>,
    protected: &[u8],
    padding: &[u8],
) -> (Result<Opened, OpenError>, Vec<u8>, Vec<u8>) {
    let mut storage = [protected, padding].concat();
    let all = 0..storage.len();
    let mut buffer = PacketBuf::new(&mut storage, all).expect("the storage holds the range");
    let result = open(sa, replay, &mut RustCrypto, code_points, &mut buffer);
    let octets = buffer.as_octets().to_vec();
    (result, octets, storage)
}

// --- replay -----------------------------------------------------------------------------------------------------------

struct Step {
    source: IpAddr,
    spi: u32,
    /// The number the authentic packet was sealed with.
    sequence: u64,
}

impl Step {
    fn read(value: &Value) -> Result<Self, String> {
        let step = Object::new("a step", value)?;
        let spi = step.need("spi", step.integer("spi")?)?;
        let step_read = Self {
            source: step.need("src", step.address("src")?)?,
            spi: u32::try_from(spi).map_err(|_| "`spi` exceeds 32 bits")?,
            sequence: step.need("seq", step.integer("seq")?)?,
        };
        step.finish()?;
        Ok(step_read)
    }

    /// Whether the packet is accepted: its ICV fits only if the number that the receiver takes it to have is right.
    fn accept<S: ReplayStore>(&self, store: &mut S, esn: bool) -> bool {
        let Some(spi) = Spi::new(self.spi) else { return false };
        let sa = SaId { protocol: SecurityProtocol::Ah, spi, destination: None, source: None };
        let sender = SenderKey { sa, source: self.source };
        let low = self.sequence as u32;
        match store.check(sender, low, esn) {
            Ok(unverified) if unverified.number() == self.sequence => unverified.commit().is_ok(),
            _ => false,
        }
    }
}

fn replay(case: &Object<'_>) -> Outcome {
    let size = case.need("window", case.integer("window")?)?;
    let size = u32::try_from(size).map_err(|_| "`window` exceeds 32 bits".to_owned())?;
    let esn = case.flag("esn")?.unwrap_or(false);
    let steps = case.need("steps", case.list("steps")?)?;
    let steps: Vec<Step> = steps.iter().map(Step::read).collect::<Result<_, _>>()?;
    let expected = case.list_of("accepted", "booleans", Value::as_bool)?;

    let accepted = match size {
        0..=4096 => run_steps::<256, 64>(size, &steps, esn)?,
        _ => run_steps::<64, 1024>(size, &steps, esn)?,
    };
    if let Some(expected) = expected {
        if let Some(index) = accepted.iter().zip(&expected).position(|(got, expected)| got != expected) {
            let (got, expected) = (accepted[index], expected[index]);
            return Err(Failure::Case(format!(
                "`accepted` differs first at step {index}: got {got}, expected {expected}"
            )));
        }
        same_value("number of steps", &accepted.len(), &expected.len())?;
    }
    Ok(())
}

fn run_steps<const SENDERS: usize, const WORDS: usize>(
    size: u32,
    steps: &[Step],
    esn: bool,
) -> Result<Vec<bool>, Failure> {
    let mut store = SenderWindows::<SENDERS, WORDS>::new(size)
        .ok_or(Refused::Inexpressible("a window below 32 or above 65536 numbers"))?;
    Ok(steps.iter().map(|step| step.accept(&mut store, esn)).collect())
}
