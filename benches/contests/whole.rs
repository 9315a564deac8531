//! Bursts of whole packets by the batch API of `ipsec`: headers placed and parsed, associations looked up, replay windows moved.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use xcast_sec::crypto::{CryptoProvider, RustCrypto};
use xcast_sec::ipsec::{
    Freshness, PacketBuf, Sa, SadLookup, SecurityProtocol, SenderKey, SenderWindows, Spi, ToSeal, open_batch,
    seal_batch_with,
};

use super::batch::{Burst, Direction};
use super::packets::{self, BURST, ESP_HEADER_LEN, HEADROOM, IV_LEN, Pool};
use super::single::udp_len;
use super::{Entry, Prepared};

/// One for each number of a key. A host with many associations has a table; here the SPI is the place in it.
struct Associations<P: CryptoProvider>(Vec<Sa<P>>);

impl<P: CryptoProvider> Associations<P> {
    fn new(crypto: &mut P) -> Self {
        Self((0..BURST).map(|number| packets::esp(crypto, number)).collect())
    }
}

impl<P: CryptoProvider> SadLookup<P> for Associations<P> {
    fn lookup(&self, protocol: SecurityProtocol, spi: Spi, destination: IpAddr, source: IpAddr) -> Option<&Sa<P>> {
        let sa = self.0.get((spi.value() as usize).checked_sub(0x1000)?)?;
        (sa.protocol() == protocol && sa.is_for(destination, source)).then_some(sa)
    }
}

/// Octets of UDP of each packet, with the number of its keys; the sizes are those that [`Burst::packets`] has.
fn lengths(burst: Burst) -> Vec<(usize, usize)> {
    burst
        .packets()
        .into_iter()
        .map(|(keys, octets)| (keys, udp_len(octets.len() - ESP_HEADER_LEN - packets::ICV_LEN)))
        .collect()
}

/// The packets after sealing.
fn sealed(burst: Burst) -> Vec<Vec<u8>> {
    let associations = Associations::new(&mut RustCrypto);
    let seal = |(at, (keys, len))| packets::sealed(&mut RustCrypto, &associations.0[keys], at, len);
    lengths(burst).into_iter().enumerate().map(seal).collect()
}

/// Burst by burst by `crypto`.
pub(crate) fn entry<P: CryptoProvider + 'static>(crypto: P, burst: Burst, direction: Direction) -> Box<dyn Entry> {
    match direction {
        Direction::Seal => sealing(crypto, burst),
        Direction::Open => opening(crypto, burst),
    }
}

fn sealing<P: CryptoProvider + 'static>(mut crypto: P, burst: Burst) -> Box<dyn Entry> {
    let lengths = lengths(burst);
    let plain = lengths.iter().enumerate().map(|(at, &(_, len))| packets::plain(at, len)).collect();
    let associations = Associations::new(&mut crypto);
    let ivs: Vec<[u8; IV_LEN]> = (0..BURST).map(packets::iv).collect();
    let mut entry = Prepared::new(Pool::new(plain), Pool::reset, move |pool: &mut Pool| {
        let mut packets = heapless::Vec::<PacketBuf<'_>, BURST>::new();
        for (buffer, &(_, len)) in pool.buffers.iter_mut().zip(&lengths) {
            assert!(packets.push(packets::as_packet(buffer, len)).is_ok(), "more packets than a burst has");
        }
        let batch = packets.iter_mut().enumerate().map(|(at, packet)| {
            let freshness = Freshness { sequence: at as u64 + 1, iv: &ivs[at] };
            ToSeal { sa: &associations.0[lengths[at].0], freshness, packet }
        });
        seal_batch_with(black_box(&mut crypto), None, batch, |_, result| _ = result.expect("seals"));
    });
    for (buffer, sealed) in entry.once().buffers.iter().zip(&sealed(burst)) {
        assert_eq!(&buffer[HEADROOM - ESP_HEADER_LEN..][..sealed.len()], sealed, "{burst}");
    }
    Box::new(entry)
}

fn opening<P: CryptoProvider + 'static>(mut crypto: P, burst: Burst) -> Box<dyn Entry> {
    let associations = Associations::new(&mut crypto);
    let source = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let senders: Vec<_> = associations.0.iter().map(|sa| SenderKey { sa: sa.id(), source }).collect();
    // All senders were heard before.
    let known = move || {
        let mut windows = SenderWindows::<BURST, 2>::new(128).expect("a size");
        for &sender in &senders {
            windows.start_after(sender, 0).expect("there is room");
        }
        windows
    };
    let mut entry = Prepared::new(
        (Pool::new(sealed(burst)), known()),
        move |(pool, windows)| {
            pool.reset();
            *windows = known();
        },
        move |(pool, windows)| {
            let mut packets = heapless::Vec::<PacketBuf<'_>, BURST>::new();
            for buffer in &mut pool.buffers {
                let len = buffer.len();
                let packet = PacketBuf::new(buffer, 0..len).expect("in range");
                assert!(packets.push(packet).is_ok(), "more packets than a burst has");
            }
            let mut opened = 0;
            open_batch(&associations, windows, black_box(&mut crypto), None, packets.iter_mut(), |_, result| {
                opened += usize::from(result.is_ok());
            });
            assert_eq!(opened, packets.len());
        },
    );
    entry.once();
    Box::new(entry)
}
