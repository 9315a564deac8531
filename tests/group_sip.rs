//! `group::sip`: bodies, what they are bound to, and their header lines.
#![cfg(feature = "rust-crypto")]

use proptest::prelude::*;
use xcast_sec::crypto::{AeadAlgorithm, RustCrypto};
use xcast_sec::group::sip::base64::{self, Base64Error};
use xcast_sec::group::sip::*;

type End = Channel<RustCrypto>;

const KEY: [u8; 36] = [0x5a; 36];
const OFFER: Offer<'_> = Offer { group: b"conference-7", epoch: 3, sa: &[0xa0; 40], kd: &[0xb0; 70] };
const OPENING: Dialogue<'_> = Dialogue {
    call_id: b"a84b4c76e66710@pc33.atlanta.example",
    from_uri: b"sip:alice@atlanta.example",
    from_tag: b"1928301774",
    to_uri: b"sip:bob@biloxi.example",
    to_tag: None,
    cseq: 314159,
};

fn end(side: Side, counters: Counters) -> End {
    Channel::new(AeadAlgorithm::ChaCha20Poly1305, &KEY, side, counters, &mut RustCrypto).unwrap()
}

fn ends() -> (End, End) {
    (end(Side::Host, Counters::default()), end(Side::Member, Counters::default()))
}

fn offered(host: &mut End, dialogue: &Dialogue<'_>, offer: &Offer<'_>) -> (Vec<u8>, u64) {
    let mut buffer = vec![0xff; End::offer_len(offer)];
    let (len, counter) = host.seal_offer(&mut RustCrypto, dialogue, offer, &mut buffer).unwrap();
    assert_eq!(len, buffer.len());
    (buffer, counter)
}

fn taken(member: &mut End, dialogue: &Dialogue<'_>, body: &[u8]) -> Result<u64, OpenError> {
    let mut body = body.to_vec();
    member.open_offer(&mut RustCrypto, dialogue, &mut body).map(|(counter, offer)| {
        assert_eq!(offer, OFFER);
        counter
    })
}

#[test]
fn an_offer_and_its_answers() {
    let (mut host, mut member) = ends();
    for rejection in [None, Some(Reason::Policy), Reason::new(6), Reason::new(0x1234)] {
        let (body, counter) = offered(&mut host, &OPENING, &OFFER);
        assert_eq!(body.len(), HEADER_LEN + 10 + 12 + 40 + 70 + 16);
        assert!(!body.windows(8).any(|octets| octets == [0xb0; 8]), "keys in the clear");
        assert_eq!(taken(&mut member, &OPENING, &body), Ok(counter));
        let answered = Dialogue { to_tag: Some(b"a6c85cf"), ..OPENING };
        let answer = Answer { offer: counter, epoch: 3, rejection };
        assert_eq!(answer.status_code(), if rejection.is_none() { 200 } else { 488 });
        let mut buffer = [0xff; End::ANSWER_LEN];
        assert_eq!(member.seal_answer(&mut RustCrypto, &answered, &answer, &mut buffer), Ok(End::ANSWER_LEN));
        assert_eq!(host.open_answer(&mut RustCrypto, &answered, &mut buffer.clone()), Ok(answer));
        let replay = host.open_answer(&mut RustCrypto, &answered, &mut buffer.clone());
        assert_eq!(replay, Err(OpenError::Stale));
    }
    assert_eq!(host.counters(), Counters { next: 4, expected: 4 });
    assert_eq!(member.counters(), Counters { next: 4, expected: 4 });
    assert_eq!(Reason::new(0), None);
    assert!((1..=u16::MAX).all(|number| Reason::new(number).map(Reason::number) == Some(number)));
}

