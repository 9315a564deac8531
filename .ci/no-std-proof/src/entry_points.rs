//! The public entry points that the proof links and runs. To add one: write a function that returns whether the entry
//! point did what it should, feeding it through [`black_box`] so that nothing is computed away, and name it in [`all`].

use core::fmt::{self, Write};
use core::hint::black_box;

use xcast_sec::crypto::{CipherAlgorithm, CryptoError, Icv, KeyError, MAX_ICV_LEN};
use xcast_sec::wire::{ChecksumPolicy, CodePoints, XcastPacket};

/// An IPv6 packet with one destination, A=1 and a port.
const PACKET: &[u8] = include_bytes!("../../../fuzz/corpus/parse_packet/parse-36-v6-flags-a-1-x-0-d-0-p-1-n-1");

/// Runs every entry point. `false` as soon as one misbehaves.
pub fn all() -> bool {
    icv()
        && lengths()
        && errors_print()
        && packets_parse()
        && packets_are_forwarded()
        && rust_crypto()
        && protection()
        && processing()
        && membership()
}

/// A packet from the corpus of the fuzz target is read; cut short, it is refused.
fn packets_parse() -> bool {
    let packet = black_box(PACKET);
    let parse = |octets| XcastPacket::parse(octets, &CodePoints::rfc4727_experiment(), ChecksumPolicy::Verify);
    let whole = parse(packet).is_ok_and(|packet| packet.destination(0).is_some() && packet.has_ports());
    whole && packet.split_last().is_some_and(|(_, short)| parse(short).is_err())
}

