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
        && spis_are_given_out()
        && signed_messages_are_read()
        && rust_crypto()
        && spis_are_hashed()
        && ed25519()
        && protection()
        && processing()
        && batches()
        && lanes()
        && sessions_split()
        && stacks_talk()
        && groups_are_described()
        && pushes()
        && sip_bodies()
        && key_trees()
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

/// An association from a text, as octets and back.
fn groups_are_described() -> bool {
    use xcast_sec::group::gdoi::{Download, Gap, emit};
    use xcast_sec::group::manual::{Config, Item};

    let text = black_box(
        "group ff02::114 epoch 1
         association esp spi 0x1000 cipher null integrity hmac-sha1-96
             integrity-key 000102030405060708090a0b0c0d0e0f10111213",
    );
    // The second line continues the first one, which has no such key.
    let refused = Config::new(text).any(|item| item.is_err_and(|error| (error.line(), error.column()) == (2, 10)));
    let text = black_box(
        "group ff02::114 epoch 1
association esp spi 0x1000 cipher null integrity hmac-sha1-96
    integrity-key 000102030405060708090a0b0c0d0e0f10111213",
    );
    let association = Config::new(text).find_map(|item| match item {
        Ok(Item::Association(association)) => Some(association),
        _ => None,
    });
    let Some(association) = association else { return false };
    let mut octets = [0; 256];
    let Ok(len) = emit(&[&association], None, &mut octets) else { return false };
    let Some(octets) = octets.get(..len) else { return false };
    let same = Download::parse(octets).is_ok_and(|download| {
        download.is_canonical() && download.iter().all(|read| read.terms() == association.terms())
    });
    refused && same && Gap::parse(octets).is_err() && keys_are_made(association.terms())
}

/// Keys are those that are given; a generator that has nothing makes none.
fn keys_are_made(terms: &xcast_sec::group::SaTerms) -> bool {
    use xcast_sec::group::GroupSa;

    let made = GroupSa::new(*black_box(terms), &[], &[1; 20]);
    GroupSa::generate(*terms, &mut NoRandom).is_err() && made.is_ok_and(|sa| sa.as_config().spi == terms.spi)
}

/// Each rule gives out an SPI, and another one the next time.
fn spis_are_given_out() -> bool {
    use core::net::IpAddr;
    use xcast_sec::group::spi::{CentralSpis, DerivedSpis, PerSenderSpis, PrefixRule, SpiAllocator, SpiUse};

    fn two<A: SpiAllocator>(mut spis: A) -> bool {
        let source = IpAddr::from(black_box([192, 0, 2, 1]));
        let (Ok(one), Ok(two)) = (spis.allocate(source, &mut Zeros), spis.allocate(source, &mut Zeros)) else {
            return false;
        };
        let reported = SpiUse { source, spi: one };
        one != two && spis.report(reported).is_ok() && spis.withdraw(reported) && spis.release(reported)
    }

    let Ok(rule) = PrefixRule::new([192, 0, 2, 0].into(), black_box(24)) else { return false };
    two(DerivedSpis::<_, 4>::new(rule)) && two(CentralSpis::<4>::new(2)) && two(PerSenderSpis::<4>::new())
}

/// Signs with zeros, and takes nothing else.
struct ZeroSignature;

impl xcast_sec::crypto::Signer for ZeroSignature {
    fn id(&self) -> xcast_sec::crypto::SignerId {
        xcast_sec::crypto::SignerId::new([7; 16])
    }
    fn signature_len(&self) -> usize {
        8
    }
    fn sign(&mut self, _: &[&[u8]], signature: &mut [u8]) -> Result<(), xcast_sec::crypto::SignError> {
        signature.fill(0);
        Ok(())
    }
}

impl xcast_sec::crypto::Verifier for ZeroSignature {
    fn signature_len(&self, _: xcast_sec::crypto::SignerId) -> Option<usize> {
        Some(8)
    }
    fn verify(
        &mut self,
        _: xcast_sec::crypto::SignerId,
        _: &[&[u8]],
        signature: &[u8],
    ) -> Result<(), xcast_sec::crypto::VerifyError> {
        if signature == [0; 8] { Ok(()) } else { Err(xcast_sec::crypto::VerifyError::Invalid) }
    }
}

/// A signed message is accepted once.
fn signed_messages_are_read() -> bool {
    accepted_once(&mut ZeroSignature, &mut ZeroSignature)
}

