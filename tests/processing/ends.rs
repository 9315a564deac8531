//! The two ends, which hold every call to what holds for all of them.

use std::ops::Range;

use xcast_sec::crypto::RustCrypto;
use xcast_sec::ipsec::{
    AnySender, AuditEvent, AuditReason, Direction, FixedOutboundSad, FixedSad, FixedSpd, Inbound, InboundCounters,
    InboundError, InboundSad, Layers, Mode, ModeKind, OpenError, Opened, Outbound, OutboundCounters, OutboundError,
    OutboundSa, PacketBuf, Received, RecentEvents, Refusal, ReplayError, Required, SaConfig, SaId, SealError,
    SecurityProtocol, SenderFilter, SenderWindows, Sent, Usage,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::ParseErrorKind;

use crate::kit::*;

// --- The receiving end ------------------------------------------------------------------------------------------------

/// A receiver with room for 16 associations, whose every packet is checked to be counted and audited.
pub(crate) struct Receiver<F = AnySender, const SENDERS: usize = 8> {
    pub(crate) inbound: Inbound<FixedSad<RustCrypto, 16>, SenderWindows<SENDERS, 1>, FixedSpd<8>, F, RecentEvents<2>>,
}

/// What became of a packet.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) result: Result<Received, InboundError>,
    pub(crate) packet: Vec<u8>,
    pub(crate) event: Option<AuditEvent>,
    /// The counter that counted it.
    pub(crate) counter: &'static str,
}

impl Arrival {
    pub(crate) fn error(&self) -> InboundError {
        self.result.expect_err("refused")
    }

    /// The layers of a packet that passed with protection.
    pub(crate) fn layers(&self) -> Vec<Opened> {
        let Ok(Received::Protected(layers)) = self.result else { panic!("{:?}", self.result) };
        layers.iter().copied().collect()
    }

    pub(crate) fn has_passed(&self) -> bool {
        matches!(self.result, Ok(Received::Protected(_)))
    }
}

impl Receiver {
    pub(crate) fn new(policy: FixedSpd<8>) -> Self {
        Self::of(policy, AnySender)
    }

    /// With one association for each layer of `required`, which policy asks of `traffic`.
    pub(crate) fn requiring(traffic: Traffic, required: Required) -> Self {
        let mut receiver = Self::new(protecting(traffic.received(), required));
        for config in configs_of(required, traffic.family()) {
            receiver.add(&config);
        }
        receiver
    }
}

impl<F: SenderFilter, const SENDERS: usize> Receiver<F, SENDERS> {
    pub(crate) fn of(policy: FixedSpd<8>, senders: F) -> Self {
        let windows = SenderWindows::new(64).unwrap();
        Self { inbound: Inbound::new(FixedSad::new(), windows, policy, senders, RecentEvents::new()) }
    }

    pub(crate) fn add(&mut self, config: &SaConfig<'_>) -> SaId {
        let sa = sa(config);
        let id = sa.id();
        self.inbound.sad.insert(sa, Usage::new(NOW)).unwrap();
        id
    }

    pub(crate) fn usage(&self, id: &SaId) -> Usage {
        *self.inbound.sad.state(id).unwrap().usage()
    }

    pub(crate) fn failures(&self, id: &SaId) -> u32 {
        self.inbound.sad.state(id).unwrap().failures()
    }

    pub(crate) fn receive(&mut self, packet: &[u8]) -> Arrival {
        self.receive_trying(NOW, None, packet)
    }

    pub(crate) fn receive_at(&mut self, now: Instant, packet: &[u8]) -> Arrival {
        self.receive_trying(now, None, packet)
    }

    pub(crate) fn resynchronize(&mut self, tries: u32, packet: &[u8]) -> Arrival {
        self.receive_trying(NOW, Some(tries), packet)
    }

    fn receive_trying(&mut self, now: Instant, tries: Option<u32>, packet: &[u8]) -> Arrival {
        let before = *self.inbound.counters();
        let mut storage = packet.to_vec();
        let mut buffer = PacketBuf::new(&mut storage, 0..packet.len()).unwrap();
        let code_points = code_points();
        let result = match tries {
            None => self.inbound.process(&mut RustCrypto, Some(&code_points), now, &mut buffer),
            Some(tries) => self.inbound.resynchronize(&mut RustCrypto, Some(&code_points), now, tries, &mut buffer),
        };
        let packet = buffer.as_octets().to_vec();
        let after = self.inbound.counters();
        let counter = counted(before.packets, after.packets, &in_counters(&before), &in_counters(after));
        assert_eq!(counter, counter_of_arrival(&result), "{result:?}");
        let events = &mut self.inbound.audit;
        let event = take_one(events, result.err().map(AuditReason::Inbound), Direction::Inbound, now);
        Arrival { result, packet, event, counter }
    }
}

