//! Whole packets that do not verify: whether the time tells anything about what is inside.

use std::hint::black_box;

use xcast_sec::crypto::{AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm, RustCrypto};
use xcast_sec::ipsec::{
    Freshness, OpenError, PacketBuf, Protection, RoutingCoverage, Sa, SaConfig, SenderWindows, Spi, open, seal_with,
};
use xcast_sec::wire::{Ipv4Repr, UdpRepr, esp, protocol};

use crate::welch::{INPUT, timed};
use crate::{Examination, first_or_last};

const HEADROOM: usize = 64;
const ROOM: usize = 256;

/// A sealed packet, at `HEADROOM` or before it, and its length.
struct Sealed {
    sa: Sa<RustCrypto>,
    buffer: [u8; ROOM],
    start: usize,
    end: usize,
}

fn sealed(protection: Protection<'_>) -> Sealed {
    let config = SaConfig::new(Spi::new(0x1000).expect("not reserved"), protection);
    let sa = Sa::new(&config, &mut RustCrypto).expect("keys fit");
    let udp = UdpRepr { source_port: 1, destination_port: 2, payload: &[0xab; 20] };
    let (source, destination, payload_len) = ([192, 0, 2, 1].into(), [10, 0, 0, 1].into(), udp.encoded_len());
    let ip = Ipv4Repr { tos: 0, ttl: 64, protocol: protocol::UDP, source, destination, options_len: 0, payload_len };
    let mut buffer = [0; ROOM];
    ip.emit(&mut buffer[HEADROOM..]).expect("fits");
    udp.emit(source.into(), destination.into(), &mut buffer[HEADROOM + 20..]).expect("fits");
    let mut packet = PacketBuf::new(&mut buffer, HEADROOM..HEADROOM + 20 + payload_len).expect("in range");
    let freshness = Freshness { sequence: 1, iv: &[7; 16][..sa.iv_len()] };
    seal_with(&sa, freshness, &mut RustCrypto, None, &mut packet).expect("seals");
    let range = packet.range();
    Sealed { sa, buffer, start: range.start, end: range.end }
}

impl Sealed {
    /// Opens it with octets changed, from `at` on as an input says.
    fn open_changed(&self, windows: &mut SenderWindows<1, 1>, at: usize, input: &[u8; INPUT], len: usize) -> u64 {
        let mut buffer = self.buffer;
        buffer[at..].iter_mut().zip(&input[..len]).for_each(|(octet, change)| *octet ^= change);
        let mut packet = PacketBuf::new(&mut buffer, self.start..self.end).expect("in range");
        let mut result = Ok(());
        let time = timed(|| result = open(&self.sa, windows, &mut RustCrypto, None, &mut packet).map(|_| ()));
        assert_eq!(result, Err(OpenError::Icv));
        time
    }
}

pub(crate) fn examine(examination: &mut Examination) {
    let integrity = IntegrityAlgorithm::HmacSha2_256_128;
    let cbc = Protection::Esp {
        cipher: CipherAlgorithm::AesCbc,
        cipher_key: &[1; 16],
        integrity: Some((integrity, &[2; 32])),
    };
    let gcm = Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key: &[3; 20] };
    let ah = Protection::Ah { integrity, key: &[4; 32], coverage: RoutingCoverage::Covered, pad_to_8: false };
    let mut windows = SenderWindows::<1, 1>::new(64).expect("a size there is");
    for (name, protection) in [("ESP, AES-CBC and HMAC", cbc), ("ESP, AES-GCM", gcm), ("AH", ah)] {
        let packet = sealed(protection);
        // AH's ICV stands behind the IP header and 12 octets.
        let at = if name == "AH" { packet.start + 20 + 12 } else { packet.end - 16 };
        examination.same(&format!("open, {name}, wrong ICV: first or last octet"), &first_or_last(16), |input| {
            packet.open_changed(&mut windows, at, input, 16)
        });
    }
    // The padding oracle of RFC 4303 §3.4.4.1 as nobody must have it: the ICV is wrong in both classes, and the padding
    // would be right in the first alone. In CBC a change of one block changes the same octets of the next one.
    let packet = sealed(cbc);
    let last_but_one = packet.end - 16 - 32;
    let padding = |class: usize, random: &mut crate::welch::Random, input: &mut [u8; INPUT]| {
        input[32] = random.number() as u8 | 1;
        input[14] = (random.number() as u8 | 1) * class as u8;
    };
    examination.same("open, ESP, AES-CBC, wrong ICV: right or wrong Pad Length", &padding, |input| {
        packet.open_changed(&mut windows, last_but_one, input, 33)
    });
    let many = |class: usize, random: &mut crate::welch::Random, input: &mut [u8; INPUT]| {
        input[32] = random.number() as u8 | 1;
        random.fill(&mut input[..16]);
        input[..16].iter_mut().for_each(|octet| *octet *= class as u8);
    };
    examination.same("open, ESP, AES-CBC, wrong ICV: right or other plaintext", &many, |input| {
        packet.open_changed(&mut windows, last_but_one, input, 33)
    });

    // What only a holder of the key gets to: which octet of the padding is wrong.
    let mut data = [0xee; 64];
    for (octet, number) in data[16..62].iter_mut().zip(1..) {
        *octet = number;
    }
    (data[62], data[63]) = (46, protocol::UDP);
    let mut at_padding = |input: &[u8; INPUT]| {
        let mut data = data;
        data[16..62].iter_mut().zip(input).for_each(|(octet, change)| *octet ^= change);
        timed(|| (0..16).all(|_| esp::split_trailer(black_box(&data)).is_none()))
    };
    examination.same("split_trailer, wrong padding: first or last octet", &first_or_last(46), &mut at_padding);
    examination.same("split_trailer, wrong padding: one or many octets", &crate::one_or_many(46), &mut at_padding);
}
