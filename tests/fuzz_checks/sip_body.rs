//! Arbitrary octets as bodies of `group::sip`, their header lines, and base64: nothing panics, nothing unsealed is taken,
//! what decodes encodes to itself. Shared by the fuzz target and the test that replays its corpus.
//!
//! The first octet chooses: 0 a body as it came, 1 header lines, 2 base64, else a body's content that the peer sealed.

use xcast_sec::crypto::{AeadAlgorithm, CryptoProvider, RustCrypto};
use xcast_sec::group::sip::{Channel, Counters, Dialogue, OpenError, PartHeaders, Side, base64};

const KEY: [u8; 20] = [3; 20];
const DIALOGUE: Dialogue<'_> =
    Dialogue { call_id: b"c", from_uri: b"f", from_tag: b"t", to_uri: b"u", to_tag: None, cseq: 1 };

fn end(side: Side) -> Channel<RustCrypto> {
    Channel::new(AeadAlgorithm::AesGcm16, &KEY, side, Counters::default(), &mut RustCrypto).expect("the key fits")
}

/// Checks one input. A finding panics.
pub(crate) fn check(input: &[u8]) {
    let Some((&choice, octets)) = input.split_first() else { return };
    match choice {
        0 => {
            let (mut host, mut member) = (end(Side::Host), end(Side::Member));
            let offer = member.open_offer(&mut RustCrypto, &DIALOGUE, &mut octets.to_vec()).is_ok();
            let answer = host.open_answer(&mut RustCrypto, &DIALOGUE, &mut octets.to_vec()).is_ok();
            // The tag would have to be guessed.
            assert!(!(offer && answer));
        }
        1 => {
            if let Ok(headers) = PartHeaders::parse(octets) {
                assert_eq!(PartHeaders::parse(headers.to_string().as_bytes()), Ok(headers));
            }
        }
        2 => {
            let mut text = octets.to_vec();
            if let Ok(len) = base64::decode(&mut text) {
                let mut again = vec![0; base64::encoded_len(len)];
                let written = base64::encode(&text[..len], &mut again).expect("it fits");
                let plain = |text: &[u8]| text.iter().copied().filter(|c| !b"\r\n \t".contains(c)).collect::<Vec<_>>();
                assert_eq!((plain(&again), written), (plain(octets), again.len()));
            }
        }
        _ => content(octets),
    }
}

/// Seals any content as the host and as the member would, and opens it.
fn content(plain: &[u8]) {
    for (kind, bit) in [(1, 0), (2, 0x80)] {
        let header = [&b"XGS\x01"[..], &[kind, 0, 0, 0], &[bit, 0, 0, 0, 0, 0, 0, 9]].concat();
        let fields = [&b"c"[..], b"f", b"t", b"u", b""];
        let fields = fields.iter().flat_map(|field| [&(field.len() as u16).to_be_bytes()[..], field].concat());
        let associated: Vec<u8> = header.iter().copied().chain([0, 0, 0, 1, 0]).chain(fields).collect();
        let key = RustCrypto.aead_key(AeadAlgorithm::AesGcm16, &KEY).expect("it fits");
        let mut data = plain.to_vec();
        let iv = header[8..].try_into().expect("eight octets");
        let tag = RustCrypto.aead_seal(&key, &iv, &associated, &mut data).expect("it is short");
        let mut body = [&header[..], &data, &tag].concat();
        if kind == 1 {
            let mut member = end(Side::Member);
            match member.open_offer(&mut RustCrypto, &DIALOGUE, &mut body) {
                Ok((counter, offer)) => {
                    assert_eq!((counter, offer.group.len() + offer.sa.len() + offer.kd.len()), (9, plain.len() - 10));
                }
                Err(error) => assert_eq!(error, OpenError::Content),
            }
            assert_eq!(member.counters().expected, 10);
        } else {
            let mut host = end(Side::Host);
            match host.open_answer(&mut RustCrypto, &DIALOGUE, &mut body) {
                Ok(answer) => {
                    assert_eq!((plain.len(), answer.offer.to_be_bytes()), (16, plain[..8].try_into().expect("8")))
                }
                Err(error) => assert_eq!(error, OpenError::Content),
            }
        }
    }
}