fn accepted_once<S: xcast_sec::crypto::Signer, V: xcast_sec::crypto::Verifier>(
    signer: &mut S,
    verifier: &mut V,
) -> bool {
    use xcast_sec::group::signature::{AcceptError, ClockLimits, MessageKind, RecentMessages, SignedRepr, Timestamp};

    let timestamp = Timestamp::from_unix_secs(black_box(1_700_000_000));
    let repr = SignedRepr { kind: MessageKind::Join, group: b"g", timestamp, nonce: 1, message: b"let me in" };
    let mut buffer = [0; 128];
    let Ok(len) = repr.emit(signer, &mut buffer) else { return false };
    let Some(octets) = buffer.get(..len) else { return false };
    let mut recent = RecentMessages::<2, 2>::new(ClockLimits::DEFAULT);
    recent.accept(verifier, b"g", timestamp, octets).is_ok_and(|message| message.message() == b"let me in")
        && recent.accept(verifier, b"g", timestamp, octets) == Err(AcceptError::Replayed)
        && recent.accept(verifier, b"h", timestamp, octets).is_err()
}

/// RFC 8032 §7.1, test 2, by way of the seam; then a message, and a packet.
#[cfg(feature = "ed25519")]
fn ed25519() -> bool {
    use core::net::IpAddr;
    use xcast_sec::crypto::{Ed25519Signer, Ed25519Verifier, Signer, SignerId};
    use xcast_sec::group::source_auth::{
        PacketId, PacketOrigin, SignedSource, SignedSourceVerifier, SourceAuthenticator, SourceError, SourceVerifier,
        Verdict,
    };
    use xcast_sec::ipsec::{SecurityProtocol, Spi};
    use xcast_sec::time::Instant;

    let secret = [
        0x4c, 0xcd, 0x08, 0x9b, 0x28, 0xff, 0x96, 0xda, 0x9d, 0xb6, 0xc3, 0x46, 0xec, 0x11, 0x4e, 0x0f, 0x5b, 0x8a,
        0x31, 0x9f, 0x35, 0xab, 0xa6, 0x24, 0xda, 0x8c, 0xf6, 0xed, 0x4f, 0xb8, 0xa6, 0xfb,
    ];
    let (now, source) = (Instant::START, IpAddr::from([192, 0, 2, 1]));
    let mut signer = Ed25519Signer::new(SignerId::of_address(source), black_box(&secret));
    let mut signature = [0; 64];
    if signer.sign(&[black_box(&[0x72])], &mut signature).is_err() || !signature.starts_with(&[0x92, 0xa0, 0x09, 0xa9])
    {
        return false;
    }
    let mut verifier = Ed25519Verifier::<2>::new();
    if verifier.insert(signer.id(), &signer.public_key()).is_err() || !accepted_once(&mut signer, &mut verifier) {
        return false;
    }
    let Some(spi) = Spi::new(black_box(0x1000)) else { return false };
    let packet = PacketId { protocol: SecurityProtocol::Esp, spi, source, sequence: 1 };
    let origin = PacketOrigin { association: b"g", packet };
    let mut payload = [0x5A; 70];
    let Some((message, trailer)) = payload.split_at_mut_checked(6) else { return false };
    if SignedSource::new(&mut signer).authenticate(now, &origin, message, trailer).is_err() {
        return false;
    }
    let mut verifier = SignedSourceVerifier::new(verifier);
    let other = PacketOrigin { association: b"h", packet };
    verifier.verify(now, &origin, &payload) == Ok(Verdict::Authentic(&[0x5A; 6]))
        && verifier.verify(now, &other, &payload) == Err(SourceError::Forged)
}

/// Without the feature there is no algorithm to run.
#[cfg(not(feature = "ed25519"))]
fn ed25519() -> bool {
    true
}

/// An SPI is derived from an address, and recognised.
#[cfg(feature = "rust-crypto")]
fn spis_are_hashed() -> bool {
    use core::net::IpAddr;
    use xcast_sec::crypto::RustCrypto;
    use xcast_sec::group::spi::{HashRule, SpiRule};

    let source = IpAddr::from(black_box([192, 0, 2, 1]));
    let Ok(mut rule) = HashRule::new(RustCrypto) else { return false };
    rule.candidate(source, 1).is_ok_and(|spi| rule.number_of(source, spi) == Ok(Some(1)))
}

