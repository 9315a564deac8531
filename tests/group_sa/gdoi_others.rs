//! What others may write, as RFC 6407 and RFC 2407 have it, and what is made of it. The messages are put together here
//! by hand, and not by the library.

use crate::kit::{groups, spi};
use xcast_sec::crypto::{CipherAlgorithm, IntegrityAlgorithm};
use xcast_sec::group::gdoi::{Download, GdoiError};
use xcast_sec::group::{GroupLifetime, GroupMode, Preservation, Rollover, SaTerms, Suite};
use xcast_sec::ipsec::Directionality;

pub(crate) fn payload(next: u8, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[next, 0, len[0], len[1]], body].concat()
}

pub(crate) fn basic(kind: u16, value: u16) -> Vec<u8> {
    [(kind | 0x8000).to_be_bytes(), value.to_be_bytes()].concat()
}

pub(crate) fn variable(kind: u16, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&kind.to_be_bytes()[..], &len, value].concat()
}

pub(crate) const NO_SOURCE: &[u8] = &[0, 0, 0, 0];
pub(crate) const GROUP: &[u8] = &[1, 0, 0, 4, 224, 0, 0, 254];
const SPI: [u8; 4] = [0, 0, 0x10, 0];

/// A message with one association of ESP with AES-CBC, whose parts can be replaced.
#[derive(Clone)]
pub(crate) struct Message {
    /// Octets of a GAP payload's body, if there is one.
    pub(crate) gap: Option<Vec<u8>>,
    /// Protocol-ID and Protocol.
    pub(crate) protocol: Vec<u8>,
    pub(crate) source: Vec<u8>,
    pub(crate) destination: Vec<u8>,
    pub(crate) transform: u8,
    pub(crate) spi: [u8; 4],
    pub(crate) attributes: Vec<Vec<u8>>,
    /// Key packets.
    pub(crate) packets: Vec<Vec<u8>>,
}

impl Message {
    pub(crate) fn new() -> Self {
        Self {
            gap: None,
            protocol: vec![1, 0],
            source: NO_SOURCE.to_vec(),
            destination: GROUP.to_vec(),
            transform: 12,
            spi: SPI,
            attributes: vec![basic(4, 2), basic(5, 5), basic(6, 128)],
            packets: vec![tek(SPI, &[variable(1, &[0x11; 16]), variable(2, &[0x22; 32])])],
        }
    }

    pub(crate) fn with(self, attribute: Vec<u8>) -> Self {
        let mut attributes = self.attributes;
        attributes.push(attribute);
        Self { attributes, ..self }
    }

    /// Without the attribute `kind`.
    pub(crate) fn without(self, kind: u16) -> Self {
        let attributes = self.attributes.into_iter();
        let other = |attribute: &Vec<u8>| u16::from_be_bytes([attribute[0], attribute[1]]) & 0x7fff != kind;
        Self { attributes: attributes.filter(other).collect(), ..self }
    }

    pub(crate) fn sat_body(&self) -> Vec<u8> {
        [&self.protocol, &self.source, &self.destination, &[self.transform][..], &self.spi, &self.attributes.concat()]
            .concat()
    }

    pub(crate) fn octets(&self) -> Vec<u8> {
        let gap = self.gap.as_ref().map_or(vec![], |body| payload(16, body));
        let first = if self.gap.is_some() { 22 } else { 16 };
        let head = [0, 0, 0, 2, 0, 0, 0, 0, 0, first, 0, 0];
        let sa = payload(17, &[&head[..], &gap, &payload(0, &self.sat_body())].concat());
        [sa, self.kd()].concat()
    }

    fn kd(&self) -> Vec<u8> {
        let count = u16::try_from(self.packets.len()).unwrap().to_be_bytes();
        payload(0, &[&[count[0], count[1], 0, 0], &self.packets.concat()[..]].concat())
    }

    /// Where the attributes begin, if there is no GAP payload.
    pub(crate) fn attributes_at(&self) -> usize {
        16 + 4 + self.protocol.len() + self.source.len() + self.destination.len() + 5
    }

    /// Where the KD payload begins.
    pub(crate) fn kd_at(&self) -> usize {
        self.octets().len() - self.kd().len()
    }

    fn read(&self) -> Result<SaTerms, GdoiError> {
        let octets = self.octets();
        let download = Download::parse(&octets)?;
        assert!(!download.is_canonical(), "it is what others write");
        let sa = download.iter().next().unwrap();
        assert_eq!(sa.encryption_key().as_octets(), [0x11; 16]);
        assert_eq!(sa.integrity_key().as_octets(), [0x22; 32]);
        Ok(*sa.terms())
    }
}

/// A TEK key packet.
pub(crate) fn tek(spi: [u8; 4], attributes: &[Vec<u8>]) -> Vec<u8> {
    // It has a generic header's layout, with the KD Type first.
    payload(1, &[&[4], &spi[..], &attributes.concat()].concat())
}

