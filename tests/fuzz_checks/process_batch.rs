//! Arbitrary packets through outbound and inbound processing, one by one and in batches that the input cuts: results, octets,
//! counters, events and what is left behind are the same. Shared by the fuzz target and the test that replays its corpus.

use rand_core::{TryCryptoRng, TryRng};
use xcast_sec::crypto::{
    AEAD_IV_LEN, AEAD_TAG_LEN, AeadAlgorithm, CipherAlgorithm, CryptoError, CryptoProvider, Icv, IntegrityAlgorithm,
    KeyError,
};
use xcast_sec::ipsec::{
    Action, Addresses, AnySender, Directionality, FixedOutboundSad, FixedSad, FixedSpd, Inbound, Lifetimes, Limits,
    ModeKind, NextLayer, Outbound, OutboundSa, PacketBuf, PolicyEntry, PolicyId, PortSelector, RecentEvents, Required,
    RoutingCoverage, Sa, SelectorSet, SenderId, SenderWindows, Usage,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::CodePoints;

use super::associations::Kind;

const NOW: Instant = Instant::from_secs(5);
const ROOM: usize = 300;
const KINDS: u16 = 8;

type In = Inbound<FixedSad<Cheap, 12>, SenderWindows<3, 1>, FixedSpd<9>, AnySender, RecentEvents<64>>;
type Out = Outbound<FixedOutboundSad<Cheap, 12>, FixedSpd<9>, RecentEvents<64>>;

/// A provider whose ICVs depend on every octet and on nothing else. It protects nothing.
#[derive(Debug)]
pub(crate) struct Cheap;

fn sum<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> [u8; 32] {
    let octets = parts.into_iter().flatten();
    let sum =
        octets.fold(0xcbf2_9ce4_8422_2325_u64, |sum, octet| (sum ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3));
    let mut icv = [0; 32];
    for (to, from) in icv.iter_mut().zip(sum.to_be_bytes().iter().cycle()) {
        *to = *from;
    }
    icv
}

fn scramble(iv: &[u8], data: &mut [u8]) {
    let key = iv.iter().fold(0x5a_u8, |key, octet| key.rotate_left(1) ^ octet);
    data.iter_mut().for_each(|octet| *octet ^= key);
}

impl CryptoProvider for Cheap {
    /// Octets of its ICV.
    type IntegrityKey = usize;
    type CipherKey = ();
    type AeadKey = ();

    fn integrity_key(&mut self, algorithm: IntegrityAlgorithm, _: &[u8]) -> Result<usize, KeyError> {
        Ok(algorithm.icv_len())
    }
    fn cipher_key(&mut self, _: CipherAlgorithm, _: &[u8]) -> Result<(), KeyError> {
        Ok(())
    }
    fn aead_key(&mut self, _: AeadAlgorithm, _: &[u8]) -> Result<(), KeyError> {
        Ok(())
    }
    fn icv<'p, I>(&mut self, key: &usize, parts: I) -> Result<Icv, CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        Icv::truncated(&sum(parts), *key).ok_or(CryptoError::Length)
    }
    fn encrypt(&mut self, (): &(), iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        if !data.len().is_multiple_of(16) {
            return Err(CryptoError::Length);
        }
        scramble(iv, data);
        Ok(())
    }
    fn decrypt(&mut self, (): &(), iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        self.encrypt(&(), iv, data)
    }
    fn aead_seal(
        &mut self,
        (): &(),
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; AEAD_TAG_LEN], CryptoError> {
        scramble(iv, data);
        sum([aad, &iv[..], &*data]).first_chunk().copied().ok_or(CryptoError::Length)
    }
    fn aead_open(
        &mut self,
        (): &(),
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8; AEAD_TAG_LEN],
    ) -> Result<(), CryptoError> {
        if !sum([aad, &iv[..], &*data]).starts_with(tag) {
            return Err(CryptoError::Mismatch);
        }
        scramble(iv, data);
        Ok(())
    }
}

/// Counts.
#[derive(Default, PartialEq, Debug)]
struct Counting(u8);

