//! A group of three members who all hold one key, and what they send each other.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr};

use rand_core::{TryCryptoRng, TryRng};
use xcast_sec::crypto::{CipherAlgorithm, IntegrityAlgorithm, RustCrypto};
use xcast_sec::group::source_auth::{AuthenticateError, PacketOrigin, SourceAuthenticator};
use xcast_sec::ipsec::{
    OpenError, Opened, OutboundSa, PacketBuf, Protection, RoutingCoverage, Sa, SaConfig, SenderWindows, Spi, open,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{
    BitmapPlace, ChecksumPolicy, CodePoints, DestinationSet, Destinations, UdpDatagram, UdpRepr, XcastPacket,
    XcastRepr, protocol,
};

pub(crate) const NAME: &[u8] = b"conference 7, key 1";
pub(crate) const NOW: Instant = Instant::from_secs(50);

/// Member `number`, from 1.
pub(crate) const fn member(number: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number)
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum With {
    Esp,
    Ah,
}

/// The group's association; with a source if it is for one sender. The key is everybody's in both cases.
pub(crate) fn association(with: With, source: Option<IpAddr>) -> Sa<RustCrypto> {
    let integrity = IntegrityAlgorithm::HmacSha2_256_128;
    let protection = match with {
        With::Esp => Protection::Esp {
            cipher: CipherAlgorithm::AesCbc,
            cipher_key: &[1; 16],
            integrity: Some((integrity, &[2; 32])),
        },
        With::Ah => {
            Protection::Ah { integrity, key: &[3; 32], coverage: RoutingCoverage::FieldsZeroed, pad_to_8: false }
        }
    };
    let config = SaConfig { source, ..SaConfig::new(Spi::new(0x4711).unwrap(), protection) };
    Sa::new(&config, &mut RustCrypto).unwrap()
}

pub(crate) struct Random;

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(4)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(4)
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Infallible> {
        octets.fill(4);
        Ok(())
    }
}

impl TryCryptoRng for Random {}

/// A member's sending end.
pub(crate) struct Sender {
    pub(crate) address: Ipv6Addr,
    pub(crate) outbound: OutboundSa<RustCrypto>,
}

impl Sender {
    pub(crate) fn new(number: u16, sa: Sa<RustCrypto>) -> Self {
        Self { address: member(number), outbound: OutboundSa::new(sa, Instant::START).unwrap() }
    }

    /// The message with its trailer.
    pub(crate) fn payload<A: SourceAuthenticator>(
        &self,
        now: Instant,
        authenticator: &mut A,
        message: &[u8],
    ) -> Result<Vec<u8>, AuthenticateError> {
        let origin = PacketOrigin::sealing(NAME, &self.outbound, self.address.into()).unwrap();
        let mut payload = message.to_vec();
        payload.resize(message.len() + authenticator.trailer_len(), 0xee);
        let (message, trailer) = payload.split_at_mut(message.len());
        authenticator.authenticate(now, &origin, message, trailer)?;
        Ok(payload)
    }

    /// An Xcast6 packet to the two others, sealed.
    pub(crate) fn seal(&mut self, payload: &[u8]) -> Vec<u8> {
        let code_points = CodePoints::rfc4727_experiment();
        let others: Vec<_> = (1..=3).map(member).filter(|address| *address != self.address).collect();
        let header = XcastRepr {
            destinations: Destinations::V6 { source: self.address, channel: [0; 16], addresses: &others },
            bits: DestinationSet::first_n(others.len()),
            dscps: None,
            ports: None,
            anonymous: false,
            no_x2u: true,
            bitmap: BitmapPlace::Header,
            hop_limit: 64,
            next_protocol: protocol::UDP,
        };
        let udp = UdpRepr { source_port: 5000, destination_port: 5000, payload };
        let len = header.encoded_len(udp.encoded_len());
        let mut buffer = vec![0; len + 256];
        let segment = header.emit(&code_points, udp.encoded_len(), &mut buffer[128..]).unwrap();
        udp.emit(self.address.into(), code_points.fields().routers_v6.into(), segment).unwrap();
        let mut packet = PacketBuf::new(&mut buffer, 128..128 + len).unwrap();
        self.outbound.seal(NOW, &mut RustCrypto, &mut Random, Some(&code_points), &mut packet).unwrap();
        packet.as_octets().to_vec()
    }
}

/// A member's receiving end.
pub(crate) struct Receiver {
    sa: Sa<RustCrypto>,
    windows: SenderWindows<4, 1>,
}

impl Receiver {
    pub(crate) fn new(sa: Sa<RustCrypto>) -> Self {
        Self { sa, windows: SenderWindows::new(64).unwrap() }
    }

    /// Opens a packet: what was opened, and what its datagram carries.
    pub(crate) fn open(&mut self, packet: &[u8]) -> Result<(Opened, Vec<u8>), OpenError> {
        let code_points = CodePoints::rfc4727_experiment();
        let mut buffer = packet.to_vec();
        let mut packet = PacketBuf::new(&mut buffer, 0..packet.len()).unwrap();
        let opened = open(&self.sa, &mut self.windows, &mut RustCrypto, Some(&code_points), &mut packet)?;
        let packet = XcastPacket::parse(packet.as_octets(), &code_points, ChecksumPolicy::Verify).unwrap();
        let datagram = UdpDatagram::parse(packet.payload()).unwrap();
        Ok((opened, datagram.payload().to_vec()))
    }
}