/// A SID key packet.
pub(crate) fn sid(attributes: &[Vec<u8>]) -> Vec<u8> {
    payload(4, &[&[0], &attributes.concat()[..]].concat())
}

fn plain() -> SaTerms {
    let integrity = IntegrityAlgorithm::HmacSha2_256_128;
    let suite = Suite::Esp { cipher: CipherAlgorithm::AesCbc, cipher_key_len: 16, integrity };
    SaTerms::new(spi(0x1000), groups()[0], suite)
}

/// RFC 2407 §4.5: 28800 seconds. RFC 6407 §5.5.1.1: symmetric; both addresses preserved. No GAP: no delay.
#[test]
fn what_is_left_out_has_its_default() {
    assert_eq!(Message::new().read(), Ok(plain()));
    let tunnel = Message::new().without(4).with(basic(4, 1));
    assert_eq!(tunnel.read(), Ok(SaTerms { mode: GroupMode::Tunnel(Preservation::Both), ..plain() }));
    let only_dtd = Message { gap: Some(basic(2, 9)), ..Message::new() };
    let rollover = Rollover { activation_delay: 0, deactivation_delay: 9 };
    assert_eq!(only_dtd.read(), Ok(SaTerms { rollover, ..plain() }));
    let empty_gap = Message { gap: Some(vec![]), ..Message::new() };
    assert_eq!(empty_gap.read(), Ok(plain()));
}

#[test]
fn attributes_may_come_in_any_order() {
    let mut message = Message::new().with(basic(15, 3));
    for _ in 0..message.attributes.len() {
        message.attributes.rotate_left(1);
        assert_eq!(message.read(), Ok(plain()));
    }
    message.packets = vec![tek(SPI, &[variable(2, &[0x22; 32]), variable(1, &[0x11; 16])])];
    assert_eq!(message.read(), Ok(plain()));
    let gap = Some([basic(2, 9), basic(1, 4)].concat());
    let rollover = Rollover { activation_delay: 4, deactivation_delay: 9 };
    assert_eq!(Message { gap, ..message }.read(), Ok(SaTerms { rollover, ..plain() }));
}

/// RFC 2407 §4.5: variable attributes MAY be basic if they fit. §4.5.2: several life types, which is its example.
#[test]
fn durations_may_have_every_length() {
    let seconds = |seconds| GroupLifetime::seconds(std::num::NonZeroU32::new(seconds).unwrap());
    for (duration, expected) in [
        (basic(2, 600), 600),
        (variable(2, &[7]), 7),
        (variable(2, &[1, 0, 0]), 0x1_0000),
        (variable(2, &[0, 0, 0, 0, 0, 0, 2, 0]), 512),
    ] {
        let message = Message::new().with(basic(1, 1)).with(duration);
        assert_eq!(message.read().map(|terms| terms.lifetime), Ok(seconds(expected)));
    }
    let both = Message::new()
        .with(vec![0x80, 1, 0, 1, 0, 2, 0, 4, 0, 1, 0x51, 0x80])
        .with(vec![0x80, 1, 0, 2, 0, 2, 0, 4, 0, 1, 0x86, 0xa0]);
    let kilobytes = std::num::NonZeroU32::new(100_000);
    assert_eq!(both.read().map(|terms| terms.lifetime), Ok(GroupLifetime { kilobytes, ..seconds(86_400) }));
}

/// RFC 6407 §5.5.1: Group Description "is ignored by a GDOI implementation if received".
#[test]
fn a_group_description_is_ignored() {
    for ignored in [basic(3, 2), variable(3, &[1, 2, 3]), [basic(3, 2), basic(3, 5)].concat()] {
        assert_eq!(Message::new().with(ignored).read(), Ok(plain()));
    }
}

/// RFC 6407 §5.5.1: "Set to 3 octets or zero for multiple-source multicast groups".
#[test]
fn any_sender_may_be_three_octets_of_zero() {
    for id_type in [0, 1, 5] {
        let source = vec![id_type, 0, 0, 3, 0, 0, 0];
        assert_eq!(Message { source, ..Message::new() }.read(), Ok(plain()));
    }
    let source = vec![1, 0, 0, 4, 192, 0, 2, 1];
    let named = SaTerms { source: Some("192.0.2.1".parse().unwrap()), ..plain() };
    assert_eq!(Message { source: source.clone(), ..Message::new() }.read(), Ok(named));
    let message = Message { source, ..Message::new() }.with(basic(15, 1));
    assert_eq!(message.read(), Ok(SaTerms { direction: Directionality::SenderOnly, ..named }));
}

#[test]
fn key_packets_may_come_in_any_order() {
    let message = Message::new();
    let sid = sid(&[variable(2, &[5]), basic(1, 8)]);
    let octets = Message { packets: vec![sid, message.packets[0].clone()], ..message }.octets();
    let download = Download::parse(&octets).unwrap();
    assert_eq!(download.sender(), xcast_sec::ipsec::SenderId::new(5, 8));
    assert_eq!(*download.iter().next().unwrap().terms(), plain());
    assert!(!download.is_canonical());
}