impl TryRng for Counting {
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

impl TryCryptoRng for Counting {}

/// What the input chooses.
struct Choice {
    kind: Kind,
    /// Octets and packets that an association may take.
    hard: Limits,
    /// Packets in a batch.
    cut: usize,
    /// Numbers used up before.
    used: u64,
}

impl Choice {
    fn new(flags: u8, cut: u8) -> Self {
        let hard = match flags >> 2 & 3 {
            0 | 1 => Limits::NONE,
            2 => Limits { octets: Some(400), ..Limits::NONE },
            _ => Limits { packets: Some(5), ..Limits::NONE },
        };
        let used = if flags & 32 != 0 { u64::from(u32::MAX) - 68 } else { 0 };
        Self {
            kind: Kind {
                esn: flags & 1 != 0,
                coverage: RoutingCoverage::DataZeroed,
                combined: flags & 2 != 0,
                preserving: flags & 16 != 0,
            },
            hard,
            cut: usize::from(cut % 40) + 1,
            used,
        }
    }

    /// What is required depends on the port.
    fn policy(&self) -> FixedSpd<9> {
        let mut spd = FixedSpd::new();
        let (transport, tunnel) = (ModeKind::Transport, ModeKind::Tunnel);
        let required = [
            Required::Esp(transport),
            Required::Ah(transport),
            Required::AhAroundEsp { esp: transport },
            Required::Esp(tunnel),
            Required::Ah(tunnel),
            Required::AhAroundEsp { esp: tunnel },
        ];
        let step = u16::MAX / KINDS;
        for kind in 0..KINDS {
            let action = match required.get(usize::from(kind)) {
                Some(&required) => Action::Protect { policy: PolicyId::new(1), required },
                None if kind == KINDS - 1 => Action::Discard,
                None => Action::Bypass,
            };
            let ports = PortSelector::Range { first: kind * step, last: kind * step + step - 1 };
            let next_layer = NextLayer::Ports { protocol: 17, local: PortSelector::Any, remote: ports };
            let selectors = SelectorSet { local: Addresses::Any, remote: Addresses::Any, next_layer };
            spd.push(PolicyEntry { directionality: Directionality::Symmetric, selectors, action }).expect("room");
        }
        let action = Action::Protect { policy: PolicyId::new(1), required: Required::Esp(transport) };
        let entry = PolicyEntry { directionality: Directionality::Symmetric, selectors: SelectorSet::ANY, action };
        spd.push(entry).expect("room");
        spd
    }

    fn associations(&self) -> [Sa<Cheap>; 4] {
        self.kind.associations(PolicyId::new(1), &mut Cheap, |config| {
            config.lifetimes = Lifetimes { soft: Limits::NONE, hard: self.hard };
        })
    }

    fn inbound(&self) -> In {
        let mut sad = FixedSad::new();
        for sa in self.associations() {
            assert!(sad.insert(sa, Usage::new(NOW)).is_ok());
        }
        let windows = SenderWindows::new(64).expect("a size");
        let mut inbound = Inbound::new(sad, windows, self.policy(), AnySender, RecentEvents::new());
        inbound.set_resync_after(2);
        inbound
    }

    fn outbound(&self) -> Out {
        let mut sad = FixedOutboundSad::new();
        for sa in self.associations() {
            let sender = SenderId::new(1, 8).expect("fits");
            let packets = Usage::resume(NOW, core::time::Duration::ZERO, 0, 0);
            let mut sa = OutboundSa::resume(sa, self.used, sender, packets).expect("has an identifier");
            sa.reserve(u64::MAX).commit();
            assert!(sad.insert(sa).is_ok());
        }
        Outbound::new(sad, self.policy(), RecentEvents::new())
    }
}

/// Checks packets, each behind an octet that says how long it is; the first two octets choose associations, and where the batch is
/// cut. A finding panics.
pub(crate) fn check(data: &[u8]) {
    let &[flags, cut, ref rest @ ..] = data else { return };
    let choice = Choice::new(flags, cut);
    let mut packets: Vec<&[u8]> = Vec::new();
    let mut rest = rest;
    while let Some((&len, behind)) = rest.split_first() {
        let (packet, behind) = behind.split_at(usize::from(len).min(behind.len()));
        packets.push(packet);
        rest = behind;
    }
    let sealed = sent(&packets, &choice);
    // What was sealed comes in, some of it twice, between what was not.
    let mut arriving = Vec::new();
    for (index, (sealed, packet)) in sealed.into_iter().zip(&packets).enumerate() {
        if index % 3 == 2 {
            arriving.push(packet.to_vec());
        }
        if index % 4 == 1 {
            arriving.push(sealed.clone());
        }
        arriving.push(sealed);
    }
    received(&arriving, &choice);
}

type Stored = Vec<(Vec<u8>, core::ops::Range<usize>)>;

fn buffers(stored: &mut Stored) -> Vec<PacketBuf<'_>> {
    stored.iter_mut().map(|(octets, range)| PacketBuf::new(octets, range.clone()).expect("in range")).collect()
}