/// The packet goes on, rewritten, to the one next hop there is.
fn packets_are_forwarded() -> bool {
    use core::net::Ipv6Addr;
    use xcast_sec::forward::{FnEgress, PacketCopy, Prefix, Route, RouteTable, Router, RouterPolicy};
    use xcast_sec::time::Instant;

    let packet = black_box(&PACKET[..]);
    let Ok(everywhere) = Prefix::new(Ipv6Addr::UNSPECIFIED.into(), 0) else { return false };
    let mut routes = RouteTable::<u8, 4>::new();
    if routes.insert_route(everywhere, Route { next_hop: 1, xcast_capable: true, mtu: 1500 }).is_err() {
        return false;
    }
    let mut sent = [0; 256];
    let mut router = Router::new(CodePoints::rfc4727_experiment(), RouterPolicy::default());
    let mut egress = FnEgress(|_: u8, copy: &PacketCopy<'_>| copy.emit(&mut sent).map(|_| ()));
    let outcome = router.forward(Instant::START, None, packet, &routes, &mut egress);
    outcome.is_ok_and(|outcome| outcome.copies == 1) && sent.first() == packet.first()
}

/// What is sealed opens once.
#[cfg(feature = "rust-crypto")]
fn protection() -> bool {
    use xcast_sec::crypto::{IntegrityAlgorithm, RustCrypto};
    use xcast_sec::ipsec::{Freshness, PacketBuf, Protection, Sa, SaConfig, SenderWindows, Spi, open, seal_with};

    let Some(spi) = Spi::new(black_box(0x1000)) else { return false };
    let protection = Protection::Esp {
        cipher: CipherAlgorithm::AesCbc,
        cipher_key: &[1; 16],
        integrity: Some((IntegrityAlgorithm::HmacSha2_256_128, &[2; 32])),
    };
    let config = SaConfig::new(spi, protection);
    let mut crypto = RustCrypto;
    let Ok(sa) = Sa::new(&config, &mut crypto) else { return false };
    let Some(mut windows) = SenderWindows::<4, 1>::new(64) else { return false };
    let code_points = CodePoints::rfc4727_experiment();
    let mut buffer = [0; 512];
    let end = 128 + PACKET.len();
    let Some(place) = buffer.get_mut(128..end) else { return false };
    place.copy_from_slice(PACKET);
    let Some(mut packet) = PacketBuf::new(&mut buffer, 128..end) else { return false };
    let freshness = Freshness { sequence: 1, iv: &[3; 16] };
    seal_with(&sa, freshness, &mut crypto, Some(&code_points), &mut packet).is_ok()
        && open(&sa, &mut windows, &mut crypto, Some(&code_points), &mut packet).is_ok()
        && windows.len() == 1
}

/// Without the feature there is no algorithm to run.
#[cfg(not(feature = "rust-crypto"))]
fn protection() -> bool {
    true
}

/// What policy protects goes out sealed and comes in again.
#[cfg(feature = "rust-crypto")]
fn processing() -> bool {
    use xcast_sec::crypto::{AeadAlgorithm, RustCrypto};
    use xcast_sec::ipsec::{
        Action, AnySender, Directionality, FixedOutboundSad, FixedSad, FixedSpd, Inbound, ModeKind, NoAudit, Outbound,
        OutboundSa, PacketBuf, PolicyEntry, PolicyId, Protection, Received, Required, Sa, SaConfig, SelectorSet,
        SenderId, SenderWindows, Sent, Spi, Usage,
    };
    use xcast_sec::time::Instant;

    let (Some(spi), Some(sender)) = (Spi::new(black_box(0x1000)), SenderId::new(1, 8)) else { return false };
    let policy = PolicyId::new(1);
    let protection = Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key: &[1; 20] };
    let config = SaConfig { policy: Some(policy), ..SaConfig::new(spi, protection) };
    let action = Action::Protect { policy, required: Required::Esp(ModeKind::Transport) };
    let entry = PolicyEntry { directionality: Directionality::Symmetric, selectors: SelectorSet::ANY, action };
    let mut spd = FixedSpd::<1>::new();
    let (mut sealing, mut opening) = (FixedOutboundSad::<RustCrypto, 1>::new(), FixedSad::<RustCrypto, 1>::new());
    let (Ok(ours), Ok(theirs)) = (Sa::new(&config, &mut RustCrypto), Sa::new(&config, &mut RustCrypto)) else {
        return false;
    };
    let now = Instant::START;
    if spd.push(entry).is_err()
        || !OutboundSa::shared(ours, sender, now).is_ok_and(|sa| sealing.insert(sa).is_ok())
        || opening.insert(theirs, Usage::new(now)).is_err()
    {
        return false;
    }
    let Some(windows) = SenderWindows::<4, 1>::new(64) else { return false };
    let mut outbound = Outbound::new(sealing, &spd, NoAudit);
    let mut inbound = Inbound::new(opening, windows, &spd, AnySender, NoAudit);
    let code_points = CodePoints::rfc4727_experiment();
    let mut buffer = [0; 512];
    let end = 128 + PACKET.len();
    let Some(place) = buffer.get_mut(128..end) else { return false };
    place.copy_from_slice(PACKET);
    let Some(mut packet) = PacketBuf::new(&mut buffer, 128..end) else { return false };
    let sent = outbound.process(&mut RustCrypto, &mut NoRandom, Some(&code_points), now, &mut packet);
    let received = inbound.process(&mut RustCrypto, Some(&code_points), now, &mut packet);
    matches!(sent, Ok(Sent::Protected { .. })) && matches!(received, Ok(Received::Protected(_)))
}

/// AES-GCM takes no random numbers.
#[cfg(feature = "rust-crypto")]
struct NoRandom;

#[cfg(feature = "rust-crypto")]
impl rand_core::TryRng for NoRandom {
    type Error = fmt::Error;
    fn try_next_u32(&mut self) -> Result<u32, fmt::Error> {
        Err(fmt::Error)
    }
    fn try_next_u64(&mut self) -> Result<u64, fmt::Error> {
        Err(fmt::Error)
    }
    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), fmt::Error> {
        Err(fmt::Error)
    }
}

#[cfg(feature = "rust-crypto")]
impl rand_core::TryCryptoRng for NoRandom {}

