//! A signature on each packet, and members who hold the group's key and lie.

use std::net::IpAddr;

use xcast_sec::crypto::{Ed25519Signer, Ed25519Verifier, SignError, Signer, SignerId, Verifier, VerifyError};
use xcast_sec::group::source_auth::{
    AuthenticateError, PacketId, PacketOrigin, SignedSource, SignedSourceVerifier, SourceAuthenticator, SourceError,
    SourceVerifier, Verdict,
};
use xcast_sec::ipsec::{OpenError, ReplayError};

use crate::kit::{NAME, NOW, Receiver, Sender, With, association, member};

type Known = SignedSourceVerifier<Ed25519Verifier<4>>;

fn key(number: u16) -> Ed25519Signer {
    Ed25519Signer::new(SignerId::of_address(member(number).into()), &[number as u8; 32])
}

fn known() -> Known {
    let mut known = Ed25519Verifier::new();
    for number in 1..=2 {
        known.insert(key(number).id(), &key(number).public_key()).unwrap();
    }
    SignedSourceVerifier::new(known)
}

/// Opens, then verifies: what a receiver does.
fn receive(receiver: &mut Receiver, known: &mut Known, packet: &[u8]) -> Result<Vec<u8>, SourceError> {
    let (opened, payload) = receiver.open(packet).expect("the group's key is right");
    match known.verify(NOW, &PacketOrigin::opened(NAME, &opened), &payload)? {
        Verdict::Authentic(message) => Ok(message.to_vec()),
        Verdict::NotYet => panic!("a signature always knows"),
    }
}

/// Every way to share a key: for all senders or for one, under ESP or AH.
fn ways() -> impl Iterator<Item = (With, Option<IpAddr>)> {
    let all = [With::Esp, With::Ah].map(|with| [None, Some(member(1).into())].map(|source| (with, source)));
    all.into_iter().flatten()
}

#[test]
fn what_a_member_signs_is_believed() {
    for (with, source) in ways() {
        let mut sender = Sender::new(1, association(with, source));
        let mut receiver = Receiver::new(association(with, source));
        let (mut signed, mut known) = (SignedSource::new(key(1)), known());
        for message in [&b"mute everybody"[..], b"", &[7; 700]] {
            let payload = sender.payload(NOW, &mut signed, message).unwrap();
            assert_eq!(payload.len(), message.len() + 64);
            assert_eq!(receive(&mut receiver, &mut known, &sender.seal(&payload)), Ok(message.to_vec()));
        }
        assert_eq!(known.next_ready(), None);
    }
}

/// Member 2 holds the key under which member 1 sends, whether it is the group's or member 1's own: its packets in member 1's name
/// open. It does not have member 1's signing key.
#[test]
fn a_member_that_lies_is_found_out() {
    for (with, source) in ways() {
        let mut receiver = Receiver::new(association(with, source));
        let mut known = known();
        let mut liar = Sender::new(1, association(with, source));
        // Signed by its own key, in member 1's name.
        let own = Ed25519Signer::new(key(1).id(), &[2; 32]);
        let payload = liar.payload(NOW, &mut SignedSource::new(own), b"mute everybody").unwrap();
        assert_eq!(receive(&mut receiver, &mut known, &liar.seal(&payload)), Err(SourceError::Forged));
        // Not signed at all.
        assert_eq!(receive(&mut receiver, &mut known, &liar.seal(&[0; 90])), Err(SourceError::Forged));
        assert_eq!(receive(&mut receiver, &mut known, &liar.seal(&[0; 63])), Err(SourceError::NoTrailer));
        // Without this module it would have been believed.
        assert!(receiver.open(&liar.seal(b"mute everybody")).is_ok());
    }
}

/// What member 1 did sign, member 2 cannot use for another packet.
#[test]
fn a_signature_is_for_one_packet() {
    for (with, source) in ways() {
        let mut receiver = Receiver::new(association(with, source));
        let (mut sender, mut known) = (Sender::new(1, association(with, source)), known());
        let payload = sender.payload(NOW, &mut SignedSource::new(key(1)), b"mute everybody").unwrap();
        let packet = sender.seal(&payload);
        let seen = receiver.open(&packet).unwrap().0;
        let origin = PacketOrigin::opened(NAME, &seen);
        assert!(matches!(known.verify(NOW, &origin, &payload), Ok(Verdict::Authentic(_))));

        // As the packet after it, sealed with the key that all have.
        let mut liar = Sender::new(1, association(with, source));
        liar.seal(b"number 1");
        assert_eq!(receive(&mut receiver, &mut known, &liar.seal(&payload)), Err(SourceError::Forged));
        // As the same packet again: that is what the window is for.
        assert_eq!(receiver.open(&packet).unwrap_err(), OpenError::Replay(ReplayError::Replayed));

        // Under another association, be it that only its name differs.
        let PacketId { spi, .. } = origin.packet;
        let other_spi = xcast_sec::ipsec::Spi::new(spi.value() ^ 1).unwrap();
        for other in [
            PacketOrigin { association: b"conference 7, key 2", ..origin },
            PacketOrigin { association: &[b'7'; 256], ..origin },
            PacketOrigin { packet: PacketId { spi: other_spi, ..origin.packet }, ..origin },
            PacketOrigin { packet: PacketId { source: member(2).into(), ..origin.packet }, ..origin },
        ] {
            assert_eq!(known.verify(NOW, &other, &payload), Err(SourceError::Forged));
        }
        // With anything changed, cut off or added.
        for at in 0..payload.len() {
            let mut changed = payload.clone();
            changed[at] ^= 0x10;
            assert_eq!(known.verify(NOW, &origin, &changed), Err(SourceError::Forged), "{at}");
        }
        assert_eq!(known.verify(NOW, &origin, &payload[1..]), Err(SourceError::Forged));
        assert_eq!(known.verify(NOW, &origin, &[&payload[..], &[0]].concat()), Err(SourceError::Forged));
    }
}