/// Returns the packets as they go out.
fn sent(packets: &[&[u8]], choice: &Choice) -> Vec<Vec<u8>> {
    let code_points = CodePoints::rfc4727_experiment();
    let stored = || -> Stored {
        let around = |packet: &&[u8]| {
            let octets = [&[0; ROOM], *packet, &[0; ROOM]].concat();
            (octets, ROOM..ROOM + packet.len())
        };
        packets.iter().map(around).collect()
    };
    let (mut single, mut batch) = (choice.outbound(), choice.outbound());
    let mut rngs = [Counting::default(), Counting::default()];
    let mut first = stored();
    let mut seen = Vec::new();
    for packet in &mut buffers(&mut first) {
        let result = single.process(&mut Cheap, &mut rngs[0], Some(&code_points), NOW, packet);
        seen.push((packet.as_octets().to_vec(), packet.range(), result));
    }
    let mut second = stored();
    let mut place = 0;
    for chunk in buffers(&mut second).chunks_mut(choice.cut) {
        let start = place;
        batch.process_batch(&mut Cheap, &mut rngs[1], Some(&code_points), NOW, &mut *chunk, |index, result| {
            assert_eq!(start + index, place);
            assert_eq!(result.map(|(_, sent)| sent), seen[place].2);
            place += 1;
        });
        // What was refused is as the ordinary call leaves it.
        for (packet, (octets, range, _)) in chunk.iter().zip(&seen[start..]) {
            assert_eq!((packet.as_octets(), packet.range()), (&octets[..], range.clone()));
        }
    }
    assert_eq!(place, packets.len());
    assert_eq!(rngs[0], rngs[1]);
    assert_eq!(batch.counters(), single.counters());
    assert!(batch.audit.iter().eq(single.audit.iter()));
    let left = |out: &Out| out.sad.iter().map(|sa| format!("{sa:?}")).collect::<Vec<_>>();
    assert_eq!(left(&batch), left(&single));
    seen.into_iter().map(|(octets, ..)| octets).collect()
}

fn received(packets: &[Vec<u8>], choice: &Choice) {
    let code_points = CodePoints::rfc4727_experiment();
    let stored = || -> Stored { packets.iter().map(|packet| (packet.clone(), 0..packet.len())).collect() };
    let (mut single, mut batch) = (choice.inbound(), choice.inbound());
    let mut first = stored();
    let mut seen = Vec::new();
    for packet in &mut buffers(&mut first) {
        let result = single.process(&mut Cheap, Some(&code_points), NOW, packet);
        seen.push((result.is_ok().then(|| packet.as_octets().to_vec()), result));
    }
    let mut second = stored();
    let mut place = 0;
    for chunk in buffers(&mut second).chunks_mut(choice.cut) {
        let start = place;
        batch.process_batch(&mut Cheap, Some(&code_points), NOW, chunk, |index, result| {
            assert_eq!(start + index, place);
            let got = match result {
                Ok((packet, received)) => (Some(packet.as_octets().to_vec()), Ok(received)),
                Err(error) => (None, Err(error)),
            };
            assert_eq!(got, seen[place]);
            place += 1;
        });
    }
    assert_eq!(place, packets.len());
    assert_eq!(batch.counters(), single.counters());
    assert!(batch.audit.iter().eq(single.audit.iter()));
    let left = |inbound: &In| {
        let states: Vec<_> = inbound.sad.iter().map(|(sa, state)| format!("{:?} {state:?}", sa.id())).collect();
        (states, format!("{:?}", inbound.replay))
    };
    assert_eq!(left(&batch), left(&single));
}