/// RFC 2407 §4.4.3, §4.4.4, §4.5; RFC 3602 §5.3; RFC 3686 §5.4; RFC 4106 §8; RFC 4868 §4; and the registry for AH with
/// SHA-2.
#[test]
fn algorithms_have_the_numbers_of_the_registries() {
    use IntegrityAlgorithm as I;
    use xcast_sec::crypto::AeadAlgorithm as A;
    use xcast_sec::ipsec::RoutingCoverage as R;

    let suite_of = |message: Message, keys: [usize; 2]| {
        let keys: Vec<_> = [1, 2].into_iter().zip(keys).filter(|&(_, len)| len > 0).collect();
        let keys: Vec<_> = keys.into_iter().map(|(kind, len)| variable(kind, &vec![7; len])).collect();
        let octets = Message { packets: vec![tek(SPI, &keys)], ..message }.octets();
        let suite = Download::parse(&octets).map(|download| download.iter().next().unwrap().terms().suite);
        suite.unwrap_or_else(|error| panic!("{error}"))
    };
    let integrity =
        [(I::HmacMd5_96, 2, 1), (I::HmacSha1_96, 3, 2), (I::HmacSha2_256_128, 5, 5), (I::HmacSha2_384_192, 6, 6)]
            .into_iter()
            .chain([(I::HmacSha2_512_256, 7, 7)]);
    for (integrity, transform, number) in integrity {
        let esp = Message::new().without(5).with(basic(5, number));
        let key_len = integrity.key_len();
        for (transform, cipher, bits, cipher_key_len) in [
            (12, CipherAlgorithm::AesCbc, 128, 16),
            (12, CipherAlgorithm::AesCbc, 192, 24),
            (12, CipherAlgorithm::AesCbc, 256, 32),
            (13, CipherAlgorithm::AesCtr, 128, 20),
            (13, CipherAlgorithm::AesCtr, 192, 28),
            (13, CipherAlgorithm::AesCtr, 256, 36),
        ] {
            let message = Message { transform, ..esp.clone() }.without(6).with(basic(6, bits));
            let expected = Suite::Esp { cipher, cipher_key_len, integrity };
            assert_eq!(suite_of(message, [cipher_key_len, key_len]), expected);
        }
        let null = Message { transform: 11, ..esp.clone() }.without(6);
        let expected = Suite::Esp { cipher: CipherAlgorithm::Null, cipher_key_len: 0, integrity };
        assert_eq!(suite_of(null, [0, key_len]), expected);
        let ah = Message { protocol: vec![2, 0], transform, ..esp }.without(6);
        // Project-defined: 32001 and 32002.
        for (covered, coverage) in
            [(None, R::DataZeroed), (Some(basic(32_001, 1)), R::FieldsZeroed), (Some(basic(32_001, 2)), R::Covered)]
        {
            let message = covered.into_iter().fold(ah.clone(), Message::with);
            let expected = Suite::Ah { integrity, coverage, pad_to_8: false };
            assert_eq!(suite_of(message.clone(), [0, key_len]), expected);
            let expected = Suite::Ah { integrity, coverage, pad_to_8: true };
            assert_eq!(suite_of(message.with(basic(32_002, 1)), [0, key_len]), expected);
        }
    }
    for (bits, key_len) in [(128, 20), (192, 28), (256, 36)] {
        let message = Message { transform: 20, ..Message::new() }.without(5).without(6).with(basic(6, bits));
        assert_eq!(suite_of(message, [key_len, 0]), Suite::EspCombined { algorithm: A::AesGcm16, key_len });
    }
    // Project-defined: 249.
    let message = Message { transform: 249, ..Message::new() }.without(5).without(6);
    let expected = Suite::EspCombined { algorithm: A::ChaCha20Poly1305, key_len: 36 };
    assert_eq!(suite_of(message, [36, 0]), expected);
}

/// RFC 6407 §5.5.1.1.1, §5.5.1.1.2.
#[test]
fn preservation_and_direction_have_the_numbers_of_rfc_6407() {
    let named = Message { source: vec![1, 0, 0, 4, 192, 0, 2, 1], ..Message::new() };
    for (number, direction) in
        [(1, Directionality::SenderOnly), (2, Directionality::ReceiverOnly), (3, Directionality::Symmetric)]
    {
        let read = named.clone().with(basic(15, number)).read();
        assert_eq!(read.map(|terms| terms.direction), Ok(direction));
    }
    for (number, preservation) in
        [(1, Preservation::Neither), (2, Preservation::Source), (3, Preservation::Destination), (4, Preservation::Both)]
    {
        let read = named.clone().without(4).with(basic(4, 1)).with(basic(14, number)).read();
        assert_eq!(read.map(|terms| terms.mode), Ok(GroupMode::Tunnel(preservation)));
    }
}