/// A body must not be of use in any other place.
#[test]
fn a_body_opens_in_its_own_transaction_only() {
    let (mut host, mut member) = ends();
    let (body, _) = offered(&mut host, &OPENING, &OFFER);
    let others = [
        Dialogue { call_id: b"another", ..OPENING },
        Dialogue { from_uri: b"sip:mallory@atlanta.example", ..OPENING },
        Dialogue { from_tag: b"1928301775", ..OPENING },
        Dialogue { to_uri: b"sip:carol@biloxi.example", ..OPENING },
        // A re-INVITE: the To tag is there, CSeq is higher.
        Dialogue { to_tag: Some(b"a6c85cf"), ..OPENING },
        Dialogue { to_tag: Some(b""), ..OPENING },
        Dialogue { cseq: 314160, ..OPENING },
        // The same octets in other fields.
        Dialogue { from_uri: b"sip:alice@atlanta.example1", from_tag: b"928301774", ..OPENING },
    ];
    for other in others {
        assert_eq!(taken(&mut member, &other, &body), Err(OpenError::Authentication), "{other:?}");
    }
    assert_eq!(member.counters(), Counters::default());
    assert_eq!(taken(&mut member, &OPENING, &body), Ok(0));
    assert_eq!(taken(&mut member, &OPENING, &body), Err(OpenError::Stale));
}

#[test]
fn overtaken_bodies_are_stale() {
    let (mut host, mut member) = ends();
    let bodies = [0; 3].map(|_| offered(&mut host, &OPENING, &OFFER).0);
    assert_eq!(taken(&mut member, &OPENING, &bodies[1]), Ok(1));
    assert_eq!(taken(&mut member, &OPENING, &bodies[0]), Err(OpenError::Stale));
    assert_eq!(taken(&mut member, &OPENING, &bodies[2]), Ok(2));
    // Over a restart.
    let mut member = end(Side::Member, member.counters());
    assert_eq!(taken(&mut member, &OPENING, &bodies[2]), Err(OpenError::Stale));
}

#[test]
fn nothing_comes_back_to_who_sent_it() {
    let (mut host, mut member) = ends();
    let (mut body, _) = offered(&mut host, &OPENING, &OFFER);
    assert_eq!(host.open_answer(&mut RustCrypto, &OPENING, &mut body.clone()), Err(OpenError::Kind));
    assert_eq!(host.open_offer(&mut RustCrypto, &OPENING, &mut body).unwrap_err(), OpenError::Kind);
    let answer = Answer { offer: 0, epoch: 3, rejection: None };
    let mut buffer = [0; 48];
    member.seal_answer(&mut RustCrypto, &OPENING, &answer, &mut buffer).unwrap();
    assert_eq!(member.open_offer(&mut RustCrypto, &OPENING, &mut buffer).unwrap_err(), OpenError::Kind);
    // With the bits of the other direction it is another nonce.
    let mut turned = buffer;
    (turned[4], turned[8]) = (1, 0);
    assert_eq!(member.open_offer(&mut RustCrypto, &OPENING, &mut turned).unwrap_err(), OpenError::Authentication);
    assert_eq!(host.seal_answer(&mut RustCrypto, &OPENING, &answer, &mut buffer), Err(SealError::Side));
    let sealed = member.seal_offer(&mut RustCrypto, &OPENING, &OFFER, &mut buffer);
    assert_eq!(sealed, Err(SealError::Side));
}

#[test]
fn every_flipped_bit_and_every_truncation_is_refused() {
    let (mut host, mut member) = ends();
    let (body, _) = offered(&mut host, &OPENING, &OFFER);
    for bit in 0..body.len() * 8 {
        let mut flipped = body.clone();
        flipped[bit / 8] ^= 0x80 >> (bit % 8);
        let expected = match bit / 8 {
            0..=3 | 5..=7 => OpenError::Header,
            4 => OpenError::Kind,
            8 if bit % 8 == 0 => OpenError::Kind,
            _ => OpenError::Authentication,
        };
        assert_eq!(taken(&mut member, &OPENING, &flipped), Err(expected), "bit {bit}");
    }
    for len in 0..body.len() {
        let expected = if len < 32 { OpenError::Length } else { OpenError::Authentication };
        assert_eq!(taken(&mut member, &OPENING, &body[..len]), Err(expected));
    }
    assert_eq!(taken(&mut member, &OPENING, &body), Ok(0));
}

