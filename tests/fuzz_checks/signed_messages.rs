//! What is signed, as packets of an association and as messages of a group, over a network that repeats, reorders and damages it and
//! among members who lie: only what a signer signed is believed, as that and of that one; no message is accepted twice; and what does
//! not verify leaves no trace. Shared by the fuzz target and the test that replays its corpus. Its user includes `input.rs` and
//! `toy.rs` beside it.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use xcast_sec::crypto::{SignError, Signer, SignerId, Verifier, VerifyError};
use xcast_sec::group::signature::{
    AcceptError, ClockLimits, MessageKind, RecentMessages, SIGNED_HEADER_LEN, SignedEmitError, SignedRepr, Timestamp,
};
use xcast_sec::group::source_auth::{
    AuthenticateError, PacketId, PacketOrigin, SignedSource, SignedSourceVerifier, SourceAuthenticator, SourceError,
    SourceVerifier, Verdict,
};
use xcast_sec::ipsec::{SecurityProtocol, Spi};
use xcast_sec::time::Instant;

use super::input::Input;
use super::toy::digest;

/// No input goes on for longer.
const STEPS: usize = 64;
/// What is longer signs nothing.
const LONGEST_NAME: usize = 255;

/// Three whose keys are known, the first of them by two addresses, and one whose is not.
fn address(number: usize) -> IpAddr {
    match number {
        0 => Ipv4Addr::new(192, 0, 2, 1).into(),
        1 => Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped().into(),
        2 => Ipv4Addr::new(192, 0, 2, 2).into(),
        number => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number as u16).into(),
    }
}

/// Octets of its signatures, which are not the same for all; `None` if its key is not known.
fn signature_len(id: SignerId) -> Option<usize> {
    (0..4).find(|number| SignerId::of_address(address(*number)) == id).map(|number| 12 + 8 * number)
}

fn signature(id: SignerId, parts: &[&[u8]], len: usize) -> Vec<u8> {
    // As if they were one string.
    digest(&[id.as_octets(), &parts.concat()]).to_be_bytes().into_iter().cycle().take(len).collect()
}

struct Pen {
    id: SignerId,
    fails: bool,
}

impl Signer for Pen {
    fn id(&self) -> SignerId {
        self.id
    }

    fn signature_len(&self) -> usize {
        signature_len(self.id).unwrap_or(16)
    }

    fn sign(&mut self, parts: &[&[u8]], signature: &mut [u8]) -> Result<(), SignError> {
        if self.fails {
            return Err(SignError::Signer);
        }
        signature.copy_from_slice(&self::signature(self.id, parts, self.signature_len()));
        Ok(())
    }
}

struct Book;

impl Verifier for Book {
    fn signature_len(&self, signer: SignerId) -> Option<usize> {
        self::signature_len(signer)
    }

    fn verify(&mut self, signer: SignerId, parts: &[&[u8]], received: &[u8]) -> Result<(), VerifyError> {
        let len = self.signature_len(signer).ok_or(VerifyError::UnknownSigner)?;
        if signature(signer, parts, len) == received { Ok(()) } else { Err(VerifyError::Invalid) }
    }
}

type Origin = (Vec<u8>, PacketId);

/// The packet, its payload, the trailer included, and how long the trailer is.
#[derive(Clone)]
struct Packet {
    origin: Origin,
    payload: Vec<u8>,
    trailer_len: usize,
}

/// A message, and the group that it was signed for.
#[derive(Clone)]
struct Message {
    octets: Vec<u8>,
    group: Vec<u8>,
}

#[derive(Default)]
struct World {
    now: u64,
    packets: Vec<Packet>,
    messages: Vec<Message>,
    accepted: BTreeSet<Vec<u8>>,
}

/// Checks what the octets make happen. A finding panics.
pub(crate) fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let limits = ClockLimits { max_age: Duration::from_secs(20), max_ahead: Duration::from_secs(10) };
    // One reader has all that comes, the other only what nobody has touched.
    let mut readers = [RecentMessages::<2, 2>::new(limits), RecentMessages::<2, 2>::new(limits)];
    let mut world = World { now: 1000, ..World::default() };
    for _ in 0..STEPS {
        if input.is_empty() {
            break;
        }
        match input.octet() & 15 {
            0..=2 => world.authenticate(&mut input),
            3..=5 => world.verify(&mut input),
            6 if input.octet() & 1 == 0 => world.lie(&mut input),
            6 => world.shift(&mut input),
            7..=9 => world.sign(&mut input),
            10 => world.now += u64::from(input.octet() & 31),
            11..=13 => world.accept(&mut readers, &mut input),
            _ => world.tamper(&mut readers[0], &mut input),
        }
        let [all, untouched] = &readers;
        assert_eq!(format!("{all:?}"), format!("{untouched:?}"), "what did not verify left a trace");
    }
}

