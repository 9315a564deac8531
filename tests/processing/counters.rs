//! Every outcome, its error and its counter; dummies; providers that fail. That each packet is counted once and in one
//! counter more is seen to by `ends`.

use xcast_sec::crypto::{
    AEAD_IV_LEN, AEAD_TAG_LEN, AeadAlgorithm, CipherAlgorithm, CryptoError, CryptoProvider, Icv, IntegrityAlgorithm,
    KeyError, RustCrypto,
};
use xcast_sec::ipsec::{
    Action, AnySender, Content, FixedOutboundSad, FixedSad, Inbound, InboundError, Mode, ModeKind, NextLayer, NoAudit,
    OpenError, Outbound, OutboundError, OutboundSa, OuterHeader, PacketBuf, Protection, Received, Refusal, ReplayError,
    Required, RoutingCoverage, Sa, SaConfig, SealError, SecurityProtocol, SelectorSet, SenderWindows, Tfc, Usage,
};
use xcast_sec::wire::{BitmapPlace, DestinationSet, Destinations, ParseErrorKind, XcastRepr, protocol};

use crate::ends::{Receiver, Rng, Sender, in_counters, out_counters};
use crate::kit::*;

const TRANSPORT: Required = Required::Esp(ModeKind::Transport);

/// RFC 4301 §5.2, RFC 4302 §3.4, RFC 4303 §3.4: what can be wrong with a packet that says it is protected.
#[test]
fn what_can_be_wrong_with_a_protected_packet() {
    let traffic = Traffic::Unicast4;
    let source = traffic.source();
    let mut receiver = Receiver::new(protecting(traffic.received(), TRANSPORT));
    receiver.add(&config(0x1000, esp()));
    receiver.add(&config(0x1001, esp_null()));
    receiver.add(&config(0x1002, esp_cbc()));
    receiver.add(&config(0x1003, ah()));
    let between_hosts = Mode::Tunnel(OuterHeader::between(traffic.source(), traffic.destination(), 64));
    receiver.add(&SaConfig { mode: between_hosts, ..config(0x1004, esp_null()) });
    receiver.add(&SaConfig { mode: Mode::Tunnel(OuterHeader::preserving(64)), ..config(0x1005, esp()) });
    receiver.add(&config(0x1006, esp()));

    let plain = traffic.packet();
    let sealed = seal(&sa(&config(0x1000, esp())), 1, &plain);
    let by_other_tunnel = SaConfig { mode: tunnel(traffic.family()), ..config(0x1005, esp()) };
    let short_ah = Protection::Ah {
        integrity: IntegrityAlgorithm::HmacSha1_96,
        key: &[1; 20],
        coverage: RoutingCoverage::DataZeroed,
        pad_to_8: false,
    };
    // CBC: a vector and no whole block behind it.
    let mut no_block = 0x1002_u32.to_be_bytes().to_vec();
    no_block.extend_from_slice(&[0, 0, 0, 1]);
    no_block.extend_from_slice(&[9; 16 + 20]);
    let key = RustCrypto.integrity_key(IntegrityAlgorithm::HmacSha2_256_128, &AH_KEY).unwrap();
    let icv = RustCrypto.icv(&key, [&no_block[..]]).unwrap();
    no_block.extend_from_slice(icv.as_octets());
    let nested = [&[0; 12][..], &[0, 0, 0, protocol::ESP]].concat();

    let open = |error| Err(InboundError::Open(error));
    for (packet, expected, counter) in [
        (seal(&sa(&config(0x9999, esp())), 1, &plain), open(OpenError::NoSa { spi: spi(0x9999) }), "in_no_states"),
        (seal(&sa(&config(0x1000, ah())), 1, &plain), open(OpenError::NoSa { spi: spi(0x1000) }), "in_no_states"),
        (esp_by_hand(traffic, 255, 1, &[1, 2, 2, 17]), open(OpenError::ReservedSpi { spi: 255 }), "in_no_states"),
        (esp_by_hand(traffic, 0, 1, &[1, 2, 2, 17]), open(OpenError::ReservedSpi { spi: 0 }), "in_no_states"),
        (forged(&sealed), open(OpenError::Icv), "in_state_proto_error"),
        (seal(&sa(&config(0x1003, short_ah)), 1, &plain), open(OpenError::AhLength), "in_state_proto_error"),
        (traffic.plain(source, protocol::ESP, &sealed[20..44]), open(OpenError::EspLength), "in_state_proto_error"),
        (traffic.plain(source, protocol::ESP, &no_block), open(OpenError::BlockLength), "in_state_proto_error"),
        // Padding is 1, 2, 3, …, and not longer than there is room for.
        (esp_by_hand(traffic, 0x1001, 1, &[1, 3, 2, 17]), open(OpenError::Padding), "in_state_proto_error"),
        (esp_by_hand(traffic, 0x1001, 1, &[1, 2, 3, 17]), open(OpenError::Padding), "in_state_proto_error"),
        (esp_by_hand(traffic, 0x1004, 1, &[1, 2, 2, 17]), open(OpenError::Inner), "in_state_mode_error"),
        (
            seal(&sa(&by_other_tunnel), 1, &plain),
            open(OpenError::Refused(Refusal::NotPreserved)),
            "in_state_mode_error",
        ),
        (esp_by_hand(traffic, 0x1001, 1, &nested), open(OpenError::Refused(Refusal::NestedProtection)), "in_refused"),
        (sealed.clone(), Ok(()), "protected"),
        (sealed, open(OpenError::Replay(ReplayError::Replayed)), "in_state_seq_error"),
        (seal(&sa(&config(0x1003, ah())), 1, &plain), Err(InboundError::WrongProtection), "in_tmpl_mismatch"),
    ] {
        let arrival = receiver.receive(&packet);
        assert_eq!(arrival.result.map(drop), expected, "{packet:02x?}");
        assert_eq!(arrival.counter, counter);
    }
    let counters = receiver.inbound.counters();
    assert_eq!(counters.packets, 16);
    assert_eq!((counters.in_no_states, counters.in_state_proto_error, counters.in_state_mode_error), (4, 6, 2));
}