#[test]
fn what_does_not_fit() {
    let (mut host, _) = ends();
    let needed = End::offer_len(&OFFER);
    for len in 0..needed {
        let sealed = host.seal_offer(&mut RustCrypto, &OPENING, &OFFER, &mut vec![0; len]);
        assert_eq!(sealed, Err(SealError::TooLong));
    }
    let long = vec![0; 65536];
    let sealed = host.seal_offer(&mut RustCrypto, &OPENING, &Offer { kd: &long, ..OFFER }, &mut vec![0; 1 << 17]);
    assert_eq!(sealed, Err(SealError::TooLong));
    let mut buffer = vec![0; needed];
    // 31 octets are authenticated besides: header of the body, CSeq, whether there is a To tag, and five lengths.
    let others = OPENING.from_uri.len() + OPENING.from_tag.len() + OPENING.to_uri.len() + 31;
    let widest = Dialogue { call_id: &long[..MAX_DIALOGUE_LEN - others], ..OPENING };
    assert!(end(Side::Host, Counters::default()).seal_offer(&mut RustCrypto, &widest, &OFFER, &mut buffer).is_ok());
    let wide = Dialogue { call_id: &long[..MAX_DIALOGUE_LEN - others + 1], ..OPENING };
    assert_eq!(host.seal_offer(&mut RustCrypto, &wide, &OFFER, &mut buffer), Err(SealError::DialogueTooLong));
    // None of it used a counter up.
    assert_eq!(host.counters().next, 0);
    let mut last = end(Side::Host, Counters { next: (1 << 63) - 1, expected: 0 });
    assert_eq!(offered(&mut last, &OPENING, &OFFER).1, (1 << 63) - 1);
    assert_eq!(last.seal_offer(&mut RustCrypto, &OPENING, &OFFER, &mut buffer), Err(SealError::CounterExhausted));
}

#[test]
fn header_lines() {
    let parse = |lines: &str| PartHeaders::parse(lines.as_bytes());
    let ours = Ok(PartHeaders::new(Encoding::Binary, true));
    for encoding in [Encoding::Binary, Encoding::Base64] {
        for required in [true, false] {
            let headers = PartHeaders::new(encoding, required);
            assert_eq!(parse(&headers.to_string()), Ok(headers));
        }
    }
    let media = format!("Content-Type: {MEDIA_TYPE}");
    for lines in [
        media.clone(),
        format!("{media}\r\n"),
        format!("Via: SIP/2.0/UDP a;b=c\r\nC : {} ; x=y\r\nCSeq: 1 INVITE\r\n\r\nno header", MEDIA_TYPE.to_uppercase()),
        format!("content-type:\r\n\t{MEDIA_TYPE}\r\nE: identity\r\nContent-Transfer-Encoding: 8BIT\r\n"),
        format!("{media}\r\nContent-Disposition: {DISPOSITION} ; a=b; Handling = Required\r\n"),
        format!("{media}\r\nContent-Disposition: {DISPOSITION}\r\n\r\nContent-Type: text/plain"),
    ] {
        assert_eq!(parse(&lines), ours, "{lines}");
    }
    let optional = format!("{media}\nContent-Disposition: {DISPOSITION};x;handling=optional");
    assert_eq!(parse(&optional), Ok(PartHeaders::new(Encoding::Binary, false)));
    for (lines, error) in [
        (String::new(), HeaderError::MediaType),
        ("Content-Type: application/sdp".into(), HeaderError::MediaType),
        (format!("{media}x"), HeaderError::MediaType),
        (format!("\r\n{media}"), HeaderError::MediaType),
        (format!("{media}\r\nc: {MEDIA_TYPE}"), HeaderError::Twice),
        (format!("{media}\r\nContent-Transfer-Encoding: quoted-printable"), HeaderError::TransferEncoding),
        (format!("{media}\r\nContent-Encoding: gzip"), HeaderError::ContentEncoding),
        (format!("{media}\r\nContent-Disposition: session"), HeaderError::Disposition),
        (format!("{media}\r\nnothing"), HeaderError::Line),
        (format!("{media}\r\n: x"), HeaderError::Line),
    ] {
        assert_eq!(parse(&lines), Err(error), "{lines}");
    }
}

