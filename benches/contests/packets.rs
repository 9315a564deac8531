//! Packets and associations that the entries work on.

use xcast_sec::crypto::{CipherAlgorithm, CryptoProvider, IntegrityAlgorithm};
use xcast_sec::ipsec::{Freshness, PacketBuf, Protection, RoutingCoverage, Sa, SaConfig, Spi, seal_with};
use xcast_sec::wire::{Ipv4Repr, UdpRepr, protocol};

/// Octets to be encrypted, Pad Length and Next Header among them; 1400 are padded to 1408.
pub(crate) const SIZES: [usize; 4] = [64, 256, 1024, 1400];
/// Packets in a burst, and in a run.
pub(crate) const BURST: usize = 32;
/// Room in front of a packet, for ESP's or AH's header.
pub(crate) const HEADROOM: usize = 64;
/// Octets of the IPv4 header in front of everything.
pub(crate) const IP_LEN: usize = 20;
/// SPI, Sequence Number and initialization vector.
pub(crate) const ESP_HEADER_LEN: usize = 24;
pub(crate) const IV_LEN: usize = 16;
pub(crate) const ICV_LEN: usize = 12;

/// A key for each association.
pub(crate) fn cipher_key(sa: usize) -> [u8; 16] {
    [sa as u8 ^ 0x5a; 16]
}

pub(crate) fn integrity_key(sa: usize) -> [u8; 20] {
    [sa as u8 ^ 0xa5; 20]
}

/// An initialization vector for each packet.
pub(crate) fn iv(packet: usize) -> [u8; IV_LEN] {
    core::array::from_fn(|at| (packet * 31 + at * 7) as u8)
}

fn sa<P: CryptoProvider>(crypto: &mut P, number: usize, protection: Protection<'_>) -> Sa<P> {
    let config = SaConfig::new(Spi::new(0x1000 + number as u32).expect("not reserved"), protection);
    Sa::new(&config, crypto).expect("keys fit")
}

/// AES-128-CBC and HMAC-SHA1-96.
pub(crate) fn esp<P: CryptoProvider>(crypto: &mut P, number: usize) -> Sa<P> {
    let protection = Protection::Esp {
        cipher: CipherAlgorithm::AesCbc,
        cipher_key: &cipher_key(number),
        integrity: Some((IntegrityAlgorithm::HmacSha1_96, &integrity_key(number))),
    };
    sa(crypto, number, protection)
}

/// HMAC-SHA1-96.
pub(crate) fn ah<P: CryptoProvider>(crypto: &mut P, number: usize) -> Sa<P> {
    let protection = Protection::Ah {
        integrity: IntegrityAlgorithm::HmacSha1_96,
        key: &integrity_key(number),
        coverage: RoutingCoverage::FieldsZeroed,
        pad_to_8: false,
    };
    sa(crypto, number, protection)
}

/// Packets in buffers, and what they are set back to.
pub(crate) struct Pool {
    pub(crate) buffers: Vec<Vec<u8>>,
    templates: Vec<Vec<u8>>,
}

impl Pool {
    pub(crate) fn new(templates: Vec<Vec<u8>>) -> Self {
        Self { buffers: templates.clone(), templates }
    }

    /// Sets all packets back.
    pub(crate) fn reset(&mut self) {
        for (buffer, template) in self.buffers.iter_mut().zip(&self.templates) {
            buffer.copy_from_slice(template);
        }
    }
}

/// A unicast IPv4 packet with `len` octets of UDP behind [`HEADROOM`] octets of nothing, and room behind it.
pub(crate) fn plain(number: usize, len: usize) -> Vec<u8> {
    let body: Vec<u8> = (0..len - 8).map(|at| (at * 13 + number) as u8).collect();
    let udp = UdpRepr { source_port: 1, destination_port: 2, payload: &body };
    let (source, destination) = ([192, 0, 2, 1].into(), [10, 0, 0, 1].into());
    let ip =
        Ipv4Repr { tos: 0, ttl: 64, protocol: protocol::UDP, source, destination, options_len: 0, payload_len: len };
    let mut buffer = vec![0; HEADROOM + IP_LEN + len + 64];
    ip.emit(&mut buffer[HEADROOM..]).expect("fits");
    udp.emit(source.into(), destination.into(), &mut buffer[HEADROOM + IP_LEN..]).expect("fits");
    buffer
}

/// The packet in a buffer that [`plain`] made.
pub(crate) fn as_packet(buffer: &mut [u8], len: usize) -> PacketBuf<'_> {
    PacketBuf::new(buffer, HEADROOM..HEADROOM + IP_LEN + len).expect("in range")
}

/// `len` octets of UDP, sealed: the packet alone.
pub(crate) fn sealed<P: CryptoProvider>(crypto: &mut P, sa: &Sa<P>, number: usize, len: usize) -> Vec<u8> {
    let mut buffer = plain(number, len);
    let mut packet = as_packet(&mut buffer, len);
    let iv = &iv(number)[..sa.iv_len()];
    seal_with(sa, Freshness { sequence: number as u64 + 1, iv }, crypto, None, &mut packet).expect("seals");
    packet.as_octets().to_vec()
}