/// Headers that cannot be read: of the packet as it came, and of what was inside.
#[test]
fn what_cannot_be_read_does_not_get_in() {
    let v6 = Traffic::Unicast6;
    // A Destination Options header that says it goes on beyond the packet.
    let broken = v6.plain(v6.source(), protocol::DESTINATION_OPTIONS, &[protocol::UDP, 9, 1, 4, 0, 0, 0, 0]);
    let mut truncated = v6.packet();
    truncated.pop();
    let mut version = v6.packet();
    version[0] = 0x50;
    let esp_cut = v6.plain(v6.source(), protocol::ESP, &[0, 0, 0x10]);
    for policy in [protecting(v6.received(), TRANSPORT), spd(&[(SelectorSet::ANY, Action::Bypass)])] {
        let mut receiver = Receiver::new(policy.clone());
        let mut sender = Sender::new(policy);
        for (packet, kind) in [
            (vec![], ParseErrorKind::Truncated),
            (vec![0x60; 39], ParseErrorKind::Truncated),
            (truncated.clone(), ParseErrorKind::Truncated),
            (version.clone(), ParseErrorKind::IpVersion),
            (broken.clone(), ParseErrorKind::Truncated),
        ] {
            let arrival = receiver.receive(&packet);
            let InboundError::Open(OpenError::Parse(error)) = arrival.error() else { panic!("{arrival:?}") };
            assert_eq!((error.kind(), arrival.counter), (kind, "in_hdr_error"));
            assert_eq!(arrival.packet, packet);
            let departure = sender.send(&packet);
            let OutboundError::Unreadable(error) = departure.error() else { panic!("{departure:?}") };
            assert_eq!((error.kind(), departure.counter), (kind, "out_hdr_error"));
        }
        let arrival = receiver.receive(&esp_cut);
        assert_eq!(arrival.counter, "in_hdr_error", "{arrival:?}");
    }

    // The inner packet of a tunnel is judged by its own headers (RFC 4301 §5.2 step 4).
    let required = Required::Esp(ModeKind::Tunnel);
    let mut receiver = Receiver::requiring(v6, required);
    let arrival = receiver.receive(&seal(&sa(&configs_of(required, v6.family())[0]), 1, &broken));
    let InboundError::Unreadable(error) = arrival.error() else { panic!("{arrival:?}") };
    assert_eq!((error.kind(), arrival.counter), (ParseErrorKind::Truncated, "in_hdr_error"));
    let event = arrival.event.unwrap();
    assert_eq!((event.spi, event.selectors), (Some(0x1000), None));
}

