//! A small TESLA (RFC 4082) on the crate's own HMAC, to show that the seam takes it: MACs under keys that are disclosed later,
//! packets that wait, a clock. The parameters of the bootstrap are constants here; interval 0 is the commitment's.

use std::time::Duration;

use xcast_sec::crypto::{CryptoProvider, IntegrityAlgorithm, RustCrypto};
use xcast_sec::group::source_auth::{
    AuthenticateError, PacketId, PacketOrigin, SourceAuthenticator, SourceError, SourceVerifier, Verdict,
};
use xcast_sec::time::Instant;

use crate::kit::{NAME, Receiver, Sender, With, association};

const MAC_LEN: usize = 16;
const KEY_LEN: usize = 32;
const TRAILER_LEN: usize = 4 + MAC_LEN + KEY_LEN;
/// Keys of the chain.
const INTERVALS: u32 = 32;
const INTERVAL: Duration = Duration::from_secs(1);
/// Intervals between the use of a key and its disclosure.
const DELAY: u32 = 2;
/// The receiver's clock is no more than this behind the sender's.
const SKEW: Duration = Duration::from_millis(300);
/// Packets that may wait.
const WAITING: usize = 3;

type Key = [u8; KEY_LEN];

fn hmac(key: &Key, parts: &[&[u8]]) -> [u8; MAC_LEN] {
    let mut crypto = RustCrypto;
    let key = crypto.integrity_key(IntegrityAlgorithm::HmacSha2_256_128, key).unwrap();
    crypto.icv(&key, parts.iter().copied()).unwrap().as_octets().try_into().unwrap()
}

fn derive(key: &Key, what: u8) -> Key {
    [hmac(key, &[&[what, 0]]), hmac(key, &[&[what, 1]])].concat().try_into().unwrap()
}

/// The key of the interval before (RFC 4082 §3.2).
fn before(key: &Key) -> Key {
    derive(key, b'F')
}

/// Under the key that MACs are made with, which is not the chain's.
fn mac(key: &Key, interval: u32, origin: &PacketOrigin<'_>, message: &[u8]) -> [u8; MAC_LEN] {
    let interval = interval.to_be_bytes();
    origin.with_octets(|[len, name, fixed]| hmac(&derive(key, b'm'), &[&interval, len, name, fixed, message])).unwrap()
}

fn interval(now: Instant) -> u32 {
    u32::try_from(now.since(Instant::START).as_secs() / INTERVAL.as_secs()).unwrap()
}

struct TeslaSender {
    chain: Vec<Key>,
}

impl TeslaSender {
    fn new(last: Key) -> Self {
        let mut chain = vec![last];
        for _ in 0..INTERVALS {
            chain.push(before(chain.last().unwrap()));
        }
        chain.reverse();
        Self { chain }
    }

    fn commitment(&self) -> Key {
        self.chain[0]
    }
}

impl SourceAuthenticator for TeslaSender {
    fn trailer_len(&self) -> usize {
        TRAILER_LEN
    }

    fn authenticate(
        &mut self,
        now: Instant,
        origin: &PacketOrigin<'_>,
        payload: &[u8],
        trailer: &mut [u8],
    ) -> Result<(), AuthenticateError> {
        let own = interval(now);
        let key = self.chain.get(own as usize).ok_or(AuthenticateError::Exhausted)?;
        let disclosed = self.chain[own.saturating_sub(DELAY) as usize];
        let parts: [&[u8]; 3] = [&own.to_be_bytes(), &mac(key, own, origin, payload), &disclosed];
        trailer.copy_from_slice(&parts.concat());
        Ok(())
    }
}

struct Waiting {
    packet: PacketId,
    interval: u32,
    mac: [u8; MAC_LEN],
    named: bool,
}

struct TeslaReceiver {
    /// The latest key known, and its interval.
    latest: (u32, Key),
    waiting: Vec<Waiting>,
}

impl TeslaReceiver {
    fn new(commitment: Key) -> Self {
        Self { latest: (0, commitment), waiting: Vec::new() }
    }