/// The event there must be if there is a `reason`, and none else.
fn take_one<const N: usize>(
    events: &mut RecentEvents<N>,
    reason: Option<AuditReason>,
    direction: Direction,
    now: Instant,
) -> Option<AuditEvent> {
    let event = events.pop();
    assert_eq!(event.map(|event| event.reason), reason, "one event for what does not pass, and no other");
    assert!(event.is_none_or(|event| event.time == now && event.direction() == direction), "{event:?}");
    assert_eq!((events.pop(), events.take_missed()), (None, 0), "a second event");
    event
}

type Counts = Vec<(&'static str, u64)>;

macro_rules! counts {
    ($counters:expr; $($name:ident)*) => { vec![$((stringify!($name), $counters.$name)),*] };
}

/// All counters but `packets`.
pub(crate) fn in_counters(counters: &InboundCounters) -> Counts {
    counts![counters; protected bypassed dummies in_error in_hdr_error in_fragment in_no_states in_state_proto_error
        in_state_mode_error in_state_seq_error in_state_expired in_tmpl_mismatch in_no_pols in_pol_block in_refused
        in_sender_not_authorised in_sender_table_full]
}

pub(crate) fn out_counters(counters: &OutboundCounters) -> Counts {
    counts![counters; protected bypassed out_error out_hdr_error out_fragment out_no_states out_state_proto_error
        out_state_mode_error out_state_seq_error out_state_expired out_no_pols out_pol_block out_refused out_too_big]
}

/// The one counter that has gone up by one, together with that of packets.
fn counted(packets_before: u64, packets_after: u64, before: &Counts, after: &Counts) -> &'static str {
    assert_eq!(packets_after, packets_before + 1, "one packet");
    let changed: Vec<_> = before.iter().zip(after).filter(|(before, after)| before != after).collect();
    let [(before, after)] = changed[..] else { panic!("not one outcome counted: {changed:?}") };
    assert_eq!(after.1, before.1 + 1, "{after:?}");
    after.0
}