/// RFC 4648 §10 has these; RFC 2045 §6.8 the alphabet and the lines.
#[test]
fn base64_vectors() {
    for (octets, text) in
        [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
    {
        let mut buffer = [0; 8];
        let len = base64::encode(octets.as_bytes(), &mut buffer).unwrap();
        assert_eq!((&buffer[..len], len), (text.as_bytes(), base64::encoded_len(octets.len())));
    }
    let decode = |text: &str| {
        let mut text = text.as_bytes().to_vec();
        let len = base64::decode(&mut text)?;
        text.truncate(len);
        Ok(text)
    };
    assert_eq!(decode(" Zm\r\n9v\tYg= =\r\n"), Ok(b"foob".to_vec()));
    for text in ["Zg=", "Zg", "Z", "Z===", "=", "Zg==Zg==", "Zh==", "Zm9=", "Zg==="] {
        assert_eq!(decode(text), Err(Base64Error::Padding), "{text}");
    }
    assert_eq!(decode("Zm9v-"), Err(Base64Error::Character { offset: 4 }));
    assert_eq!(base64::encode(b"foo", &mut [0; 3]), Err(Base64Error::TooLong));
}

proptest! {
    #[test]
    fn base64_round_trips(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut buffer = vec![0; base64::encoded_len(octets.len())];
        let len = base64::encode(&octets, &mut buffer).unwrap();
        prop_assert_eq!(len, buffer.len());
        let text = String::from_utf8(buffer.clone()).unwrap();
        prop_assert!(text.split("\r\n").all(|line| line.len() <= 76 && (line.is_empty() == text.is_empty())));
        let len = base64::decode(&mut buffer).unwrap();
        prop_assert_eq!(&buffer[..len], &octets[..]);
    }

    #[test]
    fn any_offer_comes_through(
        group in proptest::collection::vec(any::<u8>(), 0..40), epoch: u32,
        sa in proptest::collection::vec(any::<u8>(), 0..80), kd in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let (mut host, mut member) = ends();
        let offer = Offer { group: &group, epoch, sa: &sa, kd: &kd };
        let (mut body, _) = offered(&mut host, &OPENING, &offer);
        prop_assert_eq!(member.open_offer(&mut RustCrypto, &OPENING, &mut body).unwrap(), (0, offer));
    }
}

/// The INVITE of the documentation opens, and is what is made of what it says.
#[test]
fn the_invite_of_the_documentation() {
    let text = include_str!("../src/group/sip/example.md");
    let invite = text.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    let content = invite.split_once("\n\n").unwrap().1.replace('\n', "\r\n");
    assert!(invite.contains(&format!("\nContent-Length: {}\n", content.len())));
    let part = invite.split("--boundary42\n").nth(2).unwrap().split("\n--boundary42--").next().unwrap();
    let (headers, body) = part.split_once("\n\n").unwrap();
    assert_eq!(PartHeaders::parse(headers.as_bytes()), Ok(PartHeaders::new(Encoding::Base64, true)));
    for field in ["Call-ID: a84b4c76e66710@pc33.atlanta.example\n", "CSeq: 314159 INVITE\n", ";tag=1928301774\n"] {
        assert!(invite.contains(field), "{field}");
    }
    let mut octets = body.as_bytes().to_vec();
    let len = base64::decode(&mut octets).unwrap();
    let (mut host, mut member) = ends();
    assert_eq!(octets[..len], offered(&mut host, &OPENING, &OFFER).0);
    assert_eq!(taken(&mut member, &OPENING, &octets[..len]), Ok(0));
}