    /// The key of an interval that is disclosed.
    fn key(&self, interval: u32) -> Option<Key> {
        let (latest, mut key) = self.latest;
        for _ in 0..latest.checked_sub(interval)? {
            key = before(&key);
        }
        Some(key)
    }

    fn learn(&mut self, interval: u32, key: Key) -> Result<(), SourceError> {
        let (latest, known) = self.latest;
        if let Some(right) = self.key(interval) {
            return if right == key { Ok(()) } else { Err(SourceError::Forged) };
        }
        // Who makes up an interval far ahead does not make the receiver hash for ever.
        if interval - latest > INTERVALS {
            return Err(SourceError::Forged);
        }
        let right = (latest..interval).fold(key, |key, _| before(&key)) == known;
        if !right {
            return Err(SourceError::Forged);
        }
        self.latest = (interval, key);
        Ok(())
    }
}

impl SourceVerifier for TeslaReceiver {
    fn verify<'p>(
        &mut self,
        now: Instant,
        origin: &PacketOrigin<'_>,
        payload: &'p [u8],
    ) -> Result<Verdict<'p>, SourceError> {
        let at = payload.len().checked_sub(TRAILER_LEN).ok_or(SourceError::NoTrailer)?;
        let (message, trailer) = payload.split_at(at);
        if let Some(index) = self.waiting.iter().position(|known| known.packet == origin.packet) {
            let Some(key) = self.key(self.waiting[index].interval) else { return Ok(Verdict::NotYet) };
            let known = self.waiting.swap_remove(index);
            let right = mac(&key, known.interval, origin, message) == known.mac;
            return if right { Ok(Verdict::Authentic(message)) } else { Err(SourceError::Forged) };
        }
        let (own, rest) = trailer.split_first_chunk().unwrap();
        let own = u32::from_be_bytes(*own);
        let (mac, disclosed) = rest.split_first_chunk().unwrap();
        // RFC 4082 §3.5: the sender may be in this interval by now.
        if interval(now.after(SKEW)) >= own.saturating_add(DELAY) {
            return Err(SourceError::TooLate);
        }
        self.learn(own.saturating_sub(DELAY), disclosed.try_into().unwrap())?;
        if self.waiting.len() == WAITING {
            return Err(SourceError::Full);
        }
        self.waiting.push(Waiting { packet: origin.packet, interval: own, mac: *mac, named: false });
        Ok(Verdict::NotYet)
    }

    fn next_ready(&mut self) -> Option<PacketId> {
        let (latest, _) = self.latest;
        let ready = self.waiting.iter_mut().find(|known| known.interval <= latest && !known.named)?;
        ready.named = true;
        Some(ready.packet)
    }
}

/// The two ends, and the packets that the receiver's host keeps.
struct Stream {
    sender: Sender,
    chain: TeslaSender,
    receiver: Receiver,
    verifier: TeslaReceiver,
    kept: Vec<(PacketId, Vec<u8>)>,
}

impl Stream {
    fn new() -> Self {
        let chain = TeslaSender::new([0x33; KEY_LEN]);
        let verifier = TeslaReceiver::new(chain.commitment());
        let sender = Sender::new(1, association(With::Esp, None));
        Self { sender, chain, receiver: Receiver::new(association(With::Esp, None)), verifier, kept: Vec::new() }
    }

    fn send(&mut self, now: Instant, message: &[u8]) -> Vec<u8> {
        let payload = self.sender.payload(now, &mut self.chain, message).unwrap();
        self.sender.seal(&payload)
    }

    /// A packet arrives; it has to wait, or is refused.
    fn arrive(&mut self, now: Instant, packet: &[u8]) -> Result<(), SourceError> {
        let (opened, payload) = self.receiver.open(packet).unwrap();
        let origin = PacketOrigin::opened(NAME, &opened);
        assert_eq!(self.verifier.verify(now, &origin, &payload)?, Verdict::NotYet);
        self.kept.push((origin.packet, payload));
        Ok(())
    }