/// Draft §3.2, §3.3: constructions that would not be built are not accepted either.
#[test]
fn refused_constructions() {
    // X=0 under transport-mode protection. A sender that knows nothing of Xcast seals it.
    let traffic = Traffic::Xcast6;
    let datagram = [0x13, 0x88, 0x0f, 0xa0, 0, 8, 0, 0];
    let convertible = traffic.xcast(traffic.source(), &datagram, false);
    let mut storage = vec![0; 400];
    storage[100..100 + convertible.len()].copy_from_slice(&convertible);
    let mut packet = PacketBuf::new(&mut storage, 100..100 + convertible.len()).unwrap();
    let mut outbound = Outbound::new(FixedOutboundSad::<_, 1>::new(), protecting(traffic.sent(), TRANSPORT), NoAudit);
    outbound.sad.insert(sender_of(&config(0x1000, esp()))).unwrap();
    outbound.process(&mut RustCrypto, &mut Rng(0), None, NOW, &mut packet).unwrap();
    let arrival = Receiver::requiring(traffic, TRANSPORT).receive(packet.as_octets());
    assert_eq!(arrival.error(), InboundError::Open(OpenError::Refused(Refusal::X2uAllowed)));
    assert_eq!(arrival.counter, "in_refused");

    // An Xcast4 header that holds its bitmap under AH.
    let addresses = [[10, 0, 0, 1].into(), [10, 0, 0, 2].into()];
    let header = XcastRepr {
        destinations: Destinations::V4 { source: [192, 0, 2, 1].into(), channel: [0; 4], addresses: &addresses },
        bits: DestinationSet::first_n(2),
        dscps: None,
        ports: None,
        anonymous: false,
        no_x2u: true,
        bitmap: BitmapPlace::Header,
        hop_limit: 64,
        next_protocol: protocol::UDP,
    };
    let mut packet = vec![0; header.encoded_len(8)];
    header.emit(&code_points(), 8, &mut packet).unwrap().copy_from_slice(&datagram);
    for required in [Required::Ah(ModeKind::Transport), Required::AhAroundEsp { esp: ModeKind::Transport }] {
        let departure = Sender::requiring(Traffic::Xcast4, required).send(&packet);
        let expected = OutboundError::Seal(SealError::Refused(Refusal::BitmapUnderAh));
        assert_eq!((departure.error(), departure.counter), (expected, "out_refused"));
    }
}

/// Other things that keep a packet from being sealed (RFC 4303 §2.7; RFC 5374 §4.1.2).
#[test]
fn what_does_not_suit_the_mode_is_not_sealed() {
    let traffic = Traffic::Unicast6;
    let padded = SaConfig { tfc: Tfc::AtLeast(100), ..config(0x1000, esp()) };
    let mut sender = Sender::new(protecting(traffic.sent(), TRANSPORT));
    sender.add(&padded);
    let no_length = traffic.plain(traffic.source(), 200, &[1; 20]);
    let departure = sender.send(&no_length);
    assert_eq!(departure.error(), OutboundError::Seal(SealError::TfcNeedsLength));
    assert_eq!(departure.counter, "out_state_mode_error");
    assert!(sender.send(&traffic.packet()).sealed().len() > 140);

    for (required, sealed_by) in [
        (Required::Esp(ModeKind::Tunnel), SecurityProtocol::Esp),
        (Required::AhAroundEsp { esp: ModeKind::Tunnel }, SecurityProtocol::Esp),
        (Required::Ah(ModeKind::Tunnel), SecurityProtocol::Ah),
    ] {
        let mut outer = OuterHeader::preserving(64);
        outer.source = gateway(xcast_sec::wire::Family::V4, 1).into();
        let mut sender = Sender::new(protecting(traffic.sent(), required));
        for mut config in configs_of(required, traffic.family()) {
            config.mode = if config.mode == Mode::Transport { Mode::Transport } else { Mode::Tunnel(outer) };
            sender.add(&config);
        }
        let departure = sender.send(&traffic.packet());
        let expected = OutboundError::Seal(SealError::Refused(Refusal::PreservationFamilies));
        assert_eq!((departure.error(), departure.counter), (expected, "out_state_mode_error"), "{sealed_by:?}");
    }
}

/// Every error says what it is, and what is behind it.
#[test]
fn errors_say_what_is_wrong() {
    use std::error::Error;
    let open = OpenError::Icv;
    let errors: [Box<dyn Error>; 8] = [
        InboundError::Open(open).into(),
        InboundError::OutOfStep.into(),
        InboundError::Unprotected { policy: OWN }.into(),
        InboundError::WrongProtection.into(),
        InboundError::NoPolicy.into(),
        OutboundError::Seal(SealError::Exhausted).into(),
        OutboundError::Discarded.into(),
        OutboundError::NoSa { policy: OWN, protocol: SecurityProtocol::Ah }.into(),
    ];
    let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(texts[0], open.to_string());
    assert_eq!(texts[5], SealError::Exhausted.to_string());
    assert_eq!(texts[7], "no security association for Ah under policy 7");
    assert!((0..8).all(|index| !texts[index].is_empty() && !texts[..index].contains(&texts[index])), "{texts:?}");
    let sources: Vec<_> = errors.iter().map(|error| error.source().is_some()).collect();
    assert_eq!(sources, [true, false, false, false, false, true, false, false]);
}