/// Without the feature there is no algorithm to run.
#[cfg(not(feature = "rust-crypto"))]
fn processing() -> bool {
    true
}

/// A member asks to be let in, and is; damaged, what it sent is refused.
fn membership() -> bool {
    use core::net::{IpAddr, Ipv6Addr};
    use xcast_sec::group::membership::{
        Boot, Controller, ControllerConfig, FixedAdmission, GroupId, GroupSetup, Member, MemberConfig, Roles,
    };
    use xcast_sec::time::Instant;
    use xcast_sec::wire::{BitmapPlace, Family};

    let group = GroupId::new(black_box(1));
    let (controller_at, member_at) = (IpAddr::from(Ipv6Addr::LOCALHOST), IpAddr::from([192, 0, 2, 1]));
    let setup = GroupSetup { family: Family::V6, ah: None, bitmap: BitmapPlace::Header, tunnel: false };
    let Ok(mut controller) = Controller::<4>::new(ControllerConfig::new(group, setup), Boot::new(1), 1) else {
        return false;
    };
    let mut member = Member::<4, 1, 64>::new(MemberConfig::new(group, controller_at), Boot::new(1), 2);
    let mut admission = FixedAdmission::<1>::new();
    if !admission.allow(member_at, Roles::BOTH) || member.join(Roles::BOTH).is_err() {
        return false;
    }
    let mut buffer = [0; 64];
    let Ok(Some(sent)) = member.poll_transmit(Instant::START, &mut buffer) else { return false };
    let Some(join) = buffer.get(..sent.len) else { return false };
    let damaged =
        join.split_last().is_some_and(|(_, short)| controller.receive(member_at, short, &mut admission).is_err());
    damaged
        && controller.receive(member_at, join, &mut admission).is_ok()
        && controller.member(member_at).is_some()
        && matches!(controller.poll_transmit(Instant::START, &mut buffer), Ok(Some(_)))
}

/// RFC 2202 §3, test case 1, truncated to 96 bits.
#[cfg(feature = "rust-crypto")]
fn rust_crypto() -> bool {
    use xcast_sec::crypto::{CryptoProvider, IntegrityAlgorithm, RustCrypto};

    let expected = [0xb6, 0x17, 0x31, 0x86, 0x55, 0x05, 0x72, 0x64, 0xe2, 0x8b, 0xc0, 0xb6];
    let mut provider = RustCrypto;
    let Ok(key) = provider.integrity_key(black_box(IntegrityAlgorithm::HmacSha1_96), black_box(&[0x0b; 20])) else {
        return false;
    };
    let parts = || black_box([&b"Hi "[..], b"There"]);
    provider.verify_icv(&key, parts(), black_box(&expected)).is_ok()
        && provider.verify_icv(&key, parts(), black_box(&[0; 12])).is_err()
}

/// Without the feature there is no algorithm to run.
#[cfg(not(feature = "rust-crypto"))]
fn rust_crypto() -> bool {
    true
}

fn icv() -> bool {
    let full = black_box([0x5A_u8; MAX_ICV_LEN]);
    let kept = Icv::truncated(&full, black_box(12)).is_some_and(|icv| icv.as_octets() == [0x5A; 12]);
    kept && Icv::truncated(&full, black_box(MAX_ICV_LEN + 1)).is_none()
}

fn lengths() -> bool {
    black_box(CipherAlgorithm::AesCbc).accepts_key_len(black_box(32))
}

fn errors_print() -> bool {
    let mut sink = Sink(0);
    let printed = write!(
        sink,
        "{} {:?} {}",
        black_box(KeyError::WrongLength { actual: 3 }),
        black_box(KeyError::Provider),
        black_box(CryptoError::Mismatch)
    );
    printed.is_ok() && sink.0 > 0
}

/// Counts what is written to it, so that formatting is linked without a place to print.
struct Sink(usize);

impl Write for Sink {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.0 = self.0.saturating_add(s.len());
        Ok(())
    }
}