    /// What has become known of the packets that were kept.
    fn settle(&mut self, now: Instant) -> Vec<Result<Vec<u8>, SourceError>> {
        let mut settled = Vec::new();
        while let Some(packet) = self.verifier.next_ready() {
            let index = self.kept.iter().position(|(kept, _)| *kept == packet).unwrap();
            let (_, payload) = self.kept.swap_remove(index);
            let origin = PacketOrigin { association: NAME, packet };
            settled.push(self.verifier.verify(now, &origin, &payload).map(|verdict| match verdict {
                Verdict::Authentic(message) => message.to_vec(),
                Verdict::NotYet => panic!("it was named"),
            }));
        }
        settled
    }
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

#[test]
fn packets_wait_for_their_key() {
    let mut stream = Stream::new();
    let mut got = Vec::new();
    for (time, message) in [(5_100, &b"one"[..]), (5_900, b"two"), (6_500, b"three")] {
        let packet = stream.send(at(time), message);
        stream.arrive(at(time + 50), &packet).unwrap();
        got.extend(stream.settle(at(time + 50)));
    }
    assert_eq!(got, []);
    // Handed in before its time it still waits.
    let (packet, payload) = stream.kept[0].clone();
    let origin = PacketOrigin { association: NAME, packet };
    assert_eq!(stream.verifier.verify(at(6_600), &origin, &payload), Ok(Verdict::NotYet));

    // No room: three wait. But the key that it brought is known, and so is interval 5's.
    let packet = stream.send(at(7_100), b"four");
    assert_eq!(stream.arrive(at(7_150), &packet), Err(SourceError::Full));
    assert_eq!(stream.settle(at(7_150)), [Ok(b"one".to_vec()), Ok(b"two".to_vec())]);
    let packet = stream.send(at(20_000), b"five");
    stream.arrive(at(20_001), &packet).unwrap();
    assert_eq!(stream.settle(at(20_001)), [Ok(b"three".to_vec())], "keys lost on the way are made up for");
}

/// A member that kept the disclosed key makes a packet of interval 5 in the sender's name, when all could.
#[test]
fn a_disclosed_key_is_good_for_nothing() {
    let mut stream = Stream::new();
    let late = stream.send(at(5_100), b"in time, but slow");
    // 7.0 s by the sender's clock may be 6.7 s here.
    assert_eq!(stream.arrive(at(6_700), &late), Err(SourceError::TooLate));
    let late = stream.send(at(5_200), b"just");
    assert_eq!(stream.arrive(at(6_699), &late), Ok(()));
}

/// A member without the key of the interval makes up a MAC, or a chain of its own.
#[test]
fn a_member_that_lies_is_found_out() {
    let mut stream = Stream::new();
    let mut payload = stream.sender.payload(at(5_100), &mut stream.chain, b"mute everybody").unwrap();
    payload[0] ^= 1;
    let changed = stream.sender.seal(&payload);
    stream.arrive(at(5_110), &changed).unwrap();
    let honest = stream.send(at(5_200), b"real");
    stream.arrive(at(5_210), &honest).unwrap();

    let payload = stream.sender.payload(at(5_300), &mut TeslaSender::new([0x44; KEY_LEN]), b"mine").unwrap();
    let other_chain = stream.sender.seal(&payload);
    assert_eq!(stream.arrive(at(5_310), &other_chain), Err(SourceError::Forged));

    let next = stream.send(at(7_100), b"on");
    stream.arrive(at(7_110), &next).unwrap();
    let mut settled = stream.settle(at(7_110));
    settled.sort_by_key(Result::is_err);
    assert_eq!(settled, [Ok(b"real".to_vec()), Err(SourceError::Forged)]);
}

#[test]
fn a_chain_ends() {
    let mut stream = Stream::new();
    let end = Instant::from_secs(u64::from(INTERVALS));
    assert!(stream.sender.payload(end, &mut stream.chain, b"x").is_ok());
    let error = stream.sender.payload(end.after(INTERVAL), &mut stream.chain, b"x");
    assert_eq!(error, Err(AuthenticateError::Exhausted));
}