/// Some that start as others do, and one that is too long.
fn name(input: &mut Input<'_>) -> Vec<u8> {
    match input.octet() % 8 {
        0 => vec![],
        1 => vec![b'g'],
        2 => b"gg".to_vec(),
        3 => vec![b'g', 50, 4],
        4 => vec![0; 2],
        5 => vec![0, 1],
        6 => vec![b'g'; LONGEST_NAME],
        _ => vec![b'g'; LONGEST_NAME + 1],
    }
}

fn origin(input: &mut Input<'_>) -> Origin {
    let name = name(input);
    let choice = input.octet();
    let packet = PacketId {
        protocol: if choice & 1 == 0 { SecurityProtocol::Esp } else { SecurityProtocol::Ah },
        spi: Spi::new(0x100 + u32::from(choice >> 1 & 1)).expect("not reserved"),
        source: address(usize::from(choice >> 2 & 7) % 5),
        sequence: u64::from(choice >> 5 & 3) << (choice >> 7 << 5),
    };
    (name, packet)
}

fn octets(input: &mut Input<'_>) -> Vec<u8> {
    let len = input.below(5);
    (0..len).map(|_| input.octet() & 1).collect()
}

fn pick<T: Clone>(all: &[T], input: &mut Input<'_>) -> Option<T> {
    let back = usize::from(input.octet()).checked_rem(all.len())?;
    all.iter().rev().nth(back).cloned()
}

impl World {
    /// A packet's payload gets its trailer.
    fn authenticate(&mut self, input: &mut Input<'_>) {
        let [choice, fails] = [input.octet(), input.octet()];
        let (name, packet) = origin(input);
        // Of its own address, mostly.
        let from = if choice & 7 == 7 { address(usize::from(choice >> 3) % 5) } else { packet.source };
        let id = SignerId::of_address(from);
        let pen = Pen { id, fails: fails == 1 };
        let trailer_len = pen.signature_len() + usize::from(fails == 2);
        let mut source = SignedSource::new(pen);
        let mut payload = octets(input);
        let mut trailer = vec![0x5a; trailer_len];
        let origin = PacketOrigin { association: &name, packet };
        let result = source.authenticate(Instant::START, &origin, &payload, &mut trailer);
        let expected = match () {
            () if trailer_len != source.trailer_len() => Err(AuthenticateError::Length),
            () if id != SignerId::of_address(packet.source) => Err(AuthenticateError::OtherSource),
            () if name.len() > LONGEST_NAME => Err(AuthenticateError::NameTooLong),
            () if fails == 1 => Err(AuthenticateError::Sign(SignError::Signer)),
            () => Ok(()),
        };
        assert_eq!(result, expected);
        if result.is_ok() {
            payload.extend(trailer);
            self.packets.push(Packet { origin: (name, packet), payload, trailer_len });
        }
    }

    /// What was signed, as it was, in another packet's place, or with another's payload.
    fn verify(&mut self, input: &mut Input<'_>) {
        let Some(mut packet) = pick(&self.packets, input) else { return };
        let choice = input.octet();
        match choice & 7 {
            0 => packet.origin = origin(input),
            1 => packet.origin.0 = name(input),
            2 => packet.origin.1 = origin(input).1,
            3 => packet.origin = pick(&self.packets, input).expect("there is one").origin,
            4 => {
                packet.payload.pop();
            }
            5 => {
                let at = usize::from(input.octet()) % (packet.payload.len() + 1);
                packet.payload.insert(at, choice >> 3 & 1);
            }
            6 => {
                let at = usize::from(input.octet()) % packet.payload.len();
                packet.payload[at] ^= 1 << (choice >> 3 & 7);
            }
            _ => {}
        }
        self.believe(&packet);
    }

    /// A payload that nobody signed.
    fn lie(&mut self, input: &mut Input<'_>) {
        let origin = origin(input);
        let len = input.below(48);
        self.believe(&Packet { origin, payload: vec![input.octet(); len], trailer_len: 0 });
    }

    /// The same octets, split up otherwise: what was one packet's origin is the end of a longer name, what it carried another's origin.
    fn shift(&mut self, input: &mut Input<'_>) {
        let ((name, packet), (_, other)) = (origin(input), origin(input));
        let other = PacketId { source: packet.source, ..other };
        let fixed = |packet| PacketOrigin { association: &[], packet }.with_octets(|[_, _, fixed]| fixed.to_vec());
        let (fixed, carried) = (fixed(packet).expect("short"), fixed(other).expect("short"));
        let mut source = SignedSource::new(Pen { id: SignerId::of_address(packet.source), fails: false });
        let mut trailer = vec![0; source.trailer_len()];
        let signed = PacketOrigin { association: &name, packet };
        if source.authenticate(Instant::START, &signed, &carried, &mut trailer).is_ok() {
            self.believe(&Packet { origin: ([name, fixed].concat(), other), payload: trailer, trailer_len: 0 });
        }
    }