/// Under ESP for any sender somebody on the path, who has no key, can write another source address: it opens, as ESP does not
/// cover it, and a new window has not seen it. The signature does cover it.
#[test]
fn a_captured_packet_from_elsewhere_is_found_out() {
    let mut receiver = Receiver::new(association(With::Esp, None));
    let (mut sender, mut known) = (Sender::new(1, association(With::Esp, None)), known());
    let payload = sender.payload(NOW, &mut SignedSource::new(key(1)), b"mute everybody").unwrap();
    let packet = sender.seal(&payload);
    assert_eq!(receive(&mut receiver, &mut known, &packet), Ok(b"mute everybody".to_vec()));
    for (number, error) in [(2, SourceError::Forged), (3, SourceError::UnknownSource)] {
        let mut moved = packet.clone();
        moved[8..24].copy_from_slice(&member(number).octets());
        assert_eq!(receive(&mut receiver, &mut known, &moved), Err(error));
    }
}

/// A lying member's packet uses up the number that the real one has: the documentation says so.
#[test]
fn a_forged_packet_can_displace_the_real_one() {
    let mut receiver = Receiver::new(association(With::Esp, None));
    let mut known = known();
    let mut liar = Sender::new(1, association(With::Esp, None));
    assert_eq!(receive(&mut receiver, &mut known, &liar.seal(&[0; 90])), Err(SourceError::Forged));
    let mut sender = Sender::new(1, association(With::Esp, None));
    let payload = sender.payload(NOW, &mut SignedSource::new(key(1)), b"real").unwrap();
    assert_eq!(receiver.open(&sender.seal(&payload)).unwrap_err(), OpenError::Replay(ReplayError::Replayed));
    let payload = sender.payload(NOW, &mut SignedSource::new(key(1)), b"the next").unwrap();
    assert_eq!(receive(&mut receiver, &mut known, &sender.seal(&payload)), Ok(b"the next".to_vec()));
}

#[test]
fn what_is_not_signed() {
    let sender = Sender::new(1, association(With::Esp, None));
    let origin = PacketOrigin::sealing(NAME, &sender.outbound, sender.address.into()).unwrap();
    let mut signed = SignedSource::new(key(1));
    let mut try_sign = |origin: &PacketOrigin<'_>, len| signed.authenticate(NOW, origin, b"x", &mut vec![0; len]);
    assert_eq!(try_sign(&origin, 63), Err(AuthenticateError::Length));
    assert_eq!(try_sign(&origin, 65), Err(AuthenticateError::Length));
    let other = PacketOrigin { packet: PacketId { source: member(2).into(), ..origin.packet }, ..origin };
    assert_eq!(try_sign(&other, 64), Err(AuthenticateError::OtherSource));
    assert_eq!(try_sign(&PacketOrigin { association: &[0; 256], ..origin }, 64), Err(AuthenticateError::NameTooLong));
    assert_eq!(try_sign(&origin, 64), Ok(()));
}

/// Signs nothing, and keeps what it was asked to sign.
struct Recording(Vec<u8>);

impl Signer for Recording {
    fn id(&self) -> SignerId {
        key(1).id()
    }

    fn signature_len(&self) -> usize {
        1
    }

    fn sign(&mut self, parts: &[&[u8]], _: &mut [u8]) -> Result<(), SignError> {
        self.0 = parts.concat();
        Ok(())
    }
}

/// In front of everything stands what it is for, which no message of membership starts with.
#[test]
fn what_is_signed() {
    let sender = Sender::new(1, association(With::Esp, None));
    let mut recording = Recording(Vec::new());
    sender.payload(NOW, &mut SignedSource::new(&mut recording), b"the payload").unwrap();
    let origin = PacketOrigin::sealing(NAME, &sender.outbound, sender.address.into()).unwrap();
    let origin = origin.with_octets(|parts| parts.concat()).unwrap();
    let context = b"xcast-sec packet source v1\0\0\0\0\0\0";
    assert_eq!(recording.0, [&context[..], &origin, b"the payload"].concat());
}

/// A key store that does not answer.
struct Down;

impl Signer for Down {
    fn id(&self) -> SignerId {
        key(1).id()
    }

    fn signature_len(&self) -> usize {
        8
    }

    fn sign(&mut self, _: &[&[u8]], _: &mut [u8]) -> Result<(), SignError> {
        Err(SignError::Signer)
    }
}

impl Verifier for Down {
    fn signature_len(&self, _: SignerId) -> Option<usize> {
        Some(8)
    }

    fn verify(&mut self, _: SignerId, _: &[&[u8]], _: &[u8]) -> Result<(), VerifyError> {
        Err(VerifyError::Verifier)
    }
}

#[test]
fn failures_are_passed_on() {
    let sender = Sender::new(1, association(With::Esp, None));
    let failed = AuthenticateError::Sign(SignError::Signer);
    assert_eq!(sender.payload(NOW, &mut SignedSource::new(Down), b"x"), Err(failed));
    let origin = PacketOrigin::sealing(NAME, &sender.outbound, sender.address.into()).unwrap();
    assert_eq!(SignedSourceVerifier::new(Down).verify(NOW, &origin, &[0; 9]), Err(SourceError::Verifier));
}
