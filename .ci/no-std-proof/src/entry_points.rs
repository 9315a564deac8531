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
        && neighbours_are_asked()
        && rust_crypto()
        && protection()
        && processing()
        && pushes()
        && sip_bodies()
        && key_trees()
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

/// A ping is made and, looped back by the link, is no answer; one that a router forwards back is.
fn neighbours_are_asked() -> bool {
    use core::net::{IpAddr, Ipv4Addr};
    use xcast_sec::forward::neighbour::{Capability, MAX_PING_LEN, Neighbours, PingConfig, Received, WithCapabilities};
    use xcast_sec::forward::{FnEgress, PacketCopy, Prefix, Route, RouteLookup, RouteTable, Router, RouterPolicy};
    use xcast_sec::time::Instant;

    let code_points = CodePoints::rfc4727_experiment();
    let own = IpAddr::V4(black_box(Ipv4Addr::new(192, 0, 2, 1)));
    let mut config = PingConfig::new(1, 2);
    config.answers = 1;
    let Ok(mut neighbours) = Neighbours::<u8, 2>::new(code_points, config) else { return false };
    let mut routes = RouteTable::<u8, 1>::new();
    let route = Route { next_hop: 7, xcast_capable: false, mtu: 1500 };
    if neighbours.insert(Instant::START, 7, own).is_err() || routes.insert_route(Prefix::host(own), route).is_err() {
        return false;
    }
    let now = Instant::from_secs(2);
    let Ok(Some(probe)) = neighbours.poll(now, &mut Zeros) else { return false };
    let (mut ping, mut back) = ([0; MAX_PING_LEN], [0; MAX_PING_LEN]);
    let Ok(len) = probe.emit(&mut ping) else { return false };
    let mut egress = FnEgress(|_: u8, copy: &PacketCopy<'_>| copy.emit(&mut back).map(|_| ()));
    let mut router = Router::new(code_points, RouterPolicy::default());
    let Some(sent) = ping.get(..len) else { return false };
    router.forward(now, None, sent, &routes, &mut egress).is_ok_and(|outcome| outcome.copies == 1)
        && neighbours.receive(now, sent, Some(7)) == Received::Stray
        && matches!(neighbours.receive(now, &back, Some(7)), Received::Answer { capability: Capability::Capable, .. })
        && WithCapabilities::new(&routes, &neighbours).route(own).is_some_and(|route| route.xcast_capable)
}

/// No random numbers at all, which will do for a token that nobody guesses.
struct Zeros;

impl rand_core::TryRng for Zeros {
    type Error = fmt::Error;
    fn try_next_u32(&mut self) -> Result<u32, fmt::Error> {
        Ok(0)
    }
    fn try_next_u64(&mut self) -> Result<u64, fmt::Error> {
        Ok(0)
    }
    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), fmt::Error> {
        octets.fill(0);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Zeros {}

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

/// An association is pushed, accepted and confirmed; its deletion comes through.
#[cfg(feature = "rust-crypto")]
fn pushes() -> bool {
    use xcast_sec::crypto::{PrfAlgorithm, RustCrypto};
    use xcast_sec::group::ike::{
        Acceptor, Answer, Cookies, Description, Due, Phase1, Phase1Config, Protocol, Pushed, Pusher, Received, Retry,
        Role, emit_delete,
    };
    use xcast_sec::ipsec::Spi;
    use xcast_sec::time::Instant;

    let config = |role| Phase1Config {
        role,
        cookies: Cookies { initiator: [1; 8], responder: [2; 8] },
        prf: PrfAlgorithm::HmacSha2_256,
        skeyid_a: &[3; 32],
        skeyid_e: &[4; 32],
        key_len: 32,
        last_block: [5; 16],
    };
    let (now, mut crypto) = (Instant::START, RustCrypto);
    let ours = Phase1::new(&config(Role::Initiator), &mut crypto, &mut Zeros);
    let theirs = Phase1::new(&config(Role::Responder), &mut crypto, &mut Zeros);
    let (Ok(mut ours), Ok(theirs)) = (ours, theirs) else { return false };
    let (mut pusher, mut acceptor) = (Pusher::<256>::new(Retry::default()), Acceptor::new(Retry::default()));
    let Ok(description) = Description::parse(black_box(&[17, 0, 0, 5, 1, 0, 0, 0, 5, 2])) else { return false };
    let mut frame = [0; 256];
    let copy = |due: Option<Due<'_>>, frame: &mut [u8; 256]| {
        let Some(Due::Transmit(octets)) = due else { return 0 };
        let Some(place) = frame.get_mut(..octets.len()) else { return 0 };
        place.copy_from_slice(octets);
        octets.len()
    };
    let pushed = pusher.push(now, &mut ours, &mut crypto, &mut Zeros, &description);
    let len = copy(pusher.poll(now), &mut frame);
    let offered = acceptor.receive(&theirs, &mut crypto, frame.get_mut(..len).unwrap_or(&mut []));
    let (Ok(id), Ok(Received::Offer(offer))) = (pushed, offered) else { return false };
    if offer.message_id != id || offer.description != description {
        return false;
    }
    let answered = acceptor.answer(now, &theirs, &mut crypto, &mut Zeros, id, Answer::Accept);
    let len = copy(acceptor.poll(now), &mut frame);
    let accepted = pusher.receive(&ours, &mut crypto, frame.get_mut(..len).unwrap_or(&mut []));
    let len = copy(pusher.poll(now), &mut frame);
    let confirmed = acceptor.receive(&theirs, &mut crypto, frame.get_mut(..len).unwrap_or(&mut []));
    if answered.is_err() || accepted != Ok(Pushed::Accepted) || confirmed != Ok(Received::Confirmed(id)) {
        return false;
    }
    let Some(spi) = Spi::new(0x1000) else { return false };
    let deleted = emit_delete(&mut ours, &mut crypto, Protocol::Esp, &[spi], &mut frame);
    let deleted = deleted.ok().and_then(|len| frame.get_mut(..len));
    deleted.is_some_and(|frame| {
        let received = acceptor.receive(&theirs, &mut crypto, frame);
        matches!(received, Ok(Received::Deleted(spis)) if spis.iter().eq([spi]))
    })
}

/// Without the feature there is no algorithm to run.
#[cfg(not(feature = "rust-crypto"))]
fn pushes() -> bool {
    true
}

/// A body goes through base64 and opens in its transaction alone; its header lines are read.
#[cfg(feature = "rust-crypto")]
fn sip_bodies() -> bool {
    use xcast_sec::crypto::{AeadAlgorithm, RustCrypto};
    use xcast_sec::group::sip::{
        Channel, Counters, Dialogue, Encoding, MEDIA_TYPE, Offer, OpenError, PartHeaders, Side, base64,
    };

    let algorithm = AeadAlgorithm::ChaCha20Poly1305;
    let end = |side| Channel::new(algorithm, black_box(&[1; 36]), side, Counters::default(), &mut RustCrypto);
    let (Ok(mut host), Ok(mut member)) = (end(Side::Host), end(Side::Member)) else { return false };
    let (call_id, from_uri, from_tag, to_uri) = (&b"call"[..], &b"sip:a"[..], &b"tag"[..], &b"sip:b"[..]);
    let dialogue = Dialogue { call_id, from_uri, from_tag, to_uri, to_tag: None, cseq: 1 };
    let offer = Offer { group: b"group", epoch: 1, sa: b"sa", kd: b"kd" };
    let (mut body, mut text) = ([0; 128], [0; 256]);
    let Ok((len, counter)) = host.seal_offer(&mut RustCrypto, &dialogue, &offer, &mut body) else { return false };
    let encoded = body.get(..len).and_then(|body| base64::encode(body, &mut text).ok());
    let Some(text) = encoded.and_then(|len| text.get_mut(..len)) else { return false };
    if base64::decode(text) != Ok(len) {
        return false;
    }
    let Some(received) = text.get_mut(..len) else { return false };
    let elsewhere = Dialogue { cseq: 2, ..dialogue };
    let moved = member.open_offer(&mut RustCrypto, &elsewhere, received).err();
    let opened = member.open_offer(&mut RustCrypto, &dialogue, received);
    let headers = PartHeaders::new(Encoding::Base64, true);
    let mut sink = Sink(0);
    moved == Some(OpenError::Authentication)
        && opened == Ok((counter, offer))
        && write!(sink, "{headers}").is_ok()
        && sink.0 > MEDIA_TYPE.len()
        && PartHeaders::parse(black_box(b"c: application/vnd.xcast-sec.group-sa\r\n")).is_ok()
}

/// Without the feature there is no algorithm to run.
#[cfg(not(feature = "rust-crypto"))]
fn sip_bodies() -> bool {
    true
}

/// Who stays gets what is new, who left does not.
#[cfg(feature = "rust-crypto")]
fn key_trees() -> bool {
    use xcast_sec::crypto::{AeadAlgorithm, RustCrypto};
    use xcast_sec::group::lkh::{Controller, Member, Suite};

    let Some(suite) = Suite::new(AeadAlgorithm::AesGcm16, black_box(20)) else { return false };
    let mut controller = Controller::<4>::new(suite);
    let (Ok(first), Ok(second)) = (controller.join(&[1; 20]), controller.join(&[2; 20])) else { return false };
    let (stays, leaves) = (Member::new(suite, first, &[1; 20]), Member::new(suite, second, &[2; 20]));
    let (Ok(mut stays), Ok(mut leaves)) = (stays, leaves) else { return false };
    let mut buffer = [0; 512];
    let mut step = |controller: &mut Controller<4>, stays: &mut Member, leaves: &mut Member| {
        let len = controller.rekey(&mut RustCrypto, &mut Zeros, b"new", &mut buffer).unwrap_or(0);
        let mut copy = buffer;
        let gone = leaves.apply(&mut RustCrypto, copy.get_mut(..len).unwrap_or(&mut [])).is_err();
        let new = stays.apply(&mut RustCrypto, buffer.get_mut(..len).unwrap_or(&mut []));
        (new.is_ok_and(|applied| applied.payload == b"new"), gone)
    };
    step(&mut controller, &mut stays, &mut leaves) == (true, false)
        && controller.leave(second.leaf).is_ok()
        && step(&mut controller, &mut stays, &mut leaves) == (true, true)
}

/// Without the feature there is no algorithm to run.
#[cfg(not(feature = "rust-crypto"))]
fn key_trees() -> bool {
    true
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