/// What `InboundCounters` says of each outcome.
fn counter_of_arrival(result: &Result<Received, InboundError>) -> &'static str {
    match result {
        Ok(Received::Protected(_)) => "protected",
        Ok(Received::Bypassed) => "bypassed",
        Ok(Received::Dummy(_)) => "dummies",
        Err(InboundError::NoPolicy) => "in_no_pols",
        Err(InboundError::Discarded) => "in_pol_block",
        Err(InboundError::Unprotected { .. } | InboundError::WrongProtection) => "in_tmpl_mismatch",
        Err(InboundError::Unreadable(_)) => "in_hdr_error",
        Err(InboundError::OutOfStep) => "in_state_proto_error",
        Err(InboundError::Open(error)) => match error {
            OpenError::Parse(error) if error.kind() == ParseErrorKind::Fragment => "in_fragment",
            OpenError::Parse(_) => "in_hdr_error",
            OpenError::NoSa { .. } | OpenError::ReservedSpi { .. } => "in_no_states",
            OpenError::Icv
            | OpenError::AhLength
            | OpenError::EspLength
            | OpenError::BlockLength
            | OpenError::Padding => "in_state_proto_error",
            OpenError::Inner | OpenError::Refused(Refusal::NotPreserved) => "in_state_mode_error",
            OpenError::Refused(_) => "in_refused",
            OpenError::Replay(ReplayError::TableFull) => "in_sender_table_full",
            OpenError::Replay(_) => "in_state_seq_error",
            OpenError::Expired(_) => "in_state_expired",
            OpenError::SenderNotAuthorised => "in_sender_not_authorised",
            OpenError::Crypto(_) => "in_error",
            other => panic!("not an error of receiving: {other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

// --- The sending end --------------------------------------------------------------------------------------------------

/// A random number generator that is none.
pub(crate) struct Rng(pub(crate) u8);

impl rand_core::TryRng for Rng {
    type Error = core::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(0)
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(0)
    }
    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Self::Error> {
        self.0 = self.0.wrapping_add(1);
        octets.fill(self.0);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Rng {}

/// A sender with room for 8 associations, whose every packet is checked to be counted and audited, and to be unchanged if it
/// does not pass.
pub(crate) struct Sender {
    pub(crate) outbound: Outbound<FixedOutboundSad<RustCrypto, 8>, FixedSpd<8>, RecentEvents<2>>,
}

#[derive(Debug)]
pub(crate) struct Departure {
    pub(crate) result: Result<Sent, OutboundError>,
    pub(crate) packet: Vec<u8>,
    pub(crate) event: Option<AuditEvent>,
    pub(crate) counter: &'static str,
}

impl Departure {
    pub(crate) fn error(&self) -> OutboundError {
        self.result.expect_err("refused")
    }

    /// The sealed packet.
    #[track_caller]
    pub(crate) fn sealed(self) -> Vec<u8> {
        assert!(matches!(self.result, Ok(Sent::Protected { .. })), "{:?}", self.result);
        self.packet
    }

    /// The packet that was sealed, with no soft limit passed.
    #[track_caller]
    pub(crate) fn sealed_within_limits(self) -> Vec<u8> {
        assert_eq!(self.result, Ok(Sent::Protected { soft_limit: None }));
        self.packet
    }
}

impl Sender {
    pub(crate) fn new(policy: FixedSpd<8>) -> Self {
        Self { outbound: Outbound::new(FixedOutboundSad::new(), policy, RecentEvents::new()) }
    }

    /// With one association for each layer of `required`, which policy asks of `traffic`.
    pub(crate) fn requiring(traffic: Traffic, required: Required) -> Self {
        let mut sender = Self::new(protecting(traffic.sent(), required));
        for config in configs_of(required, traffic.family()) {
            sender.add(&config);
        }
        sender
    }

    pub(crate) fn add(&mut self, config: &SaConfig<'_>) -> SaId {
        self.add_sa(sender_of(config))
    }

    pub(crate) fn add_sa(&mut self, sa: OutboundSa<RustCrypto>) -> SaId {
        let id = sa.sa().id();
        self.outbound.sad.insert(sa).unwrap();
        id
    }

    pub(crate) fn state(&mut self, id: &SaId) -> &mut OutboundSa<RustCrypto> {
        self.outbound.sad.iter_mut().find(|sa| sa.sa().id() == *id).unwrap()
    }

    pub(crate) fn send(&mut self, packet: &[u8]) -> Departure {
        self.send_at(NOW, packet)
    }

    pub(crate) fn send_at(&mut self, now: Instant, packet: &[u8]) -> Departure {
        let mut storage = vec![0xa5; packet.len() + 400];
        storage[200..200 + packet.len()].copy_from_slice(packet);
        self.send_from(now, &mut storage, 200..200 + packet.len())
    }

    /// Sends the packet at `range` of `storage`.
    pub(crate) fn send_from(&mut self, now: Instant, storage: &mut [u8], range: Range<usize>) -> Departure {
        let before = *self.outbound.counters();
        let as_it_was = storage[range.clone()].to_vec();
        let mut buffer = PacketBuf::new(storage, range.clone()).unwrap();
        let result = self.outbound.process(&mut RustCrypto, &mut Rng(0), Some(&code_points()), now, &mut buffer);
        if !matches!(result, Ok(Sent::Protected { .. })) {
            assert_eq!((buffer.range(), buffer.as_octets()), (range, &as_it_was[..]), "{result:?} changed it");
        }
        let packet = buffer.as_octets().to_vec();
        let after = self.outbound.counters();
        let counter = counted(before.packets, after.packets, &out_counters(&before), &out_counters(after));
        assert_eq!(counter, counter_of_departure(&result), "{result:?}");
        let events = &mut self.outbound.audit;
        let event = take_one(events, result.err().map(AuditReason::Outbound), Direction::Outbound, now);
        Departure { result, packet, event, counter }
    }
}

/// What `OutboundCounters` says of each outcome.
fn counter_of_departure(result: &Result<Sent, OutboundError>) -> &'static str {
    match result {
        Ok(Sent::Protected { .. }) => "protected",
        Ok(Sent::Bypassed) => "bypassed",
        Err(OutboundError::NoPolicy) => "out_no_pols",
        Err(OutboundError::Discarded) => "out_pol_block",
        Err(OutboundError::Unreadable(_)) => "out_hdr_error",
        Err(OutboundError::NoSa { .. }) => "out_no_states",
        Err(OutboundError::Seal(error)) => match error {
            SealError::Parse(error) if error.kind() == ParseErrorKind::Fragment => "out_fragment",
            SealError::Parse(_) => "out_hdr_error",
            SealError::Refused(Refusal::PreservationFamilies) | SealError::TfcNeedsLength => "out_state_mode_error",
            SealError::Refused(_) => "out_refused",
            SealError::OtherAddresses => "out_no_states",
            SealError::TooBig { .. } | SealError::PacketTooLong { .. } => "out_too_big",
            SealError::NoRoom { .. } => "out_error",
            SealError::Exhausted | SealError::NotReserved => "out_state_seq_error",
            SealError::Expired(_) => "out_state_expired",
            SealError::Random | SealError::Crypto(_) => "out_state_proto_error",
            other => panic!("not an error of sending: {other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// What was taken off, as policy names it.
pub(crate) fn kinds(layers: &Layers) -> Vec<(SecurityProtocol, ModeKind)> {
    let kind = |mode: Mode| if mode == Mode::Transport { ModeKind::Transport } else { ModeKind::Tunnel };
    layers.iter().map(|layer| (layer.sa.protocol, kind(layer.mode))).collect()
}