    fn believe(&self, packet: &Packet) {
        let (name, id) = &packet.origin;
        let trailer_len = signature_len(SignerId::of_address(id.source));
        let expected = match trailer_len {
            None => Err(SourceError::UnknownSource),
            Some(len) if packet.payload.len() < len => Err(SourceError::NoTrailer),
            Some(len) => {
                let same = |one: &&Packet| one.origin == packet.origin && one.payload == packet.payload;
                let signed = self.packets.iter().find(same);
                assert!(signed.is_none_or(|signed| signed.trailer_len == len));
                signed.map(|_| &packet.payload[..packet.payload.len() - len]).ok_or(SourceError::Forged)
            }
        };
        let origin = PacketOrigin { association: name, packet: *id };
        let mut verifier = SignedSourceVerifier::new(Book);
        let result = verifier.verify(Instant::START, &origin, &packet.payload);
        assert_eq!(result, expected.map(Verdict::Authentic));
        assert_eq!(verifier.next_ready(), None);
    }

    /// A message of the group.
    fn sign(&mut self, input: &mut Input<'_>) {
        let choice = input.octet();
        let kind = [MessageKind::Join, MessageKind::Leave, MessageKind::Invite][usize::from(choice & 3) % 3];
        let (group, message) = (name(input), octets(input));
        let [when, nonce] = [input.octet(), input.octet()];
        let timestamp = Timestamp::from_unix_secs((self.now + u64::from(when & 31)).saturating_sub(16));
        let repr = SignedRepr { kind, group: &group, timestamp, nonce: u64::from(nonce & 3), message: &message };
        let id = SignerId::of_address(address(usize::from(choice >> 2) % 5));
        let mut pen = Pen { id, fails: nonce == 0xff };
        let len = SIGNED_HEADER_LEN + message.len() + pen.signature_len();
        assert_eq!(repr.encoded_len(&pen), len);
        let mut octets = vec![0x5a; len];
        match repr.emit(&mut pen, &mut octets) {
            Ok(written) => assert!(written == len && !pen.fails && group.len() <= LONGEST_NAME),
            Err(SignedEmitError::GroupNameTooLong) => return assert!(group.len() > LONGEST_NAME),
            Err(error) => return assert!(error == SignedEmitError::Sign(SignError::Signer) && pen.fails),
        }
        self.messages.push(Message { octets, group });
    }

    /// A message as it was sent, first or again, early or late, to both readers.
    fn accept<const S: usize, const R: usize>(
        &mut self,
        readers: &mut [RecentMessages<S, R>; 2],
        input: &mut Input<'_>,
    ) {
        let Some(Message { octets, group }) = pick(&self.messages, input) else { return };
        let now = Timestamp::from_unix_secs(self.now);
        let [one, other] = readers.each_mut().map(|reader| {
            let accepted = reader.accept(&mut Book, &group, now, &octets);
            accepted.map(|message| message.as_octets().to_vec())
        });
        assert_eq!(one, other, "what did not verify left a trace");
        match one {
            Ok(accepted) => {
                assert_eq!(accepted, octets);
                assert!(self.accepted.insert(octets), "accepted twice");
            }
            Err(AcceptError::Signature(error)) => assert_eq!(error, VerifyError::UnknownSigner),
            Err(AcceptError::Parse(error)) => panic!("{error:?} of a message that was signed"),
            Err(_) => {}
        }
    }

    /// A message that an octet of was changed, that lacks its end, or that is handed to another group.
    fn tamper<const S: usize, const R: usize>(&self, reader: &mut RecentMessages<S, R>, input: &mut Input<'_>) {
        let Some(Message { mut octets, mut group }) = pick(&self.messages, input) else { return };
        let [at, by] = [input.octet(), input.octet()];
        let at = usize::from(at) % octets.len();
        match by {
            0 => octets.truncate(at),
            1 => {
                let other = name(input);
                if other == group {
                    return;
                }
                group = other;
            }
            2 => octets.push(at as u8),
            by => octets[at] ^= by,
        }
        let error = reader.accept(&mut Book, &group, Timestamp::from_unix_secs(self.now), &octets).err();
        let refused = matches!(error, Some(AcceptError::Parse(_) | AcceptError::Signature(_)));
        assert!(refused, "{error:?} of what nobody signed");
    }
}