/// RFC 4303 §2.6: a dummy is authentic and nobody's. It is counted for itself, is no error and no event, uses numbers and
/// lifetime up, and passes policy if it has the protection that its association was made for.
#[test]
fn dummies() {
    for traffic in Traffic::ALL {
        for kind in [ModeKind::Transport, ModeKind::Tunnel] {
            for around in [None, Some(ah())] {
                for policy in [Some(OWN), Some(OTHER), None] {
                    let config = SaConfig { mode: mode(kind, traffic.family()), policy, ..config(0x1000, esp()) };
                    let required = match around {
                        None => Required::Esp(kind),
                        Some(_) => Required::AhAroundEsp { esp: kind },
                    };
                    // An entry for something else entirely names the protection.
                    let elsewhere = SelectorSet { next_layer: NextLayer::Protocol(99), ..SelectorSet::ANY };
                    let mut receiver = Receiver::new(spd(&[(elsewhere, protect(required))]));
                    let id = receiver.add(&config);
                    let plain = traffic.packet();
                    let mut storage = vec![0; 500];
                    storage[200..200 + plain.len()].copy_from_slice(&plain);
                    let mut packet = PacketBuf::new(&mut storage, 200..200 + plain.len()).unwrap();
                    sender_of(&config)
                        .seal_dummy(NOW, &mut RustCrypto, &mut Rng(0), Some(&code_points()), &mut packet)
                        .unwrap();
                    let mut sealed = packet.as_octets().to_vec();
                    if let Some(protection) = around {
                        let outer = self::config(0x2000, protection);
                        receiver.add(&outer);
                        sealed = seal(&sa(&outer), 1, &sealed);
                    }
                    let arrival = receiver.receive(&sealed);
                    if policy != Some(OWN) {
                        assert_eq!(arrival.error(), InboundError::WrongProtection);
                        assert_eq!(receiver.usage(&id).packets(), 0);
                        continue;
                    }
                    let Ok(Received::Dummy(layers)) = arrival.result else { panic!("{traffic:?}: {arrival:?}") };
                    assert_eq!((arrival.counter, arrival.event), ("dummies", None));
                    let last = layers.iter().last().unwrap();
                    assert_eq!((last.content, last.sa, last.policy), (Content::Dummy, id, policy));
                    assert_eq!(layers.iter().count(), if around.is_some() { 2 } else { 1 });
                    assert_eq!(receiver.usage(&id).packets(), 1);
                    assert_eq!(receiver.receive(&sealed).counter, "in_state_seq_error");
                    assert!(receiver.receive(&forged(&sealed)).result.is_err());
                    assert_eq!(receiver.inbound.counters().dummies, 1);
                }
            }
        }
    }
}

/// A crypto provider whose hardware does not answer.
#[derive(Debug)]
struct Broken;

const BROKEN: CryptoError = CryptoError::Provider;

impl CryptoProvider for Broken {
    type IntegrityKey = ();
    type CipherKey = ();
    type AeadKey = ();
    fn integrity_key(&mut self, _: IntegrityAlgorithm, _: &[u8]) -> Result<(), KeyError> {
        Ok(())
    }
    fn cipher_key(&mut self, _: CipherAlgorithm, _: &[u8]) -> Result<(), KeyError> {
        Ok(())
    }
    fn aead_key(&mut self, _: AeadAlgorithm, _: &[u8]) -> Result<(), KeyError> {
        Ok(())
    }
    fn icv<'p, I: IntoIterator<Item = &'p [u8]>>(&mut self, (): &(), _: I) -> Result<Icv, CryptoError> {
        Err(BROKEN)
    }
    fn encrypt(&mut self, (): &(), _: &[u8], _: &mut [u8]) -> Result<(), CryptoError> {
        Err(BROKEN)
    }
    fn decrypt(&mut self, (): &(), _: &[u8], _: &mut [u8]) -> Result<(), CryptoError> {
        Err(BROKEN)
    }
    fn aead_seal(
        &mut self,
        (): &(),
        _: &[u8; AEAD_IV_LEN],
        _: &[u8],
        _: &mut [u8],
    ) -> Result<[u8; AEAD_TAG_LEN], CryptoError> {
        Err(BROKEN)
    }
    fn aead_open(
        &mut self,
        (): &(),
        _: &[u8; AEAD_IV_LEN],
        _: &[u8],
        _: &mut [u8],
        _: &[u8; AEAD_TAG_LEN],
    ) -> Result<(), CryptoError> {
        Err(BROKEN)
    }
}

