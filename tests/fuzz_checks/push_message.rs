//! Arbitrary octets as messages of `group::ike`: nothing panics; what was not sealed is not taken; what a peer with the keys
//! puts into a message is read or refused, and what is read is what was there. Shared by the fuzz target and the test that
//! replays its corpus. Its user includes `phase1.rs` beside it.
//!
//! The first octet chooses: 0 a datagram as it came, else a chain of payloads that the peer authenticated.

use xcast_sec::crypto::{CipherAlgorithm, CryptoProvider, PrfAlgorithm, PrfProvider, RustCrypto};
use xcast_sec::group::ike::{
    Acceptor, Description, EXCHANGE_TYPE, INFORMATIONAL, MessageError, Payloads, Pusher, Received, Retry, Role,
    payload_type,
};
use xcast_sec::time::Instant;

use super::phase1::{Fixed, KEY, LAST_BLOCK, phase1};

/// A message with any `chain` behind its HASH, the first payload of type `first`, as RFC 2409 has it.
fn authentic(exchange_type: u8, first: u8, chain: &[u8]) -> Vec<u8> {
    let message_id = 6_u32.to_be_bytes();
    let key = RustCrypto.prf_key(PrfAlgorithm::HmacSha1, &KEY).expect("it fits");
    let hash = RustCrypto.prf(&key, [&message_id, chain]).expect("it cannot fail");
    let mut body = [&[first, 0, 0, 24], hash.as_octets(), chain].concat();
    body.resize(body.len().next_multiple_of(16), 0);
    let iv = RustCrypto.hash(PrfAlgorithm::HmacSha1, [&LAST_BLOCK[..], &message_id]).expect("it cannot fail");
    let key = RustCrypto.cipher_key(CipherAlgorithm::AesCbc, &KEY[..16]).expect("it fits");
    RustCrypto.encrypt(&key, &iv.as_octets()[..16], &mut body).expect("whole blocks");
    let len = (28 + body.len() as u32).to_be_bytes();
    [&[1; 8][..], &[2; 8], &[payload_type::HASH, 0x10, exchange_type, 1], &message_id, &len, &body].concat()
}

/// Checks one input. A finding panics.
pub(crate) fn check(input: &[u8]) {
    let Some((&choice, octets)) = input.split_first() else { return };
    if choice == 0 {
        raw(octets);
    } else {
        offer(octets);
        deletion(octets);
    }
    let _ = Description::parse(octets);
    let mut payloads = Payloads::new(choice, octets);
    let walked: usize = payloads.by_ref().flatten().map(|payload| payload.body.len() + 4).sum();
    assert!(walked + payloads.rest().len() <= octets.len());
}

fn raw(datagram: &[u8]) {
    let mut acceptor = Acceptor::new(Retry::default());
    let taken = acceptor.receive(&phase1(Role::Responder), &mut RustCrypto, &mut datagram.to_vec()).is_ok();
    assert!(!taken || datagram.len() >= 28 + 32, "taken without a HASH");
    assert_eq!(acceptor.poll(Instant::START), None);

    let description = Description::parse(&[17, 0, 0, 4, 0, 0, 0, 4]).expect("two payloads");
    let mut pusher = Pusher::<256>::new(Retry::default());
    let mut ours = phase1(Role::Initiator);
    let id = pusher.push(Instant::START, &mut ours, &mut RustCrypto, &mut Fixed, &description).expect("it fits");
    assert!(pusher.poll(Instant::START).is_some());
    if pusher.receive(&ours, &mut RustCrypto, &mut datagram.to_vec()).is_err() {
        assert_eq!((pusher.message_id(), pusher.poll(Instant::START)), (Some(id), None));
    }
}

fn offer(chain: &[u8]) {
    let mut acceptor = Acceptor::new(Retry::default());
    let mut message = authentic(EXCHANGE_TYPE, payload_type::NONCE, chain);
    match acceptor.receive(&phase1(Role::Responder), &mut RustCrypto, &mut message) {
        Ok(Received::Offer(offer)) => {
            let described = offer.description.as_octets();
            assert_eq!(offer.message_id, 6);
            assert_eq!(chain.get(36..36 + described.len()), Some(described));
        }
        Err(MessageError::Payload(_) | MessageError::Authentication | MessageError::NotExpected) => {}
        other => panic!("{other:?}"),
    }
}

fn deletion(chain: &[u8]) {
    let mut acceptor = Acceptor::new(Retry::default());
    let mut message = authentic(INFORMATIONAL, payload_type::DELETE, chain);
    match acceptor.receive(&phase1(Role::Responder), &mut RustCrypto, &mut message) {
        Ok(Received::Deleted(spis)) => {
            for spi in spis.iter() {
                assert!(chain.windows(4).any(|octets| octets == spi.value().to_be_bytes()));
            }
        }
        Err(MessageError::Payload(_) | MessageError::Authentication) => {}
        other => panic!("{other:?}"),
    }
}