/// Without the feature there is no algorithm to run.
#[cfg(not(feature = "rust-crypto"))]
fn spis_are_hashed() -> bool {
    true
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

/// Packets sealed together open together, each once.
#[cfg(feature = "rust-crypto")]
fn batches() -> bool {
    use xcast_sec::crypto::{IntegrityAlgorithm, RustCrypto};
    use xcast_sec::ipsec::{
        Action, AnySender, Directionality, FixedOutboundSad, FixedSad, FixedSpd, Freshness, Inbound, ModeKind, NoAudit,
        Outbound, OutboundSa, PacketBuf, PolicyEntry, PolicyId, Protection, Received, Required, Sa, SaConfig,
        SelectorSet, SenderWindows, Sent, Spi, ToSeal, Usage, open_batch, seal_batch_with,
    };
    use xcast_sec::stack::{Receiver, ReceiverPolicy};
    use xcast_sec::time::Instant;

    const COUNT: usize = 3;
    let (now, code_points) = (Instant::START, CodePoints::rfc4727_experiment());
    let Some(spi) = Spi::new(black_box(0x1000)) else { return false };
    let policy = PolicyId::new(1);
    let integrity = Some((IntegrityAlgorithm::HmacSha2_256_128, &[2; 32][..]));
    let protection = Protection::Esp { cipher: CipherAlgorithm::AesCbc, cipher_key: &[1; 16], integrity };
    let config = SaConfig { policy: Some(policy), ..SaConfig::new(spi, protection) };
    let sa = || Sa::new(&config, &mut RustCrypto);
    let end = 128 + PACKET.len();
    let fill = |buffers: &mut [[u8; 512]; COUNT]| {
        for buffer in buffers {
            if let Some(place) = buffer.get_mut(128..end) {
                place.copy_from_slice(PACKET);
            }
        }
    };
    let mut buffers = [[0; 512]; COUNT];

    // Raw, with numbers by hand.
    fill(&mut buffers);
    let (Ok(raw), Some(mut windows)) = (sa(), SenderWindows::<4, 1>::new(64)) else { return false };
    let mut packets = buffers.each_mut().map(|buffer| PacketBuf::new(buffer, 128..end));
    let batch = packets.iter_mut().flatten().zip(1..).map(|(packet, sequence)| ToSeal {
        sa: &raw,
        freshness: Freshness { sequence, iv: &[3; 16] },
        packet,
    });
    let mut passed = 0;
    seal_batch_with(&mut RustCrypto, Some(&code_points), batch, |_, result| passed += usize::from(result.is_ok()));
    let batch = packets.iter_mut().flatten();
    open_batch(&raw, &mut windows, &mut RustCrypto, Some(&code_points), batch, |_, result| {
        passed += usize::from(result.is_ok());
    });
    if passed != 2 * COUNT {
        return false;
    }

    // Under one association, and through policy.
    let action = Action::Protect { policy, required: Required::Esp(ModeKind::Transport) };
    let entry = PolicyEntry { directionality: Directionality::Symmetric, selectors: SelectorSet::ANY, action };
    let mut spd = FixedSpd::<1>::new();
    let (mut sealing, mut opening) = (FixedOutboundSad::<RustCrypto, 1>::new(), FixedSad::<RustCrypto, 1>::new());
    let (Ok(ours), Ok(theirs)) = (sa(), sa()) else { return false };
    let Ok(mut ours) = OutboundSa::new(ours, now) else { return false };
    fill(&mut buffers);
    let mut packets = buffers.each_mut().map(|buffer| PacketBuf::new(buffer, 128..end));
    let batch = packets.iter_mut().flatten();
    let mut last = 0;
    ours.seal_batch(now, &mut RustCrypto, &mut Zeros, Some(&code_points), batch, |_, sealed| {
        last = sealed.map_or(0, |(_, sealed)| sealed.sequence);
    });
    if last != COUNT as u64
        || spd.push(entry).is_err()
        || sealing.insert(ours).is_err()
        || opening.insert(theirs, Usage::new(now)).is_err()
    {
        return false;
    }
    let Some(windows) = SenderWindows::<4, 1>::new(64) else { return false };
    let mut outbound = Outbound::new(sealing, &spd, NoAudit);
    let mut inbound = Inbound::new(opening, windows, &spd, AnySender, NoAudit);
    fill(&mut buffers);
    let mut packets = buffers.each_mut().map(|buffer| PacketBuf::new(buffer, 128..end));
    let batch = packets.iter_mut().flatten();
    let mut passed = 0;
    outbound.process_batch(&mut RustCrypto, &mut Zeros, Some(&code_points), now, batch, |_, sent| {
        passed += usize::from(matches!(sent, Ok((_, Sent::Protected { .. }))));
    });
    let batch = packets.iter_mut().flatten();
    inbound.process_batch(&mut RustCrypto, Some(&code_points), now, batch, |_, received| {
        passed += usize::from(matches!(received, Ok((_, Received::Protected(_)))));
    });
    // What is open now is none of the receiver's: it is not for this host.
    let mut receiver = Receiver::new(inbound, code_points, ReceiverPolicy::default());
    receiver.receive_batch(
        &mut RustCrypto,
        now,
        |_| false,
        packets.iter_mut().flatten(),
        |_, result| {
            passed += usize::from(result.is_err());
        },
    );
    passed == 3 * COUNT
}

/// Without the feature there is no algorithm to run.
#[cfg(not(feature = "rust-crypto"))]
fn batches() -> bool {
    true
}

/// The feature `simd`, at each level.
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
fn lanes() -> bool {
    crate::levels::lanes(black_box(PACKET))
}

/// Without the feature there are no lanes.
#[cfg(not(all(feature = "simd", target_arch = "x86_64")))]
fn lanes() -> bool {
    true
}

/// AES-GCM takes no random numbers.
struct NoRandom;

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

impl rand_core::TryCryptoRng for NoRandom {}

/// Without the feature there is no algorithm to run.
#[cfg(not(feature = "rust-crypto"))]
fn processing() -> bool {
    true
}

/// A list of members is split, and headers prepared once are what is built anew.
fn sessions_split() -> bool {
    use core::net::IpAddr;
    use xcast_sec::stack::{HeaderTemplate, Limits, Member, Origin, Session, SessionConfig};

    let code_points = CodePoints::rfc4727_experiment();
    let source = IpAddr::from(black_box([192, 0, 2, 1]));
    let Ok(mut session) = Session::<4>::new(SessionConfig::new(Origin::without_channel(source))) else { return false };
    for last in 1..=3 {
        if session.add(Member::new([198, 51, 100, last].into())).is_err() {
            return false;
        }
    }
    // 36 octets of headers, 8 of payload, and two addresses.
    let Ok(mut packets) = session.packets(&Limits::new(black_box(52), 8)) else { return false };
    let (Some(first), Some(second), None) = (packets.next(), packets.next(), packets.next()) else { return false };
    let Ok(template) = HeaderTemplate::<64>::new(&first, &code_points, 17) else { return false };
    let (mut prepared, mut built) = ([0; 64], [0; 64]);
    let written = template.emit(template.bits(&session), 8, &mut prepared).is_ok()
        && first.emit(&code_points, 17, 8, &mut built).is_ok();
    written && prepared == built && (first.len(), second.len()) == (2, 1)
}

/// What one host sends another one receives, at its own port.
#[cfg(feature = "rust-crypto")]
fn stacks_talk() -> bool {
    use core::net::IpAddr;
    use xcast_sec::crypto::RustCrypto;
    use xcast_sec::ipsec::{
        Action, AnySender, Directionality, FixedOutboundSad, FixedSad, FixedSpd, Inbound, NoAudit, Outbound, PacketBuf,
        PolicyEntry, SelectorSet, SenderWindows,
    };
    use xcast_sec::stack::{
        Datagram, FnLink, Incoming, Means, Member, Origin, Receiver, ReceiverPolicy, Sender, Session, SessionConfig,
    };
    use xcast_sec::time::Instant;

    let code_points = CodePoints::rfc4727_experiment();
    let own = IpAddr::from(black_box([198, 51, 100, 1]));
    let origin = Origin::without_channel(IpAddr::from([192, 0, 2, 1]));
    let Ok(mut session) = Session::<1>::new(SessionConfig::new(origin)) else { return false };
    let mut spd = FixedSpd::<1>::new();
    let (directionality, selectors) = (Directionality::Symmetric, SelectorSet::ANY);
    if session.add(Member { port: Some(4001), ..Member::new(own) }).is_err()
        || spd.push(PolicyEntry { directionality, selectors, action: Action::Bypass }).is_err()
    {
        return false;
    }
    let mut sender = Sender::new(Outbound::new(FixedOutboundSad::<RustCrypto, 1>::new(), &spd, NoAudit), code_points);
    let (mut scratch, mut storage) = ([0; 128], [0; 128]);
    let mut len = 0;
    let mut link = FnLink(|packet: &[u8]| {
        len = packet.len();
        storage.get_mut(..len).map(|place| place.copy_from_slice(packet)).ok_or(fmt::Error)
    });
    let datagram = Datagram { source_port: 4000, destination_port: 0, payload: b"hello" };
    let means = Means {
        crypto: &mut RustCrypto,
        rng: &mut NoRandom,
        now: Instant::START,
        mtu: scratch.len(),
        scratch: &mut scratch,
    };
    if !sender.send(&session, &datagram, means, &mut link).is_ok_and(|report| report.members_sent == 1) {
        return false;
    }
    let Some(windows) = SenderWindows::<1, 1>::new(32) else { return false };
    let inbound = Inbound::new(FixedSad::<RustCrypto, 1>::new(), windows, &spd, AnySender, NoAudit);
    let mut receiver = Receiver::new(inbound, code_points, ReceiverPolicy::default());
    let Some(mut packet) = PacketBuf::new(&mut storage, 0..len) else { return false };
    let incoming = receiver.receive(&mut RustCrypto, Instant::START, |address| address == own, &mut packet);
    matches!(incoming, Ok(Incoming::Packet(delivery)) if delivery.port() == Some(4001) && delivery.payload() == b"hello")
}

/// Without the feature there is no provider to name.
#[cfg(not(feature = "rust-crypto"))]
fn stacks_talk() -> bool {
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