/// A provider that fails lets nothing pass, and is told apart from a wrong ICV: it says nothing of numbers out of step.
#[test]
fn a_provider_that_fails_is_an_error_of_its_own() {
    let traffic = Traffic::Unicast6;
    for (required, protection) in
        [(Required::Ah(ModeKind::Transport), ah()), (TRANSPORT, esp()), (TRANSPORT, esp_cbc())]
    {
        let config = SaConfig { esn: true, source: Some(traffic.source()), ..config(0x1000, protection) };
        let windows = SenderWindows::<4, 1>::new(64).unwrap();
        let received = protecting(traffic.received(), required);
        let mut inbound = Inbound::new(FixedSad::<Broken, 1>::new(), windows, received, AnySender, NoAudit);
        inbound.set_resync_after(1);
        let broken = || Sa::new(&config, &mut Broken).unwrap();
        inbound.sad.insert(broken(), Usage::new(NOW)).unwrap();
        let mut packet = seal(&sa(&config), 1, &traffic.packet());
        let len = packet.len();
        let mut buffer = PacketBuf::new(&mut packet, 0..len).unwrap();
        let result = inbound.process(&mut Broken, Some(&code_points()), NOW, &mut buffer);
        assert_eq!(result, Err(InboundError::Open(OpenError::Crypto(BROKEN))), "{required:?}");
        assert_eq!((inbound.counters().packets, inbound.counters().in_error), (1, 1));
        assert!(inbound.replay.is_empty());
        assert!(inbound.sad.iter().all(|(_, state)| state.failures() == 0 && state.usage().packets() == 0));

        let sent = protecting(traffic.sent(), required);
        let mut outbound = Outbound::new(FixedOutboundSad::<Broken, 1>::new(), sent, NoAudit);
        outbound.sad.insert(OutboundSa::new(broken(), NOW).unwrap()).unwrap();
        let mut storage = vec![0; 400];
        storage[100..100 + traffic.packet().len()].copy_from_slice(&traffic.packet());
        let mut buffer = PacketBuf::new(&mut storage, 100..100 + traffic.packet().len()).unwrap();
        let result = outbound.process(&mut Broken, &mut Rng(0), Some(&code_points()), NOW, &mut buffer);
        assert_eq!(result, Err(OutboundError::Seal(SealError::Crypto(BROKEN))), "{required:?}");
        assert_eq!((outbound.counters().packets, outbound.counters().out_state_proto_error), (1, 1));
        assert_eq!(out_counters(outbound.counters()).iter().map(|(_, count)| count).sum::<u64>(), 1);
        assert_eq!(in_counters(inbound.counters()).iter().map(|(_, count)| count).sum::<u64>(), 1);
    }
}

/// No number generator, no vector.
struct Dry;

impl rand_core::TryRng for Dry {
    type Error = core::fmt::Error;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Err(core::fmt::Error)
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Err(core::fmt::Error)
    }
    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Self::Error> {
        Err(core::fmt::Error)
    }
}

impl rand_core::TryCryptoRng for Dry {}

/// RFC 3602 §3: CBC needs vectors that nobody can foresee. Without them nothing is sealed; AH and GCM need none.
#[test]
fn without_random_numbers_cbc_seals_nothing() {
    let traffic = Traffic::Unicast4;
    for (required, protection, needs) in
        [(TRANSPORT, esp_cbc(), true), (TRANSPORT, esp(), false), (Required::Ah(ModeKind::Transport), ah(), false)]
    {
        let sent = protecting(traffic.sent(), required);
        let mut outbound = Outbound::new(FixedOutboundSad::<_, 1>::new(), sent, NoAudit);
        outbound.sad.insert(sender_of(&config(0x1000, protection))).unwrap();
        let plain = traffic.packet();
        let mut storage = vec![0; 400];
        storage[100..100 + plain.len()].copy_from_slice(&plain);
        let mut buffer = PacketBuf::new(&mut storage, 100..100 + plain.len()).unwrap();
        let result = outbound.process(&mut RustCrypto, &mut Dry, Some(&code_points()), NOW, &mut buffer);
        if needs {
            assert_eq!(result, Err(OutboundError::Seal(SealError::Random)));
            assert_eq!(outbound.counters().out_state_proto_error, 1);
            assert_eq!(buffer.as_octets(), plain);
        } else {
            assert!(result.is_ok());
        }
    }
}
